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
		{name: "sigterm", fault: "SIGTERM under 50,000 frames/s", holds: "final counts = sent − drops: the frames counted are the first that were sent, to the byte; at most 1 s (p99), exit status 0", run: sigterm},
		{name: "kill", fault: "kill -9 under 50,000 frames/s", holds: "no promiscuity is left; the next start is clean, and counts what is sent from then on", run: kill},
		{name: "sigstop", fault: "SIGSTOP for 2 s under 50,000 frames/s, the ring full", holds: "frames read + lost = sent; healthy again", run: sigstop},
		{name: "two", fault: "two daemons on one interface at 20,000 frames/s", holds: "both count everything, and the interface stays promiscuous when one ends", run: two},
	}
}

const processLoad = 50000 // frames a second

// p99 is what 99 of 100 are not above.
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
	runs := b.of(20, 200)
	var took []time.Duration
	var read, lost, wrong uint64
	for i := range runs {
		d := b.start(here)
		l := b.newLoad(nil, processLoad)
		l.begin(there, 1)
		time.Sleep(time.Duration(20+random.IntN(150)) * time.Millisecond)
		d.watch.end()
		before := l.sent.Load()
		f := d.stop()
		l.end()
		after := l.sent.Load()
		took = append(took, f.took)
		read, lost = read+f.frames, lost+f.drops
		if n := f.frames + f.drops; n < before || n > after || f.drops == 0 && f.bytes != first(f.frames) {
			wrong++
			b.Errorf("run %d: %d read + %d lost; %d sent before the signal, %d after the end; %d bytes, the first %[2]d frames have %d", i, f.frames, f.drops, before, after, f.bytes, first(f.frames))
		}
	}
	if p := p99(took); p > time.Second {
		b.Errorf("stopped within %v (p99)", p)
	}
	return fmt.Sprintf("%d of %d; stopped after %s (median), %s (p99); %d frames read, %d lost, identity error %d", runs-int(wrong), runs, ms(median(took)), ms(p99(took)), read, lost, wrong)
}

func kill(b *bench) string {
	here, there := testnet.NewPair(b)
	runs := b.of(5, 50)
	var took []time.Duration
	left, missing := 0, int64(0)
	for range runs {
		d := b.start(here)
		if here.Promiscuity("mon0") == 0 {
			b.Error("not promiscuous while it runs, so this shows nothing")
		}
		l := b.newLoad(nil, processLoad)
		l.begin(there, 1)
		time.Sleep(100 * time.Millisecond)
		d.kill()
		l.end()
		if here.Promiscuity("mon0") != 0 {
			left++
		}
		if errs := readLog(d.Log.String()); len(errs) > 0 {
			b.Errorf("log: %v", errs)
		}
		begin := time.Now()
		d = b.start(here)
		took = append(took, time.Since(begin))
		s := testnet.NewSender(there, "in0")
		s.SendAll(testnet.Conversation(1000), processLoad)
		d.Until("all frames counted", func() bool { return d.reached() >= s.Sent })
		d.watch.end()
		f := d.stop()
		if f.frames+f.drops != s.Sent {
			b.Errorf("after a restart: %d read + %d lost, %d sent", f.frames, f.drops, s.Sent)
		}
		missing += int64(s.Sent - f.frames - f.drops)
	}
	if left > 0 {
		b.Errorf("promiscuity was left %d times", left)
	}
	return fmt.Sprintf("%d times, promiscuity left: %d; answers again after %s (median), %s (longest); identity error %d", runs, left, ms(median(took)), ms(slices.Max(took)), missing)
}

func sigstop(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(nil, processLoad)
	l.begin(there, 1)
	rounds := b.of(1, 10)
	for range rounds {
		time.Sleep(500 * time.Millisecond)
		d.pause(true)
		d.signal(syscall.SIGSTOP)
		time.Sleep(2 * time.Second)
		d.signal(syscall.SIGCONT)
		d.says("healthz", 200, "")
		d.pause(false)
	}
	time.Sleep(500 * time.Millisecond)
	l.end()
	f := d.end(l.sent.Load())
	if f.drops == 0 {
		b.Error("no frame was lost, so this shows nothing")
	}
	return fmt.Sprintf("%d times; %s", rounds, f)
}

func two(b *bench) string {
	here, there := testnet.NewPair(b)
	one, other := b.start(here), b.start(here, "GONETMON_PORT=8081")
	l := b.newLoad(nil, interfaceLoad)
	l.begin(there, 1)
	time.Sleep(time.Duration(b.of(2, 20)) * time.Second)
	l.end()
	both := here.Promiscuity("mon0")
	first := one.end(l.sent.Load())
	if p := here.Promiscuity("mon0"); p == 0 || 2*p != both {
		b.Errorf("promiscuity %d, after one has ended %d", both, p)
	}
	second := other.end(l.sent.Load())
	if p := here.Promiscuity("mon0"); p != 0 {
		b.Errorf("promiscuity %d after both have ended", p)
	}
	if first.drops+second.drops == 0 && first.bytes != second.bytes {
		b.Errorf("one counted %d bytes, the other %d", first.bytes, second.bytes)
	}
	return fmt.Sprintf("%d sent; %d + %d read, %d + %d lost", l.sent.Load(), first.frames, second.frames, first.drops, second.drops)
}
