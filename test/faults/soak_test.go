package faults

import (
	"context"
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
	"time"

	"gonetmon/test/testnet"
)

const (
	soakFrames = 60000
	maxSlope   = 16.0 // MiB/h: the residue of a line through figures that go up and down
)

// A soaker does random things to a daemon. One goroutine sends frames and changes the interface, another does the rest.
type soaker struct {
	b           *bench
	d           *daemon
	here, there *testnet.Namespace
	server      *testnet.DNS
	clock       *fakeClock
	hosts       string   // the file
	odd         [][]byte // frames of many kinds
	end         time.Time

	s    *testnet.Sender
	sent uint64 // by senders whose interface is gone

	mu   sync.Mutex // guards done
	done map[string]int
}

func soak(b *bench) string {
	here, there := testnet.NewPair(b)
	k := &soaker{b: b, here: here, there: there, hosts: filepath.Join(testnet.PublicDir(b), "hosts"),
		done: map[string]int{}, odd: [][]byte{testnet.UDP(known4, away, 60000), testnet.UDP(known6, away6, 10, 1, 2, 3)}}
	if os.Getenv("TEST_CAPTURES") != "" {
		k.odd = append(k.odd, b.samples(50)...)
	}
	k.server = testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{fmt.Sprintf("host-%x.lan.", addr.AsSlice())}, TTL: 60}
	})
	k.writeHosts("192.168.2.7 tv\n")
	here.Etc("resolv.conf", "nameserver 127.0.0.1\n")
	k.d = b.start(here, "GONETMON_DNS_SERVERS=", "GONETMON_CIDR=192.168.0.0/16,2001:db8:2::/64", "GONETMON_NAMES_FILE="+k.hosts)
	k.clock = newFakeClock(k.d)
	k.s = testnet.NewSender(there, "in0")
	long := b.seconds(15, 1800)
	begin := time.Now()
	k.end = begin.Add(long)
	slope := k.measureMemory(long)
	var both sync.WaitGroup
	both.Go(func() { k.run(rand.New(rand.NewPCG(b.seed, 2)), k.around()) })
	k.run(rand.New(rand.NewPCG(b.seed, 3)), k.onTheWire())
	both.Wait()
	k.clock.set(0)
	growth := slope()
	took := time.Since(begin).Round(time.Second)
	k.server.SetAll(nil)
	f := k.d.finish(k.sent + k.s.Sent)
	var what []string
	for _, name := range slices.Sorted(maps.Keys(k.done)) {
		what = append(what, fmt.Sprintf("%s %d×", name, k.done[name]))
	}
	return fmt.Sprintf("%s: %s; %s; page read %d times; at most %s, %d descriptors, %d goroutines; memory slope %s",
		took, strings.Join(what, ", "), f, k.d.page.scrapes, k.d.usedBesideRing(), k.d.peak.descriptors, k.d.peak.goroutines, growth)
}

// measureMemory samples the memory of the daemon over the second half. The func that it returns reports the slope of the line
// through the samples, and fails the row if it is too steep.
func (k *soaker) measureMemory(long time.Duration) func() string {
	if !k.b.long {
		return func() string { return "not measured in so short a time" }
	}
	var n, sx, sy, sxx, sxy float64 // of a least-squares line through hours and MiB
	begin := time.Now()
	ctx, stop := context.WithCancel(k.b.Context())
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(time.Second) {
			if u, err := usageOf(k.d.Cmd.Process.Pid); err == nil && time.Since(begin) > long/2 {
				x, y := time.Since(begin).Hours(), mib(u.memory)
				n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
			}
		}
	})
	return func() string {
		stop()
		sampling.Wait()
		slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
		if slope > maxSlope {
			k.b.Errorf("memory grows by %.1f MiB/h", slope)
		}
		return fmt.Sprintf("%+.1f MiB/h over the last %s", slope, long/2)
	}
}

// An event is one thing that a soaker does.
type event struct {
	name string
	do   func(random *rand.Rand)
}

// run does one event after the other until the end.
func (k *soaker) run(random *rand.Rand, events []event) {
	for time.Now().Before(k.end) && !k.b.Failed() {
		e := events[random.IntN(len(events))]
		e.do(random)
		k.mu.Lock()
		k.done[e.name]++
		k.mu.Unlock()
	}
}

// onTheWire returns the events that must not overlap, or frames are lost uncounted.
func (k *soaker) onTheWire() []event {
	return []event{
		{"traffic", k.traffic}, {"traffic", k.traffic}, {"forged IPv4", k.forged(forge4())},
		{"forged IPv6", k.forged(forge6())}, {"odd frames", k.sendOdd}, {"control frames", k.control},
		{"quiet", func(random *rand.Rand) { k.sleep(random, 1000) }},
		{"down", k.disturbance(func() { k.here.IP("link set mon0 down") }, func() { k.here.IP("link set mon0 up") })},
		{"carrier", k.disturbance(func() { k.there.IP("link set in0 down") }, func() { k.there.IP("link set in0 up") })},
		{"renamed", k.disturbance(func() { k.here.IP("link set mon0 name mon7") }, func() { k.here.IP("link set mon7 name mon0") })},
		{"MTU", k.disturbance(func() { k.here.IP("link set mon0 mtu 1500") }, func() { k.here.IP("link set mon0 mtu 65535") })},
		{"recreated", k.disturbance(func() {
			k.here.IP("link delete mon0")
			k.sent += k.s.Sent
			k.s.Close()
			k.s.Sent = 0
		}, func() {
			testnet.Veth(k.there, "in0", k.here, "mon0")
			k.s = testnet.NewSender(k.there, "in0")
		})},
		{"SIGSTOP", func(random *rand.Rand) {
			k.d.whileStopped(func() {
				k.traffic(random)
				k.sleep(random, 1000)
			})
		}},
	}
}

func (k *soaker) traffic(random *rand.Rand) {
	k.s.SendAll(testnet.Conversation(1+random.IntN(soakFrames/4)), 5000+random.IntN(50000))
}

// forged returns an event that sends frames of random senders.
func (k *soaker) forged(forge func(*rand.Rand) []byte) func(*rand.Rand) {
	return func(random *rand.Rand) {
		for range random.IntN(soakFrames) {
			k.s.Send(forge(random))
		}
	}
}

func (k *soaker) sendOdd(random *rand.Rand) {
	for range random.IntN(2000) {
		frame := k.odd[random.IntN(len(k.odd))]
		if bad := flipBits(random, frame); deliverable(bad) {
			frame = bad
		}
		k.s.Send(frame)
	}
}

func (k *soaker) control(random *rand.Rand) {
	bad := badNames()
	for range random.IntN(500) {
		n := byte(random.IntN(250) + 1)
		mac, four := [6]byte{2, 0, 0, 0, 1, byte(random.IntN(250))}, netip.AddrFrom4([4]byte{192, 168, 2, n})
		six := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 2, 15: n})
		name := fmt.Sprintf("phone-%d", n)
		if random.IntN(4) == 0 {
			name = bad[random.IntN(len(bad))]
		}
		prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, byte(random.Uint32())}), 64)
		life := time.Duration(random.IntN(100)) * time.Second
		k.s.SendAll([][]byte{
			testnet.ARPRequest(mac, four, four), testnet.ARPProbe(mac, four), testnet.UDP(four, away, 72),
			testnet.NeighborAdvert(mac, six, six, testnet.TargetMAC(mac)),
			testnet.RouterAdvert(mac, netip.MustParseAddr("fe80::1"), testnet.PrefixInfo(prefix, life)),
			testnet.DHCP{Type: testnet.Request, MAC: mac, Name: name, Asked: four}.Frame(),
			testnet.DHCP{Type: testnet.Ack, MAC: mac, Your: four, Life: time.Minute}.Frame(),
			testnet.MDNSResponse(mac, four, 120, true, testnet.Record{Name: fmt.Sprintf("tv-%d.local", n), Addr: four}),
		}, 0)
	}
}

// disturbance returns an event that does something to the interface, once everything sent is counted, and undoes it.
func (k *soaker) disturbance(do, undo func()) func(*rand.Rand) {
	return func(random *rand.Rand) {
		sent := k.sent + k.s.Sent
		k.d.waitReached(sent)
		if n := k.d.reached(); n != sent {
			k.b.Errorf("identity: %d read or dropped, %d sent", n, sent)
		}
		k.d.whileDisturbed(func() {
			do()
			k.sleep(random, 1500)
			undo()
		})
	}
}

// around returns the events that frames do not depend on.
func (k *soaker) around() []event {
	modes := []testnet.Mode{testnet.OK, testnet.OK, testnet.NXDomain, testnet.ServFail, testnet.RefusedCode,
		testnet.BlackHole, testnet.TruncatedNoTCP, testnet.WrongID, testnet.WrongOwner, testnet.RuntFirst, testnet.Loop,
		testnet.CompressionLoop, testnet.Huge}
	hosts := []string{"192.168.2.7 tv\n192.168.2.8 radio\n", "02:00:00:00:01:07 phone\n", "\xff\x00 garbage\n<script> x\n", ""}
	servers := []string{"nameserver 127.0.0.1\n", "nameserver 127.0.0.1\n", "", "nameserver 192.0.2.1\n", "garbage\n"}
	times := []time.Duration{0, time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour}
	const get = "GET /metrics HTTP/1.1\r\nHost: " + address + "\r\n"
	events := []event{
		{"DNS", func(random *rand.Rand) {
			k.server.SetAll(&testnet.Answer{Mode: modes[random.IntN(len(modes))], Names: []string{"some.lan."}, TTL: 60})
		}},
		{"hosts file", func(random *rand.Rand) { k.writeHosts(hosts[random.IntN(len(hosts))]) }},
		{"hosts file gone", func(*rand.Rand) { _ = os.Remove(k.hosts) }},
		{"resolv.conf", func(random *rand.Rand) { k.here.Etc("resolv.conf", servers[random.IntN(len(servers))]) }},
		{"clock", func(random *rand.Rand) { k.clock.set(times[random.IntN(len(times))]) }},
		{"garbage on HTTP", k.connected(20, func(random *rand.Rand, c net.Conn) {
			bytes := make([]byte, random.IntN(5000))
			for i := range bytes {
				bytes[i] = byte(random.Uint32())
			}
			_, _ = c.Write(bytes)
		})},
		{"idle connections", k.connected(100, func(*rand.Rand, net.Conn) {})},
		{"half requests", k.connected(100, func(_ *rand.Rand, c net.Conn) { _, _ = io.WriteString(c, get) })},
		{"slow readers", k.connected(16, func(_ *rand.Rand, c net.Conn) {
			_, _ = io.WriteString(c, get+"\r\n")
			_, _ = c.Read(make([]byte, 1))
		})},
		{"scrapers", k.connected(16, func(_ *rand.Rand, c net.Conn) {
			_, _ = io.WriteString(c, get+"Connection: close\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		})},
	}
	for i, e := range events {
		events[i].do = func(random *rand.Rand) {
			e.do(random)
			k.sleep(random, 3000)
		}
	}
	return events
}

// sleep sleeps up to so many milliseconds.
func (k *soaker) sleep(random *rand.Rand, limit int) {
	time.Sleep(time.Duration(random.IntN(limit)) * time.Millisecond)
}

// writeHosts writes the hosts file.
func (k *soaker) writeHosts(text string) {
	if err := os.WriteFile(k.hosts, []byte(text), 0o644); err != nil {
		k.b.Error(err)
	}
}

// connected returns an event with so many connections.
func (k *soaker) connected(count int, do func(random *rand.Rand, c net.Conn)) func(*rand.Rand) {
	return func(random *rand.Rand) {
		k.d.allow(count)
		conns := k.d.dial(count)
		for _, c := range conns {
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			do(random, c)
		}
		k.sleep(random, 3000)
		hangUp(conns)
		time.Sleep(1500 * time.Millisecond) // until the daemon has noticed
		k.d.allow(-count)
	}
}
