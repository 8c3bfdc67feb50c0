package faults

import (
	"fmt"
	"slices"
	"time"

	"gonetmon/test/testnet"
)

func interfaceRows() []row {
	const expected = "captures again by itself, without a capability; no gap in the frames that come then and later"
	return []row{
		{name: "recreate", run: recreate, fault: "interface removed and recreated under 20,000 frames/s",
			expected: expected + "; median at most 1 s, promiscuous again"},
		{name: "down-up", run: downUp, fault: "interface down and up under 20,000 frames/s",
			expected: expected + "; /readyz says so"},
		{name: "carrier", run: carrier, fault: "carrier lost and back under 20,000 frames/s",
			expected: expected + "; /readyz says so"},
		{name: "rename", run: renameMTU, fault: "interface renamed and back, and its MTU changed, under 20,000 frames/s",
			expected: "no frame missing"},
		{name: "absent", run: absent, parallel: true, fault: "interface absent at start",
			expected: "waits for it, /readyz says so, counts from the first frame once it captures"},
	}
}

const interfaceRate = 20000 // frames a second

// countedFrom returns the packets and bytes that the daemon reports from 192.168.2.n.
func (d *daemon) countedFrom(n int) (packets, bytes uint64) {
	d.b.Helper()
	v := d.values(fmt.Sprintf(`gonetmon_device_packets_total{device="192.168.2.%d",direction="out",scope="internet"}`, n),
		fmt.Sprintf(`gonetmon_device_bytes_total{device="192.168.2.%d",direction="out",scope="internet"}`, n))
	return v[0], v[1]
}

// coverage is which frames of a load were counted, address by address.
type coverage struct {
	counted int             // addresses of which frames were counted
	gaps    int             // those of which some are missing
	delays  []time.Duration // from the first frame that arrived to the first that was counted
}

// checkCoverage checks that of the frames from each of the addresses 1 to n that arrived, those counted are consecutive, up to
// the last but for what the kernel had queued when the interface went.
func (l *load) checkCoverage(d *daemon, n int) (c coverage) {
	l.b.Helper()
	const maxQueued = 1000 // net.core.netdev_max_backlog
	d.Until("all addresses are on the page", func() bool {
		packets, _ := d.countedFrom(n)
		return d.values("gonetmon_waiting_bytes")[0] == 0 && packets > 0
	})
	if _, dropped := d.captured(); dropped > 0 { // then it is not known which
		l.b.Errorf("%d frames dropped", dropped)
	}
	for i := 1; i <= n; i++ {
		arrived := l.of(i)
		packets, bytes := d.countedFrom(i)
		at := arrived.find(packets, bytes)
		if packets > 0 {
			c.counted++
		}
		if packets == 0 || at < 0 || len(arrived.bytes)-at-int(packets) > maxQueued {
			c.gaps++
			l.b.Errorf("round %d: %d frames arrived; %d with %d bytes are counted, from frame %d on", i, len(arrived.bytes),
				packets, bytes, at)
			continue
		}
		c.delays = append(c.delays, arrived.at[at].Sub(arrived.at[0]))
	}
	return c
}

func (c coverage) String() string {
	return fmt.Sprintf("captured %d times, the first frame counted at most %s after it came, gaps: %d", c.counted,
		ms(slices.Max(append(c.delays, 0))), c.gaps)
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ms formats a time for the table.
func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.3g ms", float64(d)/1e6)
}

func recreate(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(here, interfaceRate)
	rounds := b.of(5, 100)
	var took []time.Duration
	l.begin(there, 1)
	for i := 1; i <= rounds; i++ {
		before, _ := d.captured()
		d.Until(fmt.Sprintf("capturing, round %d", i), func() bool { n, _ := d.captured(); return n > before })
		if p := here.Promiscuity("mon0"); p < 1 {
			b.Errorf("round %d: promiscuity %d", i, p)
		}
		l.waitFlowing(i)
		d.disturb(true)
		here.IP("link delete mon0") // while frames come
		l.end()
		d.waitStatus("readyz", 503, "mon0: ")
		testnet.Veth(there, "in0", here, "mon0")
		came := time.Now()
		l.begin(there, i+1)
		d.waitStatus("readyz", 200, "")
		took = append(took, time.Since(came))
		d.disturb(false)
	}
	l.waitFlowing(rounds + 1)
	l.end()
	c := l.checkCoverage(d, rounds+1)
	if m := median(c.delays); m > time.Second {
		b.Errorf("capturing again after %v (median)", m)
	}
	if m := median(took); m > 2*time.Second { // the kernel takes up to a second to report the carrier
		b.Errorf("ready again after %v (median)", m)
	}
	b.requireNoPrivileges(d)
	total, _ := d.captured()
	d.finishPartial(total)
	return fmt.Sprintf("%d of %d; ready again after %s (median), %s (max); %s; %d frames", c.counted-1, rounds,
		ms(median(took)), ms(slices.Max(took)), c, total)
}

// repeat does something to the interface again and again, under load, and undoes it. Each round has an address of its own.
func repeat(b *bench, rounds int, do, undo func(d *daemon, here, there *testnet.Namespace)) string {
	b.Helper()
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(here, interfaceRate)
	l.begin(there, 1)
	for i := 1; i <= rounds; i++ {
		l.waitFlowing(i)
		d.disturb(true)
		do(d, here, there)
		l.from.Store(uint32(i + 1)) // while nothing is captured, if that is so
		undo(d, here, there)
		d.waitStatus("readyz", 200, "")
		d.disturb(false)
	}
	l.waitFlowing(rounds + 1)
	l.end()
	c := l.checkCoverage(d, rounds+1)
	total, _ := d.captured()
	d.finishPartial(total)
	return fmt.Sprintf("%d times; %s; %d frames", rounds, c, total)
}

func downUp(b *bench) string {
	return repeat(b, b.of(4, 50), func(d *daemon, here, _ *testnet.Namespace) {
		here.IP("link set mon0 down")
		d.waitStatus("readyz", 503, "mon0: interface is down")
	}, func(_ *daemon, here, _ *testnet.Namespace) { here.IP("link set mon0 up") })
}

func carrier(b *bench) string {
	return repeat(b, b.of(4, 50), func(d *daemon, _, there *testnet.Namespace) {
		there.IP("link set in0 down")
		d.waitStatus("readyz", 503, "mon0: interface has no carrier")
	}, func(_ *daemon, _, there *testnet.Namespace) { there.IP("link set in0 up") })
}

func renameMTU(b *bench) string {
	return repeat(b, b.of(2, 60), func(_ *daemon, here, there *testnet.Namespace) {
		here.IP("link set mon0 name mon7")
		for _, size := range []string{"1500", "9000", "1500", "65535", "1500"} {
			here.IP("link set mon7 mtu " + size)
			there.IP("link set in0 mtu " + size)
		}
		time.Sleep(1200 * time.Millisecond) // gonetmon looks at the interfaces in between
	}, func(_ *daemon, here, _ *testnet.Namespace) { here.IP("link set mon7 name mon0") })
}

func absent(b *bench) string {
	here, there := testnet.NewNamespace(b), testnet.NewNamespace(b)
	d := b.start(here)
	d.waitStatus("readyz", 503, "mon0: no such interface")
	if up := d.values(`gonetmon_capture_up{interface="mon0"}`)[0]; up != 0 {
		b.Errorf("gonetmon_capture_up is %d", up)
	}
	time.Sleep(time.Second)
	d.disturb(true)
	testnet.Veth(there, "in0", here, "mon0")
	came := time.Now()
	d.waitStatus("readyz", 200, "")
	d.disturb(false)
	ready := time.Since(came)
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 50000)
	return fmt.Sprintf("ready %s after it came; %s", ms(ready), d.finish(s.Sent))
}
