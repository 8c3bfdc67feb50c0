package device

import (
	"testing"
	"time"
)

// A name is the device's, and does not pass to the next device at its address.
func TestRegistry_NamesFollowTheDevice(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "the first one has moved on", lines: `
			0s               a ann .50
			1s               a mdns tablet .50
			2s               a send .50 1000
			1400s            a ann .51
			1401s            a mdns tablet .51
			1402s..3002s/80s a send .51 1000
			1700s            b probe .50
			1702s            b ann .50
			1703s..3203s/75s b send .50 300`,
			want: `
			192.168.2.50 address b .50 6300/0
			tablet mdns a .51 22000/0`},
		{name: "the first one is gone", lines: `
			0s               a ann .50
			1s               a mdns tablet .50
			2s               a send .50 1000
			1700s            b probe .50
			1702s            b ann .50
			1703s..3203s/75s b send .50 300`,
			want: `
			192.168.2.50 address b .50 6300/0
			tablet mdns * 1000/0`},
		{name: "the second one has a name of its own", shown: "boiler 1760s", lines: `
			0s               a ann .50
			1s               a mdns tablet .50
			2s               a send .50 1000
			1700s            b ann .50
			1703s..3203s/75s b send .50 300
			1760s            b mdns boiler .50`,
			want: `
			? 192.168.2.50 address * */0
			boiler mdns b .50 */0
			tablet mdns * 1000/0`},
		{name: "the second one says its name before it sends anything else", lines: `
			0s               a ann .50
			1s               a mdns tablet .50
			2s               a send .50 1000
			1700s            b probe .50
			1701s            b ann .50
			1702s            b mdns boiler .50
			1704s..3204s/75s b send .50 300`,
			want: `
			boiler mdns b .50 6300/0
			tablet mdns * 1000/0`},
		{name: "the name of the first one is the address", lines: `
			0s               a ann .50
			1s               a send .50 1000
			1400s            a ann .51
			1402s..3002s/80s a send .51 1000
			1700s            b ann .50
			1703s..3203s/75s b send .50 300`,
			want: `
			192.168.2.50 address b .50 */0
			192.168.2.51 address a .51 */0`},
		{name: "DNS still has the old name", ptr: ".50 tablet.lan", lines: `
			0s               a lease .50 tablet
			1s               a ann .50
			2s               a send .50 1000
			1700s            b lease .50 boiler
			1701s            b ann .50
			1702s..3202s/75s b send .50 300`,
			want: `
			boiler dhcp b .50 6300/0
			tablet.lan ptr * 1000/0`},
		{name: "DNS has a new name", ptr: ".50 tablet.lan\n.50 boiler.lan 1700s", lines: `
			0s               a ann .50
			2s               a send .50 1000
			1701s            b ann .50
			1702s..3202s/75s b send .50 300`,
			want: `
			boiler.lan ptr b .50 6300/0
			tablet.lan ptr * 1000/0`},
		{name: "a lease that has ended, and a guest without a name", lines: `
			0s               B lease .50 bens-phone
			1s               B mdns bens-phone .50
			2s               B send .50 1000
			47h              G lease .50
			169201s          G ann .50
			169202s..170000s/50s G send .50 300`,
			want: `
			192.168.2.50 address G .50 4800/0
			bens-phone dhcp * 1000/0`},
		{name: "forgotten, and back again", ptr: ".9 radio.lan", keep: 24 * time.Hour, lines: `
			0s               a send .9 100
			26h              b send .7 1
			26h1m            a send .9 100
			26h3m            a send .9 100`,
			want: `
			192.168.2.7 address b .7 1/0
			radio.lan ptr a .9 200/0`},
	})
}

// What DNS says is worth little if it says it of everyone, or if it was made from the address.
func TestRegistry_WeighsNamesOfDNS(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "one name for all, without MACs", ptr: "* gateway.lan", lines: `
			0s               - send .20 500
			1s               - send .21 500
			2s               - send .22 500
			3s               - send .23 500
			9s               - send .20 500`,
			want: `
			192.168.2.20 address - .20 */0
			192.168.2.21 address - .21 */0
			192.168.2.22 address - .22 */0
			192.168.2.23 address - .23 500/0
			? gateway.lan ptr * */0
			? gateway.lan* ptr * */0`},
		{name: "one name for all, and names of DHCP", ptr: "* gateway.lan", lines: `
			0s               a lease .20 lamp
			1s               a send .20 500
			10s              b lease .21 clock
			11s              b send .21 500
			20s              c lease .22 fan
			21s              c send .22 500
			30s              d lease .23 kettle
			31s              d send .23 500`,
			want: `
			clock dhcp b .21 */0
			fan dhcp c .22 */0
			kettle dhcp d .23 500/0
			lamp dhcp a .20 */0
			? gateway.lan ptr * */0
			? gateway.lan* ptr * */0`},
		{name: "one name for some of many", ptr: ".20 pi\n.21 pi\n.22 pi\n.24 nas", lines: `
			0s               a send .20 500
			1s               b send .21 500
			2s               c send .22 500
			3s               d send .23 500
			4s               e send .24 500`,
			want: `
			192.168.2.20 address a .20 */0
			192.168.2.21 address b .21 */0
			192.168.2.22 address c .22 */0
			192.168.2.23 address d .23 500/0
			nas ptr e .24 500/0
			? pi ptr * */0
			? pi* ptr * */0`},
		{name: "made from an IPv6 address", ptr: "::ab p20010db80000000000000000000000ab.dip.example.net", never: "p2001", lines: `
			0s               a lease .20 speaker
			1s               a send .20 500
			3s               a ann ::ab
			4s               a send ::ab 500`,
			want: `speaker dhcp a .20 ::ab 1000/0`},
		{name: "made from an IPv4 address", ptr: ".20 host-192-168-2-20.example.net", never: "host-", lines: `
			0s               a lease .20 speaker
			1s               a send .20 500`,
			want: `speaker dhcp a .20 500/0`},
		{name: "made from the address, and a better one later",
			ptr: "::ab p20010db80000000000000000000000ab.dip.example.net\n.20 radio.lan", lines: `
			0s               a ann ::ab
			1s               a send ::ab 500
			5s               a ann .20
			6s..2406s/1m     a send .20 100`,
			want: `
			radio.lan ptr a .20 ::ab */0
			? * * * */*`},
		{name: "an address once the domain is left out", ptr: ".20 192.168.2.30.lan\n.30 ", strip: "lan", lines: `
			0s               a send .20 500
			1s               b send .30 500`,
			want: `
			192.168.2.20 address a .20 500/0
			192.168.2.30 address b .30 500/0`},
		{name: "names that everybody has", ptr: ".20 localhost\n.21 localhost.localdomain\n.22 _gateway", lines: `
			0s               a send .20 500
			1s               b send .21 500
			2s               c send .22 500`,
			want: `
			192.168.2.20 address a .20 500/0
			192.168.2.21 address b .21 500/0
			192.168.2.22 address c .22 500/0`},
	})
}

// A new name of a device must hold for ten minutes.
func TestRegistry_RenamesDevices(t *testing.T) {
	runScenarios(t, []scenario{
		{name: "DHCP, said once", shown: "desk-lamp 1000s", lines: `
			0s               a lease .50 esp-77
			1s..3601s/2m     a send .50 100
			400s             a lease .50 desk-lamp`,
			want: `
			desk-lamp dhcp a .50 */0
			esp-77 dhcp * */0`},
		{name: "a goodbye of multicast DNS", shown: "pi-new 1100s", lines: `
			0s               a ann .50
			1s               a mdns pi-old .50
			2s..2402s/1m     a send .50 100
			500s             a bye pi-old .50
			502s..2402s/190s a mdns pi-new .50`,
			want: `
			pi-new mdns a .50 */0
			pi-old mdns * */0`},
		{name: "a name that counts up", lines: `
			0s               a ann .50
			1s..6001s/1m     a send .50 1
			2s               a mdns phone-2 .50
			1000s            a mdns phone-3 .50
			2000s            a mdns phone-4 .50
			3000s            a mdns phone-5 .50
			4000s            a mdns phone-6 .50`,
			want: `* mdns a .50 101/0`},
	})
}
