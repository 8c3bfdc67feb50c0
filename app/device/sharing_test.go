package device

import "testing"

// Extenders, bridges, sleep proxies and routers send or speak for others. None of them gets what is another device's.
func TestRegistry_TellsDevicesBehindOneMACApart(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "three addresses by turns", lines: `
			0s..40m/8m       x asks .40
			1s..2401s/8m     x send .40 1000
			150s..2550s/8m   x asks .41
			151s..2551s/8m   x send .41 100
			300s..2700s/8m   x asks .42
			301s..2701s/8m   x send .42 10`,
			want: `
			192.168.2.40 address - .40 */*
			192.168.2.41 address - .41 */*
			192.168.2.42 address - .42 */*`},
		{name: "three addresses by turns, and later its own", lines: `
			0s..60m/10m      x asks .40
			1s..3601s/10m    x send .40 1000
			140s..3740s/10m  x asks .41
			141s..3741s/10m  x send .41 100
			280s..3880s/10m  x asks .42
			281s..3881s/10m  x send .42 10
			570s..3570s/10m  x asks .4
			571s..3571s/10m  x send .4 1`,
			want: `
			192.168.2.4 address * .4 */*
			192.168.2.40 address - .40 */*
			192.168.2.41 address - .41 */*
			192.168.2.42 address - .42 */*`},
		{name: "two addresses with two names in DNS", ptr: ".4 re450.lan\n.40 projector.lan", lines: `
			0s..50m/5m       x asks .4
			1s..3001s/5m     x send .4 500
			170s..3170s/5m   x asks .40
			171s..3171s/5m   x send .40 1000`,
			want: `
			projector.lan ptr * .40 11000/0
			re450.lan ptr * .4 5500/0`},
		{name: "a lease of another station, heard before", lines: `
			0s               p lease .40 plug
			70s..1870s/10m   x asks .40
			71s..1871s/10m   x send .40 1000
			500s..2300s/10m  x asks .4
			501s..2301s/10m  x send .4 1`,
			want: `
			192.168.2.4 address * .4 4/0
			plug dhcp p .40 4000/0`},
		{name: "leases of two others, and nothing else of its own", lines: `
			0s               p lease .40 plug
			20s              q lease .41 lamp
			60s..1860s/5m    x asks .40
			61s..1861s/5m    x send .40 1000
			200s..2000s/5m   x asks .41
			201s..2001s/5m   x send .41 100`,
			want: `
			lamp dhcp q .41 700/0
			plug dhcp p .40 7000/0`},
		{name: "a lease of one, and two of which nothing is known", lines: `
			0s               p lease .40 plug
			20s..2420s/5m    x asks .40
			21s..2421s/5m    x send .40 1000
			60s..2460s/5m    x asks .41
			61s..2461s/5m    x send .41 100
			100s..2500s/5m   x asks .42
			101s..2501s/5m   x send .42 10`,
			want: `
			192.168.2.41 address * .41 900/0
			192.168.2.42 address * .42 90/0
			plug dhcp p .40 9000/0`},
		{name: "a bridge with a lease, and one client with another", lines: `
			0s               x lease .40 bridge
			1s..10001s/20m   x asks .40
			2s               x send .40 7
			900s             p lease .41 avr
			901s..9901s/10m  x asks .41
			902s..9902s/5m   x send .41 100
			903s..9903s/5m   gw recv .41 1400`,
			want: `
			avr dhcp p .41 3100/43400
			bridge dhcp x .40 7/0`},
		{name: "a router that forwards at the link layer for IPv6", lines: `
			0s               gw router fe80::1
			1s               a ann .7
			2s..60s/2s       gw recv .7 1000
			3s               a ann ::aa
			4s..64s/10s      gw send ::c0 700
			5s..65s/10s      gw send ::c1 70
			6s..66s/10s      gw send ::c2 7
			7s               a send ::aa 1`,
			want: `
			192.168.2.7 address a .7 ::aa 1/30000
			2001:db8::c0 address - ::c0 4900/0
			2001:db8::c1 address - ::c1 490/0
			2001:db8::c2 address - ::c2 49/0`},
	})
}

// A sleep proxy announces the addresses of the device that sleeps.
func TestRegistry_LeavesASleepingDeviceItsAddresses(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "names of multicast DNS", lines: `
			0s               v ann .20
			1s               v send .20 500
			2s               v mdns tv .20
			3s               b ann .30
			4s               b send .30 500
			5s               b mdns laptop .30
			400s..1000s/50s  v ann .30
			401s..1001s/50s  v mdns laptop .20 .30
			402s..1002s/50s  v mdns tv .20
			403s..1003s/50s  v send .20 100`,
			want: `
			laptop mdns b .30 500/0
			tv mdns v .20 1800/0`},
		{name: "without names or leases", lines: `
			0s               v ann .20 ::20
			1s               v send .20 500
			2s               v send ::20 50
			3s               b ann .30
			4s               b send .30 500
			600s             v ann .30
			700s             v ann ::21
			701s             v send ::21 80
			702s             v send .20 1`,
			want: `
			192.168.2.20 address v .20 ::20 ::21 631/0
			192.168.2.30 address b .30 500/0`},
		{name: "leases, and new addresses later", lines: `
			0s               v lease .20 tv
			1s               b lease .30 laptop
			2s               v ann .20
			3s               v send .20 500
			4s               b ann .30
			5s               b send .30 500
			20s..1200s/1m    v ann .20
			21s..1201s/1m    v send .20 100
			350s             v ann .30
			450s             v probe ::a
			451s             v ann ::a
			452s             v send ::a 1000
			800s             v ann ::b
			801s             v send ::b 1000`,
			want: `
			laptop dhcp b .30 500/0
			tv dhcp v .20 ::a ::b 4500/0`},
		{name: "packets to the sleeper go to its own name", lines: `
			0s               v lease .20 tv
			1s               b lease .30 laptop
			2s               b ann .30 ::30 fe80::30
			3s               b send .30 500
			4s               v send .20 500
			5s               b send ::30 50
			6s               b send fe80::30 5
			900s..902s/2s    v ann .30 ::30 fe80::30
			1000s..1010s/1s  gw recv .30 1400
			1011s            gw recv ::30 140
			5000s            b lease .30 laptop
			5001s            b ann .30 ::30
			5002s            b send .30 1`,
			want: `
			laptop dhcp b .30 ::30 fe80::30 556/15540
			tv dhcp v .20 500/0`},
	})
}

// A change of the address is no reason to suspect a station, and no suspicion stays when its cause has gone.
func TestRegistry_KeepsADeviceWholeThatChangesItsAddress(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "three addresses in a minute", lines: `
			0s               a ann .60
			1s               a send .60 500
			25s              a ann .61
			26s              a send .61 500
			50s              a ann .62
			51s..141s/10s    a send .62 100`,
			want: `192.168.2.60 address a .60 .61 .62 2000/0`},
		{name: "and IPv6 long after", lines: `
			0s               a ann .60
			1s               a send .60 500
			25s              a ann .61
			26s              a send .61 500
			50s              a ann .62
			51s..6051s/10m   a send .62 100
			4000s            a ann ::a
			4001s            a send ::a 1000
			5500s            a ann ::b
			5501s            a send ::b 1000`,
			want: `192.168.2.60 address a .60 .61 .62 ::a ::b 4100/0`},
		{name: "three link-local addresses", lines: `
			0s               a ann fe80::a
			1s               a send fe80::a 10
			10s              a ann fe80::b
			11s              a send fe80::b 10
			60s              a ann fe80::c
			61s..91s/10s     a send fe80::c 10`,
			want: `fe80::a address a fe80::a fe80::b fe80::c 60/0`},
		{name: "a link-local address made of another MAC", lines: `
			0s               a ann fe80::217:88ff:fe00:61
			1s               a send fe80::217:88ff:fe00:61 10
			2s               a ann fe80::217:88ff:fe00:99
			3s..23s/10s      a send fe80::217:88ff:fe00:99 10`,
			want: `fe80::217:88ff:fe00:61 address a fe80::217:88ff:fe00:61 fe80::217:88ff:fe00:99 40/0`},
	})
}

// Stations with several addresses of their own, and addresses with several stations.
func TestRegistry_JoinsTheAddressesOfAStation(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "two at a time without names", lines: `
			0s..600s/30s     a asks .5
			1s..601s/30s     a send .5 500
			5s..605s/30s     a asks .6
			6s..606s/30s     a send .6 600`,
			want: `192.168.2.5 address a .5 .6 23100/0`},
		{name: "four at a time without names", lines: `
			0s..600s/30s     a asks .5
			1s..601s/30s     a send .5 500
			2s..602s/30s     a asks .6
			3s..603s/30s     a send .6 600
			4s..604s/30s     a asks .7
			5s..605s/30s     a send .7 700
			6s..606s/30s     a asks .8
			7s..607s/30s     a send .8 800`,
			want: `
			192.168.2.5 address - .5 */*
			192.168.2.6 address - .6 */*
			192.168.2.7 address - .7 */*
			192.168.2.8 address - .8 */*`},
		{name: "two at a time, and a second name in DNS an hour later", ptr: ".5 nas.lan\n.6 blocker.lan", lines: `
			0s..4200s/30s    a asks .5
			1s..4201s/30s    a send .5 500
			3600s..4200s/30s a asks .6
			3601s..4201s/30s a send .6 600`,
			want: `
			blocker.lan ptr * .6 12600/0
			nas.lan ptr * .5 70500/0`},
		{name: "a new prefix each half hour", lines: `
			0s               a ann .10 fe80::a
			1s..7501s/30m    a send .10 100
			2s               a ann ::1:a
			3s               a send ::1:a 1000
			1802s            a ann ::2:a
			1803s            a send ::2:a 1000
			3602s            a ann ::3:a
			3603s            a send ::3:a 1000`,
			want: `192.168.2.10 address a .10 ::1:a ::2:a ::3:a fe80::a 3500/0`},
		{name: "an address that moves between two machines", lines: `
			0s..600s/30s     a asks .2
			1s..601s/30s     a send .2 500
			2s..602s/30s     b asks .3
			3s..603s/30s     b send .3 500
			4s               a ann .10
			5s..295s/10s     a send .10 700
			304s             b ann .10
			305s..595s/10s   b send .10 700`,
			want: `
			192.168.2.2 address a .2 */0
			192.168.2.3 address b .3 .10 */0`},
		{name: "a virtual router address with a MAC of its own", lines: `
			0s               a ann .2
			1s               b asks .3
			2s               a send .2 500
			3s               b send .3 500
			4s               vr ann .1
			5s..60s/5s       a send .1 120
			300s             vr ann .1
			301s..360s/5s    b send .1 120`,
			want: `
			192.168.2.1 address vr .1 2880/0
			192.168.2.2 address a .2 500/0
			192.168.2.3 address b .3 500/0`},
	})
}
