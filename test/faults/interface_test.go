package faults

import (
	"fmt"
	"slices"
	"time"

	"gonetmon/test/testnet"
)

const interfaceRate = 20000 // frames a second

// A rig is a daemon with a load, whose interface a row disturbs.
type rig struct {
	*daemon
	here, there *testnet.Namespace
	load        *load
	delays      []time.Duration // from the first frame of each round that arrived to the first that was counted
	ready       []time.Duration // from the end of each disturbance until the daemon was ready
}

// disturb does something to the interface again and again, under load, and undoes it. The frames of each round come from an
// address of their own, so that it is known which were counted.
func (b *bench) disturb(rounds int, do, undo func(r *rig)) (r *rig, measured string) {
	b.Helper()
	here, there := testnet.NewPair(b)
	r = &rig{daemon: b.start(here), here: here, there: there, load: b.newLoad(here, interfaceRate)}
	r.load.begin(there, 1)
	for i := 1; i <= rounds; i++ {
		before := r.reached()
		r.load.waitFlowing(i)
		r.waitReached(before + interfaceRate/10) // a disturbance must not meet a daemon that has only begun to capture
		var undone time.Time
		r.whileDisturbed(func() {
			do(r)
			r.load.from.Store(uint32(i + 1)) // while nothing is captured, if that is so
			undo(r)
			undone = time.Now()
		})
		r.ready = append(r.ready, time.Since(undone))
		r.Until("promiscuous", func() bool { return here.Promiscuity("mon0") > 0 })
	}
	r.load.waitFlowing(rounds + 1)
	r.load.end()
	counted := r.checkCoverage(rounds + 1)
	total, _ := r.captured()
	r.finishPartial(total)
	return r, fmt.Sprintf("%d times; captured %d times, the first frame counted at most %s after it came; %d frames",
		rounds, counted, ms(slices.Max(append(r.delays, 0))), total)
}

// checkCoverage checks that of the frames from each of the addresses 1 to n that arrived, those counted are consecutive, up to
// the last but for what the kernel had queued when the interface went. It returns of how many addresses frames were counted.
func (r *rig) checkCoverage(n int) (counted int) {
	r.b.Helper()
	const maxQueued = 1000 // net.core.netdev_max_backlog
	r.Until("all addresses are on the page", func() bool {
		packets, _ := r.countedFrom(n)
		return r.values("gonetmon_waiting_bytes")[0] == 0 && packets > 0
	})
	if _, dropped := r.captured(); dropped > 0 { // then it is not known which
		r.b.Errorf("%d frames dropped", dropped)
	}
	for i := 1; i <= n; i++ {
		arrived := r.load.of(i)
		packets, bytes := r.countedFrom(i)
		at := arrived.find(packets, bytes)
		if packets == 0 || at < 0 || len(arrived.bytes)-at-int(packets) > maxQueued {
			r.b.Errorf("round %d: %d frames arrived; %d with %d bytes are counted, from frame %d on", i, len(arrived.bytes), packets,
				bytes, at)
			continue
		}
		counted++
		r.delays = append(r.delays, arrived.at[at].Sub(arrived.at[0]))
	}
	return counted
}

// countedFrom returns the packets and bytes that the daemon reports from 192.168.2.n.
func (d *daemon) countedFrom(n int) (packets, bytes uint64) {
	d.b.Helper()
	labels := fmt.Sprintf(`{device="192.168.2.%d",direction="out",scope="internet"}`, n)
	v := d.values("gonetmon_device_packets_total"+labels, "gonetmon_device_bytes_total"+labels)
	return v[0], v[1]
}

func recreate(b *bench) string {
	round := 1
	r, measured := b.disturb(b.of(3, 100), func(r *rig) {
		r.here.IP("link delete mon0") // while frames come
		r.load.end()
		r.waitStatus("readyz", 503, "mon0: ")
	}, func(r *rig) {
		testnet.Veth(r.there, "in0", r.here, "mon0")
		round++
		r.load.begin(r.there, round)
	})
	if m := percentile(50, r.delays); m > time.Second {
		b.Errorf("capturing again after %v (median)", m)
	}
	if m := percentile(50, r.ready); m > 2*time.Second { // the kernel takes up to a second to report the carrier
		b.Errorf("ready again after %v (median)", m)
	}
	return fmt.Sprintf("%s; ready again after %s (median), %s (max)", measured, ms(percentile(50, r.ready)), ms(slices.Max(r.ready)))
}

func downUp(b *bench) string {
	_, measured := b.disturb(b.of(4, 50), func(r *rig) {
		r.here.IP("link set mon0 down")
		r.waitStatus("readyz", 503, "mon0: interface is down")
	}, func(r *rig) { r.here.IP("link set mon0 up") })
	return measured
}

func carrier(b *bench) string {
	_, measured := b.disturb(b.of(4, 50), func(r *rig) {
		r.there.IP("link set in0 down")
		r.waitStatus("readyz", 503, "mon0: interface has no carrier")
	}, func(r *rig) { r.there.IP("link set in0 up") })
	return measured
}

func renameMTU(b *bench) string {
	_, measured := b.disturb(b.of(2, 60), func(r *rig) {
		r.here.IP("link set mon0 name mon7")
		for _, size := range []string{"1500", "9000", "1500", "65535", "1500"} {
			r.here.IP("link set mon7 mtu " + size)
			r.there.IP("link set in0 mtu " + size)
		}
		time.Sleep(1200 * time.Millisecond) // gonetmon looks at the interfaces in between
	}, func(r *rig) { r.here.IP("link set mon7 name mon0") })
	return measured
}

func absent(b *bench) string {
	here, there := testnet.NewNamespace(b), testnet.NewNamespace(b)
	d := b.start(here)
	d.waitStatus("readyz", 503, "mon0: no such interface")
	if up := d.values(`gonetmon_capture_up{interface="mon0"}`)[0]; up != 0 {
		b.Errorf("gonetmon_capture_up is %d", up)
	}
	came := time.Now()
	d.whileDisturbed(func() { testnet.Veth(there, "in0", here, "mon0") })
	ready := time.Since(came)
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 50000)
	return fmt.Sprintf("ready %s after it came; %s", ms(ready), d.finish(s.Sent))
}
