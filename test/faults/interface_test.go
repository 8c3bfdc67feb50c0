package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

func interfaceRows() []row {
	const holds = "heard again by itself, without a capability; of the frames that came then and later none is missing"
	return []row{
		{name: "recreate", fault: "interface removed and made anew under 20,000 frames/s", holds: holds + "; median at most 1 s, promiscuous again", run: recreate},
		{name: "down-up", fault: "interface down and up under 20,000 frames/s", holds: holds + "; /readyz says so", run: downUp},
		{name: "carrier", fault: "carrier lost and back under 20,000 frames/s", holds: holds + "; /readyz says so", run: carrier},
		{name: "rename", fault: "interface renamed and back under 20,000 frames/s", holds: "no frame is missing", run: rename},
		{name: "mtu", fault: "MTU changed under 20,000 frames/s", holds: "no frame is missing", run: mtu},
		{name: "absent", fault: "interface absent at start", holds: "waited for, /readyz says so, counted from the first frame after it is heard", run: absent, beside: true},
	}
}

const interfaceLoad = 20000 // frames a second

// A counted is what a daemon says of the frames from an address.
type counted struct{ packets, bytes uint64 }

func (d *daemon) countedFrom(n int) counted {
	d.b.Helper()
	v := d.values(fmt.Sprintf(`gonetmon_device_packets_total{device="192.168.2.%d",direction="out",scope="internet"}`, n),
		fmt.Sprintf(`gonetmon_device_bytes_total{device="192.168.2.%d",direction="out",scope="internet"}`, n))
	return counted{v[0], v[1]}
}

// A hearing is how frames of a load were heard, address by address.
type hearing struct {
	heard int             // addresses of which frames were counted
	gaps  int             // those of which some are missing
	deaf  []time.Duration // how long frames came until the first was counted
}

// hearing checks that of the frames from each of the addresses 1 to n that arrived, those that were counted follow each other without a
// gap, up to the last but for what lay with a processor when the interface went.
func (l *load) hearing(d *daemon, n int) (h hearing) {
	l.b.Helper()
	const lying = 1000 // net.core.netdev_max_backlog
	for i := 1; i <= n; i++ {
		arrived, got := l.of(i), d.countedFrom(i)
		at := arrived.run(got.packets, got.bytes)
		if got.packets > 0 {
			h.heard++
		}
		if got.packets == 0 || at < 0 || len(arrived.bytes)-at-int(got.packets) > lying {
			h.gaps++
			l.b.Errorf("round %d: %d frames arrived; %d with %d bytes are counted, from frame %d on", i, len(arrived.bytes), got.packets, got.bytes, at)
			continue
		}
		h.deaf = append(h.deaf, arrived.at[at].Sub(arrived.at[0]))
	}
	return h
}

func (h hearing) String() string {
	return fmt.Sprintf("heard %d times, the first frame counted at most %s after it came, gaps: %d", h.heard, ms(slices.Max(append(h.deaf, 0))), h.gaps)
}

// shows waits until each of the addresses has its series.
func (d *daemon) shows(n int) {
	d.b.Helper()
	d.Until("all addresses are on the page", func() bool {
		return d.values("gonetmon_waiting_bytes")[0] == 0 && d.countedFrom(n).packets > 0
	})
}

// noDrops fails the row if the ring ran over, as then it is not known which frames were lost.
func (d *daemon) noDrops() {
	d.b.Helper()
	if _, drops := d.captured(); drops > 0 {
		d.b.Errorf("%d frames lost", drops)
	}
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func recreate(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(here, interfaceLoad)
	rounds := b.of(10, 100)
	var took []time.Duration
	l.begin(there, 1)
	for i := 1; i <= rounds; i++ {
		before, _ := d.captured()
		d.Until(fmt.Sprintf("heard, round %d", i), func() bool { n, _ := d.captured(); return n > before })
		if p := here.Promiscuity("mon0"); p < 1 {
			b.Errorf("round %d: promiscuity %d", i, p)
		}
		l.flows(i)
		d.shaking(true)
		here.IP("link delete mon0") // while frames come
		l.end()
		d.says("readyz", 503, "mon0: ")
		testnet.Veth(there, "in0", here, "mon0")
		came := time.Now()
		l.begin(there, i+1)
		for status := 0; status != 200 && time.Since(came) < 20*time.Second; status, _ = d.Get("readyz") {
		}
		took = append(took, time.Since(came))
		d.shaking(false)
	}
	l.flows(rounds + 1)
	l.end()
	d.shows(rounds + 1)
	h := l.hearing(d, rounds+1)
	if m := median(h.deaf); m > time.Second {
		b.Errorf("heard again after %v (median)", m)
	}
	if m := median(took); m > 2*time.Second { // the kernel takes up to a second to say that there is a carrier
		b.Errorf("ready again after %v (median)", m)
	}
	d.noDrops()
	b.powerless(d)
	total, _ := d.captured()
	d.endAny(total)
	return fmt.Sprintf("%d of %d; ready again after %s (median), %s (longest); %s; %d frames", h.heard-1, rounds, ms(median(took)), ms(slices.Max(took)), h, total)
}

// ms is a time for the table.
func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.3g ms", float64(d)/1e6)
}

// disturb does something to the interface again and again, under load, and undoes it. Each round has an address of its own.
func disturb(b *bench, rounds int, do, undo func(d *daemon, here, there *testnet.Namespace)) string {
	b.Helper()
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(here, interfaceLoad)
	l.begin(there, 1)
	for i := 1; i <= rounds; i++ {
		l.flows(i)
		d.shaking(true)
		do(d, here, there)
		l.from.Store(uint32(i + 1)) // when the interface is not heard, if it isn't
		undo(d, here, there)
		d.says("readyz", 200, "")
		d.shaking(false)
	}
	l.flows(rounds + 1)
	l.end()
	d.shows(rounds + 1)
	h := l.hearing(d, rounds+1)
	d.noDrops()
	total, _ := d.captured()
	d.endAny(total)
	return fmt.Sprintf("%d times; %s; %d frames", rounds, h, total)
}

func downUp(b *bench) string {
	return disturb(b, b.of(5, 50), func(d *daemon, here, _ *testnet.Namespace) {
		here.IP("link set mon0 down")
		d.says("readyz", 503, "mon0: interface is down")
	}, func(_ *daemon, here, _ *testnet.Namespace) { here.IP("link set mon0 up") })
}

func carrier(b *bench) string {
	return disturb(b, b.of(5, 50), func(d *daemon, _, there *testnet.Namespace) {
		there.IP("link set in0 down")
		d.says("readyz", 503, "mon0: interface has no carrier")
	}, func(_ *daemon, _, there *testnet.Namespace) { there.IP("link set in0 up") })
}

func rename(b *bench) string {
	return disturb(b, b.of(3, 30), func(_ *daemon, here, _ *testnet.Namespace) {
		here.IP("link set mon0 name mon7")
		time.Sleep(1200 * time.Millisecond) // a look at the interfaces in between
	}, func(_ *daemon, here, _ *testnet.Namespace) { here.IP("link set mon7 name mon0") })
}

func mtu(b *bench) string {
	sizes := []string{"1500", "9000", "1500", "65535", "1500"}
	return disturb(b, b.of(10, 100), func(_ *daemon, here, there *testnet.Namespace) {
		for _, size := range sizes {
			here.IP("link set mon0 mtu " + size)
			there.IP("link set in0 mtu " + size)
		}
	}, func(*daemon, *testnet.Namespace, *testnet.Namespace) {})
}

func absent(b *bench) string {
	here, there := testnet.NewNamespace(b), testnet.NewNamespace(b)
	d := b.start(here)
	d.says("readyz", 503, "mon0: no such interface")
	if up := d.values(`gonetmon_capture_up{interface="mon0"}`)[0]; up != 0 {
		b.Errorf("gonetmon_capture_up is %d", up)
	}
	time.Sleep(time.Second)
	d.shaking(true)
	testnet.Veth(there, "in0", here, "mon0")
	came := time.Now()
	d.says("readyz", 200, "")
	d.shaking(false)
	ready := time.Since(came)
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 50000)
	return fmt.Sprintf("ready %s after it came; %s", ms(ready), d.end(s.Sent))
}

// powerless checks that the daemon has no right left, and says so.
func (b *bench) powerless(d *daemon) {
	b.Helper()
	status := statusOf(b, d.Cmd.Process.Pid)
	for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb"} {
		if field := statusText(status, set); field != "0000000000000000" {
			b.Errorf("%s is %s", set, field)
		}
	}
	if uid := statusText(status, "Uid"); uid != "65534 65534 65534 65534" {
		b.Errorf("uid %s", uid)
	}
	if _, body := d.Get("metrics"); !strings.Contains(body, "\ngonetmon_process_capabilities 0\n") {
		b.Error("the page does not say gonetmon_process_capabilities 0")
	}
}
