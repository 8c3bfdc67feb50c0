package faults

import (
	"fmt"
	"slices"
	"time"

	"gonetmon/test/testnet"
)

const processRate = 50000 // frames a second

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
		d.unwatch()
		before := l.sent.Load()
		f := d.stop()
		l.end()
		after := l.sent.Load()
		took = append(took, f.took)
		read, dropped = read+f.frames, dropped+f.drops
		first := firstBytes(f.frames)
		if n := f.frames + f.drops; n < before || n > after || f.drops == 0 && f.bytes != first {
			wrong++
			b.Errorf("run %d: %d sent before the signal, %d after the end; %d read + %d dropped; %d bytes, the first %d frames have %d",
				i, before, after, f.frames, f.drops, f.bytes, f.frames, first)
		}
	}
	if p := percentile(99, took); p > time.Second {
		b.Errorf("stopped within %v (p99)", p)
	}
	return fmt.Sprintf("%d of %d; stopped after %s (median), %s (p99); %d frames read, %d dropped, identity error %d",
		runs-int(wrong), runs, ms(percentile(50, took)), ms(percentile(99, took)), read, dropped, wrong)
}

func kill(b *bench) string {
	here, there := testnet.NewPair(b)
	runs := b.of(3, 50)
	var took []time.Duration
	missing := int64(0)
	for range runs {
		d := b.start(here)
		if here.Promiscuity("mon0") == 0 {
			b.Error("not promiscuous while it runs, so this shows nothing")
		}
		l := b.newLoad(nil, processRate)
		l.begin(there, 1)
		time.Sleep(100 * time.Millisecond)
		d.unwatch()
		_ = d.Cmd.Process.Kill()
		<-d.Ended
		l.end()
		if p := here.Promiscuity("mon0"); p != 0 {
			b.Errorf("promiscuity %d is left", p)
		}
		if err := checkLog(d.Log.String()); err != nil {
			b.Errorf("log: %v", err)
		}
		begin := time.Now()
		d = b.start(here)
		took = append(took, time.Since(begin))
		s := testnet.NewSender(there, "in0")
		s.SendAll(testnet.Conversation(1000), processRate)
		missing += d.finish(s.Sent).missing
	}
	return fmt.Sprintf("%d times; answers again after %s (median), %s (max); identity error %d", runs, ms(percentile(50, took)),
		ms(slices.Max(took)), missing)
}

func sigstop(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	l := b.newLoad(nil, processRate)
	l.begin(there, 1)
	rounds := b.of(1, 10)
	for range rounds {
		time.Sleep(500 * time.Millisecond)
		d.whileStopped(func() { time.Sleep(2 * time.Second) })
		d.waitStatus("healthz", 200, "")
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
