package faults

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"gonetmon/test/testnet"
)

func processRows() []row {
	return []row{
		{name: "sigterm", run: sigterm, fault: "SIGTERM under 50,000 frames/s",
			expected: "final counts = sent − dropped: the frames counted are the first ones sent, to the byte; p99 at " +
				"most 1 s, exit status 0"},
		{name: "kill", run: kill, fault: "kill -9 under 50,000 frames/s",
			expected: "no promiscuity is left; the next start is clean and counts what is sent from then on"},
		{name: "sigstop", run: sigstop, fault: "SIGSTOP for 2 s under 50,000 frames/s, the ring full",
			expected: "frames read + dropped = sent; healthy again"},
		{name: "two", run: two, fault: "two daemons on one interface at 20,000 frames/s",
			expected: "both count everything, and the interface stays promiscuous when one ends"},
	}
}

const processRate = 50000 // frames a second

// p99 sorts, and returns what 99 of 100 do not exceed.
func p99(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)*99-1)/100]
}

func sigterm(b *bench) string {
	here, there := testnet.NewPair(b)
	random := b.random()
	runs := b.of(10, 200)
	var took []time.Duration
	var read, dropped, wrong uint64
	for i := range runs {
		d := b.start(here)
		l := b.newLoad(nil, processRate)
		l.begin(there, 1)
		time.Sleep(time.Duration(20+random.IntN(150)) * time.Millisecond)
		d.stopWatching()
		before := l.sent.Load()
		f := d.stop()
		l.end()
		after := l.sent.Load()
		took = append(took, f.took)
		read, dropped = read+f.frames, dropped+f.drops
		if n := f.frames + f.drops; n < before || n > after || f.drops == 0 && f.bytes != firstBytes(f.frames) {
			wrong++
			b.Errorf("run %d: %d read + %d dropped; %d sent before the signal, %d after the end; %d bytes, the first %[2]d frames have %d",
				i, f.frames, f.drops, before, after, f.bytes, firstBytes(f.frames))
		}
	}
	if p := p99(took); p > time.Second {
		b.Errorf("stopped within %v (p99)", p)
	}
	return fmt.Sprintf("%d of %d; stopped after %s (median), %s (p99); %d frames read, %d dropped, identity error %d",
		runs-int(wrong), runs, ms(median(took)), ms(p99(took)), read, dropped, wrong)
}

func kill(b *bench) string {
	here, there := testnet.NewPair(b)
	runs := b.of(3, 50)
	var took []time.Duration
	left, missing := 0, int64(0)
	for range runs {
		d := b.start(here)
		if here.Promiscuity("mon0") == 0 {
			b.Error("not promiscuous while it runs, so this shows nothing")
		}
		l := b.newLoad(nil, processRate)
		l.begin(there, 1)
		time.Sleep(100 * time.Millisecond)
		d.kill()
		l.end()
		if here.Promiscuity("mon0") != 0 {
			left++
		}
		if errs := checkLog(d.Log.String()); len(errs) > 0 {
			b.Errorf("log: %v", errs)
		}
		begin := time.Now()
		d = b.start(here)
		took = append(took, time.Since(begin))
		s := testnet.NewSender(there, "in0")
		s.SendAll(testnet.Conversation(1000), processRate)
		d.waitReached(s.Sent)
		d.stopWatching()
		f := d.stop()
		if f.frames+f.drops != s.Sent {
			b.Errorf("after a restart: %d read + %d dropped, %d sent", f.frames, f.drops, s.Sent)
		}
		missing += int64(s.Sent - f.frames - f.drops)
	}
	if left > 0 {
		b.Errorf("promiscuity was left %d times", left)
	}
	return fmt.Sprintf("%d times, promiscuity left: %d; answers again after %s (median), %s (max); identity error %d",
		runs, left, ms(median(took)), ms(slices.Max(took)), missing)
}

func sigstop(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(nil, processRate)
	l.begin(there, 1)
	rounds := b.of(1, 10)
	for range rounds {
		time.Sleep(500 * time.Millisecond)
		d.pause(true)
		d.signal(syscall.SIGSTOP)
		time.Sleep(2 * time.Second)
		d.signal(syscall.SIGCONT)
		d.waitStatus("healthz", 200, "")
		d.pause(false)
	}
	time.Sleep(500 * time.Millisecond)
	l.end()
	f := d.finish(l.sent.Load())
	if f.drops == 0 {
		b.Error("no frame was dropped, so this shows nothing")
	}
	return fmt.Sprintf("%d times; %s", rounds, f)
}

func two(b *bench) string {
	here, there := testnet.NewPair(b)
	one, other := b.start(here), b.start(here, "GONETMON_PORT=8081")
	l := b.newLoad(nil, interfaceRate)
	l.begin(there, 1)
	time.Sleep(b.seconds(2, 20))
	l.end()
	both := here.Promiscuity("mon0")
	first := one.finish(l.sent.Load())
	if p := here.Promiscuity("mon0"); p == 0 || 2*p != both {
		b.Errorf("promiscuity %d, after one has ended %d", both, p)
	}
	second := other.finish(l.sent.Load())
	if p := here.Promiscuity("mon0"); p != 0 {
		b.Errorf("promiscuity %d after both have ended", p)
	}
	if first.drops+second.drops == 0 && first.bytes != second.bytes {
		b.Errorf("one counted %d bytes, the other %d", first.bytes, second.bytes)
	}
	return fmt.Sprintf("%d sent; %d + %d read, %d + %d dropped", l.sent.Load(), first.frames, second.frames, first.drops,
		second.drops)
}
