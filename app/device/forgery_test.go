package device

import "testing"

// What one station of the LAN says does not take anything away from another one that goes on sending.
func TestRegistry_HoldsAgainstForgery(t *testing.T) {
	const both = `
			0s               v ann .9
			1s               v named nas
			2s               x ann .66
			3s               x named mallory
			4s               v send .9 100
			5s               x send .66 1
`
	runScenarios(t, []scenario{
		{name: "ARP requests with the victim's MAC", lines: `
			0s               v ann .9 fe80::9 ::a
			1s               v named nas
			2s               v send .9 100
			3s               v send fe80::9 10
			4s               v send ::a 1000
			30s              v ann .201 .202 .203
			1h               v ann .9 ::b
			3601s            v send ::b 1000
			2h               v ann .9 ::c
			7201s            v send ::c 1000
			7202s            v send .9 100`,
			want: `nas dhcp v .9 ::a ::b ::c fe80::9 3210/0`},
		{name: "an acknowledgment of the victim's address", lines: both + `
			15s              x ack .9
			16s..1216s/2m    v send .9 1000`,
			want: `
			mallory dhcp x .66 1/0
			nas dhcp v .9 11100/0`},
		{name: "an acknowledgment of a leased address, seen without MACs", lines: `
			0s               v lease .9 nas
			2s               x ann .66
			3s               x named mallory
			4s               v send .9 100
			5s               x send .66 1
			15s              x ack .9
			16s..1216s/2m    - send .9 1000`,
			want: `
			mallory dhcp x .66 1/0
			nas dhcp v .9 11100/0`},
		{name: "an acknowledgment that hides the forger", lines: both + `
			15s              v ack .66
			1m..60m/1m       x asks .66
			61s..3601s/1m    x send .66 1000`,
			want: `
			mallory dhcp x .66 60001/0
			nas dhcp v .9 100/0`},
		{name: "an announcement of the victim's address", lines: both + `
			3m               x ann .9
			181s             v send .9 5000`,
			want: `
			mallory dhcp x .66 1/0
			nas dhcp v .9 5100/0`},
		{name: "a packet with the victim's address", lines: both + `
			20s..80s/1s      v send .9 1000
			50s              x send .9 60`,
			want: `
			mallory dhcp x .66 1/0
			nas dhcp v .9 61160/0`},
		{name: "the name of a sleeping device", lines: `
			0s               v ann .9
			1s               v named nas
			2s               v send .9 100
			700s             x ann .66
			701s             x named nas
			702s             x send .66 5000
			2h               v send .9 100
			7201s            v named nas`,
			want: `
			nas dhcp v .9 200/0
			nas-192.168.2.66 dhcp x .66 5000/0`},
		{name: "a name for the victim in multicast DNS, from its address", lines: `
			0s               v ann .9
			1s               v mdns camera .9
			2s               v send .9 100
			1h               x mdns stolen .9
			75m              v mdns camera .9
			4501s            v send .9 100`,
			want: `camera mdns v .9 200/0`},
		{name: "a name for the victim in multicast DNS, from another address", never: "stolen", lines: `
			0s               v ann .9
			1s               v mdns camera .9
			2s               v send .9 100
			3s               x send .66 1
			1h..2h/5m        x mdns stolen .66 .9
			7300s            v send .9 100`,
			want: `
			192.168.2.66 address x .66 1/0
			camera mdns v .9 200/0`},
	})
}
