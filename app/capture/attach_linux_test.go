package capture_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// The interface may be absent, come, go, come back, be down, up and renamed: the ring stays with it.
func TestRingInterface(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	r := l.open(t, "mon0", 1<<20)
	defer func() { _ = r.Close() }()
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	why := func(want string) {
		t.Helper()
		until(t, fmt.Sprintf("reason %q", want), func() bool { return r.Stats().Reason == want })
	}
	var s *testnet.Sender
	heard := func(what string) {
		t.Helper()
		before := r.Stats().Frames
		s.SendAll(testnet.Conversation(10), 0)
		until(t, what+": frames heard", func() bool { return r.Stats().Frames >= before+10 })
	}
	why("no such interface")
	testnet.Veth(l.there, "in0", l.here, "mon0")
	why("")
	s = testnet.NewSender(l.there, "in0")
	heard("after it came")
	if p := l.here.Promiscuity("mon0"); p != 1 {
		t.Errorf("promiscuity %d, want 1", p)
	}
	l.here.IP("link set mon0 down")
	why("interface is down")
	l.here.IP("link set mon0 up")
	why("")
	heard("after down and up")
	l.there.IP("link set in0 down")
	why("interface has no carrier (is the cable plugged in?)")
	l.there.IP("link set in0 up")
	why("")
	heard("after the carrier was lost")
	l.here.IP("link set mon0 name mon1")
	time.Sleep(1200 * time.Millisecond) // a look at the interfaces in between
	heard("after it was renamed")
	l.here.IP("link set mon1 name mon0")
	heard("after it was renamed back")
	if a := r.Stats().Attached; a != 1 {
		t.Errorf("attached %d times, want once so far", a)
	}
	l.here.IP("link delete mon0")
	why("no such interface")
	// The new one begins down, and the ring brings it up.
	l.there.IP("link add in0 mtu 65535 type veth peer name mon0 mtu 65535 netns " + l.here.Name)
	l.there.IP("link set in0 up")
	why("")
	s = testnet.NewSender(l.there, "in0")
	heard("after it was made anew")
	if a := r.Stats().Attached; a != 2 {
		t.Errorf("attached %d times, want twice", a)
	}
}

// Deleted and made anew under traffic, the interface is heard again within a second, promiscuous, and no processor spins.
func TestRingRecreate(t *testing.T) {
	l := newLink(t)
	r := l.open(t, "mon0", 1<<20)
	defer func() { _ = r.Close() }()
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	frames := testnet.Conversation(100)
	var took []time.Duration
	was := r.Stats()
	for range 50 {
		s := testnet.NewSender(l.there, "in0")
		stop := make(chan struct{})
		var load sync.WaitGroup
		load.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					for range 10 {
						s.Send(frames[i%len(frames)])
					}
				}
			}
		})
		before := r.Stats().Frames
		until(t, "frames heard", func() bool { return r.Stats().Frames > before })
		l.here.IP("link delete mon0")
		close(stop)
		load.Wait()
		made := time.Now() // about: it is made while this runs
		testnet.Veth(l.there, "in0", l.here, "mon0")
		until(t, "attached again", func() bool { return r.Stats().Up && r.Stats().Attached > was.Attached })
		took = append(took, time.Since(made))
		if p := l.here.Promiscuity("mon0"); p != 1 {
			t.Errorf("promiscuity %d, want 1", p)
		}
		now := r.Stats()
		if now.Frames < was.Frames || now.Drops < was.Drops || now.Attached < was.Attached {
			t.Errorf("counters went back: %+v after %+v", now, was)
		}
		was = now
	}
	slices.Sort(took)
	t.Logf("attached again after %v (median), %v (longest)", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > time.Second {
		t.Errorf("median %v, want at most 1 s", took[len(took)/2])
	}
	used := cpu(t)
	l.here.IP("link delete mon0")
	time.Sleep(2 * time.Second)
	if spent := cpu(t) - used; spent > 200*time.Millisecond {
		t.Errorf("%v of CPU in 2 s without the interface", spent)
	}
}

// cpu is the processor time that this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
