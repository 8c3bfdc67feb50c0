package faults

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gonetmon/test/testnet"
)

func soakRows() []row {
	return []row{{
		name: "soak", fault: "all of it at random", run: soak,
		holds: "all that the watch looks at; frames read + lost = sent; memory bounded, and not growing",
	}}
}

const (
	soakHosts   = 4096 // so that memory is soon what it will be
	soakFrames  = 60000
	steepest    = 16.0 // MiB/h: what is left of a line through figures that go up and down by some
	soakSamples = time.Second
)

// A soaking is what happens to a daemon at random. One goroutine sends frames and does something to the interface, another does the rest.
type soaking struct {
	b           *bench
	d           *daemon
	here, there *testnet.Namespace
	server      *testnet.DNS
	clock       *fakeClock
	hosts       string // the file
	odd         [][]byte
	end         time.Time

	s    *testnet.Sender
	sent uint64 // by senders whose interface is no more

	mu   sync.Mutex // guards done
	done map[string]int
}

func soak(b *bench) string {
	here, there := testnet.NewPair(b)
	k := &soaking{b: b, here: here, there: there, hosts: filepath.Join(testnet.PublicDir(b), "hosts"), done: map[string]int{}, odd: b.odd()}
	k.server = testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{fmt.Sprintf("host-%x.lan.", addr.AsSlice())}, TTL: 60}
	})
	k.book("192.168.2.7 tv\n")
	here.Etc("resolv.conf", "nameserver 127.0.0.1\n")
	k.d = b.start(here, "GONETMON_DNS_SERVERS=", "GONETMON_CIDR=192.168.0.0/16,2001:db8:2::/64", "GONETMON_NAMES_FILE="+k.hosts,
		fmt.Sprintf("GONETMON_MAX_HOSTS=%d", soakHosts))
	k.clock = newFakeClock(k.d)
	k.s = testnet.NewSender(there, "in0")
	long := time.Duration(b.of(20, 1800)) * time.Second
	begin := time.Now()
	k.end = begin.Add(long)
	slope := k.measure(long)
	var both sync.WaitGroup
	both.Go(func() { k.happen(rand.New(rand.NewPCG(b.seed, 2)), k.around()) })
	k.happen(rand.New(rand.NewPCG(b.seed, 3)), k.onTheWire())
	both.Wait()
	k.clock.set(0)
	grows := slope()
	took := time.Since(begin).Round(time.Second)
	k.server.SetAll(nil)
	f := k.d.end(k.sent + k.s.Sent)
	var what []string
	for _, name := range slices.Sorted(maps.Keys(k.done)) {
		what = append(what, fmt.Sprintf("%s %d×", name, k.done[name]))
	}
	return fmt.Sprintf("%s: %s; %s; page read %d times; at most %.1f MiB beside the ring, %d descriptors, %d goroutines; memory slope %s",
		took, strings.Join(what, ", "), f, k.d.page.scrapes, mib(k.d.most.peak-ring), k.d.most.descriptors, k.d.most.goroutines, grows)
}

// odd are frames of many kinds.
func (b *bench) odd() (frames [][]byte) {
	b.Helper()
	if os.Getenv("TEST_CAPTURES") != "" {
		for _, some := range b.samples(50) {
			for _, f := range some {
				if carried(f.Data) {
					frames = append(frames, f.Data)
				}
			}
		}
	}
	for _, craft := range []func() []crafted{vlan, qinq, pppoe, mpls, fragments, extensions, jumbo} {
		for _, f := range craft() {
			frames = append(frames, f.data)
		}
	}
	slices.SortFunc(frames, slices.Compare) // what comes of a map has no order, and the seed should say all
	return frames
}

// measure notes the memory of the daemon from the middle on. The func that it returns says how steep the line through the figures is, and
// fails the row if it is too steep.
func (k *soaking) measure(long time.Duration) func() string {
	var hours, mibs []float64
	begin, stop, done := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(soakSamples):
			}
			if u, err := usageOf(k.d.Cmd.Process.Pid); err == nil && time.Since(begin) > long/2 {
				hours, mibs = append(hours, time.Since(begin).Hours()), append(mibs, mib(u.memory))
			}
		}
	}()
	end := sync.OnceFunc(func() {
		close(stop)
		<-done
	})
	k.b.Cleanup(end)
	return func() string {
		end()
		slope := slopeOf(hours, mibs)
		if !k.b.long {
			return fmt.Sprintf("%+.1f MiB/h over %s, which is too short to say something", slope, long/2)
		}
		if slope > steepest {
			k.b.Errorf("memory grows by %.1f MiB/h", slope)
		}
		return fmt.Sprintf("%+.1f MiB/h over the last %s", slope, long/2)
	}
}

// slopeOf is that of the line that fits best.
func slopeOf(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

// An event is one thing that happens.
type event struct {
	name string
	do   func(random *rand.Rand)
}

// happen lets one event follow another until the end.
func (k *soaking) happen(random *rand.Rand, events []event) {
	for time.Now().Before(k.end) && !k.b.Failed() {
		e := events[random.IntN(len(events))]
		e.do(random)
		k.mu.Lock()
		k.done[e.name]++
		k.mu.Unlock()
	}
}

// onTheWire are the events of which frames are lost if two of them happen at once.
func (k *soaking) onTheWire() []event {
	return []event{
		{"traffic", k.traffic}, {"traffic", k.traffic}, {"forged IPv4", k.forged4}, {"forged IPv6", k.forged6}, {"odd frames", k.oddFrames}, {"control frames", k.control}, {"hostile names", k.names},
		{"quiet", func(random *rand.Rand) { time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond) }},
		{"down", k.shaken(func() { k.here.IP("link set mon0 down") }, func() { k.here.IP("link set mon0 up") })},
		{"carrier", k.shaken(func() { k.there.IP("link set in0 down") }, func() { k.there.IP("link set in0 up") })},
		{"renamed", k.shaken(func() { k.here.IP("link set mon0 name mon7") }, func() { k.here.IP("link set mon7 name mon0") })},
		{"MTU", k.shaken(func() { k.here.IP("link set mon0 mtu 1500") }, func() { k.here.IP("link set mon0 mtu 65535") })},
		{"made anew", k.recreate},
		{"SIGSTOP", k.sigstop},
	}
}

func (k *soaking) send(frames [][]byte, rate int) { k.s.SendAll(frames, rate) }

func (k *soaking) traffic(random *rand.Rand) {
	k.send(testnet.Conversation(1+random.IntN(soakFrames/4)), 5000+random.IntN(50000))
}

func (k *soaking) forged4(random *rand.Rand) {
	frame := testnet.UDP(netip.MustParseAddr("192.168.0.1"), away, 72)
	for range random.IntN(soakFrames) {
		frame[28], frame[29] = byte(random.Uint32()), byte(random.Uint32())
		k.s.Send(frame)
	}
}

func (k *soaking) forged6(random *rand.Rand) {
	frame := testnet.UDP(netip.MustParseAddr("2001:db8:2::1"), away6, 72)
	for range random.IntN(soakFrames) {
		for i := 30; i < 38; i++ {
			frame[i] = byte(random.Uint32())
		}
		k.s.Send(frame)
	}
}

func (k *soaking) oddFrames(random *rand.Rand) {
	for range random.IntN(2000) {
		k.s.Send(flip14(random, k.odd[random.IntN(len(k.odd))]))
	}
}

// flip14 is flip, but for a frame that an interface would not carry any more.
func flip14(random *rand.Rand, frame []byte) []byte {
	if bad := flip(random, frame); carried(bad) {
		return bad
	}
	return frame
}

func (k *soaking) station(random *rand.Rand) (mac [6]byte, four, six netip.Addr) {
	n := byte(random.IntN(250) + 1)
	return [6]byte{2, 0, 0, 0, 1, byte(random.IntN(250))}, netip.AddrFrom4([4]byte{192, 168, 2, n}), netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 2, 15: n})
}

func (k *soaking) control(random *rand.Rand) {
	for range random.IntN(500) {
		mac, four, six := k.station(random)
		prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, byte(random.Uint32())}), 64)
		k.send([][]byte{
			testnet.ARPRequest(mac, four, four), testnet.ARPProbe(mac, four), testnet.NeighborAdvert(mac, six, six, testnet.TargetMAC(mac)),
			testnet.RouterAdvert(mac, netip.MustParseAddr("fe80::1"), testnet.PrefixInfo(prefix, time.Duration(random.IntN(100))*time.Second)),
			testnet.DHCP{Type: testnet.Request, MAC: mac, Name: fmt.Sprintf("phone-%d", random.IntN(100)), Asked: four}.Frame(),
			testnet.DHCP{Type: testnet.Ack, MAC: mac, Your: four, Life: time.Minute}.Frame(),
			testnet.MDNSResponse(mac, four, 120, true, testnet.Record{Name: fmt.Sprintf("tv-%d.local", random.IntN(100)), Addr: four}),
		}, 0)
	}
}

func (k *soaking) names(random *rand.Rand) {
	for _, name := range hostileNames() {
		mac, four, _ := k.station(random)
		k.send([][]byte{testnet.DHCP{Type: testnet.Request, MAC: mac, Name: name, Asked: four}.Frame(), testnet.UDP(four, away, 72)}, 0)
	}
}

// quiesce waits until all that was sent is counted, and checks that it is all there is.
func (k *soaking) quiesce() {
	k.b.Helper()
	sent := k.sent + k.s.Sent
	k.d.settledAt(sent)
	if n := k.d.reached(); n != sent {
		k.b.Errorf("identity: %d read or lost, %d sent", n, sent)
	}
}

// shaken is an event that does something to the interface and undoes it.
func (k *soaking) shaken(do, undo func()) func(*rand.Rand) {
	return func(random *rand.Rand) {
		k.quiesce()
		k.d.shaking(true)
		do()
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		undo()
		k.d.says("readyz", 200, "")
		k.d.shaking(false)
	}
}

func (k *soaking) recreate(random *rand.Rand) {
	k.quiesce()
	k.d.shaking(true)
	k.here.IP("link delete mon0")
	k.sent += k.s.Sent
	k.s.Close()
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
	testnet.Veth(k.there, "in0", k.here, "mon0")
	k.s = testnet.NewSender(k.there, "in0")
	k.d.says("readyz", 200, "")
	k.d.shaking(false)
}

func (k *soaking) sigstop(random *rand.Rand) {
	k.d.pause(true)
	k.d.signal(syscall.SIGSTOP)
	begin := time.Now()
	k.traffic(random)
	time.Sleep(max(0, time.Duration(random.IntN(2000))*time.Millisecond-time.Since(begin)))
	k.d.signal(syscall.SIGCONT)
	k.d.says("healthz", 200, "")
	k.d.pause(false)
}

// around are the events that no frame is lost by.
func (k *soaking) around() []event {
	modes := []testnet.Mode{testnet.OK, testnet.OK, testnet.NXDomain, testnet.ServFail, testnet.RefusedCode, testnet.BlackHole, testnet.TruncatedNoTCP, testnet.WrongID, testnet.WrongOwner, testnet.RuntFirst, testnet.Loop, testnet.CompressionLoop, testnet.Huge}
	books := []string{"192.168.2.7 tv\n192.168.2.8 radio\n", "02:00:00:00:01:07 phone\n", "\xff\x00 garbage\n<script> x\n", ""}
	servers := []string{"nameserver 127.0.0.1\n", "nameserver 127.0.0.1\n", "", "nameserver 192.0.2.1\n", "garbage\n"}
	times := []time.Duration{0, time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour}
	return []event{
		{"DNS", func(random *rand.Rand) {
			k.server.SetAll(&testnet.Answer{Mode: modes[random.IntN(len(modes))], Names: []string{"some.lan."}, TTL: 60})
			k.rest(random)
		}},
		{"hosts file", func(random *rand.Rand) { k.book(books[random.IntN(len(books))]); k.rest(random) }},
		{"hosts file gone", func(random *rand.Rand) { _ = os.Remove(k.hosts); k.rest(random) }},
		{"resolv.conf", func(random *rand.Rand) { k.here.Etc("resolv.conf", servers[random.IntN(len(servers))]); k.rest(random) }},
		{"clock", func(random *rand.Rand) { k.clock.set(times[random.IntN(len(times))]); k.rest(random) }},
		{"garbage on HTTP", k.connected(20, func(random *rand.Rand, c net.Conn) {
			bytes := make([]byte, random.IntN(5000))
			for i := range bytes {
				bytes[i] = byte(random.Uint32())
			}
			_, _ = c.Write(bytes)
		})},
		{"idle connections", k.connected(100, func(*rand.Rand, net.Conn) {})},
		{"half requests", k.connected(100, func(_ *rand.Rand, c net.Conn) { _, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost:") })},
		{"slow readers", k.connected(16, func(_ *rand.Rand, c net.Conn) {
			_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", address)
			_, _ = c.Read(make([]byte, 1))
		})},
		{"scrapers", k.connected(16, func(_ *rand.Rand, c net.Conn) {
			_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address)
			_, _ = io.Copy(io.Discard, c)
		})},
	}
}

func (k *soaking) rest(random *rand.Rand) {
	time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
}

// book writes the hosts file.
func (k *soaking) book(text string) {
	if err := os.WriteFile(k.hosts, []byte(text), 0o644); err != nil {
		k.b.Error(err)
	}
}

// connected is an event of so many connections.
func (k *soaking) connected(count int, do func(random *rand.Rand, c net.Conn)) func(*rand.Rand) {
	return func(random *rand.Rand) {
		k.d.connections.Add(int64(count))
		conns := k.d.dial(count)
		for _, c := range conns {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			do(random, c)
		}
		k.rest(random)
		hangUp(conns)
		time.Sleep(1500 * time.Millisecond) // until the daemon has noticed, and no page from before is kept
		k.d.connections.Add(int64(-count))
	}
}
