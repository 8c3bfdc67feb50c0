package device

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// One address that is given 100,000 names keeps the first.
func TestRegistry_KeepsFirstOfManyNames(t *testing.T) {
	lan := newTestLAN(1000, false)
	lan.sendAll("192.168.2.7")
	for i := range 100_000 {
		lan.learn(addrName("192.168.2.7", fmt.Sprintf("name%d", i)))
		if i%100 == 0 {
			lan.sendAll("192.168.2.7")
		}
	}
	checkBounds(t, lan.Registry)
	lan.want(t, "in the end", "name0 mdns [192.168.2.7] 1001/0")
}

// A thousand hosts of one name in the reverse DNS are several devices, and none has that name, whether their MACs are known or
// not.
func TestRegistry_BoundsNamesakes(t *testing.T) {
	for _, known := range []bool{false, true} {
		lan := newTestLAN(2000, true)
		for i := range 1000 {
			addr := fmt.Sprintf("192.168.%d.%d", 2+i/250, 1+i%250)
			lan.send(addr, 1)
			lan.namer.found = append(lan.namer.found, answer{addr, "printer"})
			if known {
				f := announced(0, addr)
				f.MAC = mac.Addr{2, 0, 0, 0, byte(i >> 8), byte(i)}
				lan.learn(f)
			}
		}
		lan.update(time.Second)
		lan.update(lookupGrace)
		checkBounds(t, lan.Registry)
		s := lan.Snapshot()
		if n := len(s.Devices); n != 1000 {
			t.Errorf("MACs known %v: %d devices", known, n)
		}
		for _, d := range s.Devices {
			if d.Name != d.Hosts[0].String() {
				t.Fatalf("a device is called %s", d.Name)
			}
		}
	}
}

// Two hosts that swap names again and again keep their first ones.
func TestRegistry_KeepsNamesThatAreSwapped(t *testing.T) {
	lan := newTestLAN(100, true)
	a, b := "192.168.2.7", "192.168.2.8"
	for i := range 1000 {
		x, y := "x", "y"
		if i%2 == 1 {
			x, y = y, x
		}
		lan.namer.found = []answer{{a, x}, {b, y}}
		lan.learn(announced(1, a), announced(2, b))
		lan.send(a, 1)
		lan.send(b, 10)
		lan.update(time.Minute)
	}
	lan.want(t, "after 1,000 times", "x ptr [192.168.2.7] 1000/0", "y ptr [192.168.2.8] 10000/0")
}

// Forged senders, neighbors, MACs and names fill no more than their share, and do not affect the devices that are known.
func TestRegistry_BoundsForgedHosts(t *testing.T) {
	const limit = 4096
	lan := newTestLAN(limit, false)
	lan.cfg.Forget = 24 * time.Hour
	lan.learn(announced(1, "192.168.2.7"), announced(1, "fe80::7"), macName(1, "roku"))
	random := rand.New(rand.NewPCG(1, 2))
	middle := uint64(0)
	const rounds, perRound = 200, 10_000
	for round := range rounds {
		lan.table.Begin()
		for range perRound {
			lan.table.Count(traffic.IPv6, traffic.Addr{Hi: 0x20010db8 << 32, Lo: random.Uint64()}, internet[traffic.IPv6],
				1, 55, 1, 0)
		}
		lan.table.End()
		facts := make([]discovery.Fact, 1000)
		for i := range facts {
			var addr [16]byte
			binary.BigEndian.PutUint64(addr[:8], 0x20010db8<<32)
			binary.BigEndian.PutUint64(addr[8:], random.Uint64())
			facts[i] = discovery.Fact{
				Kind: discovery.Kind(random.IntN(int(discovery.Router) + 1)), Own: true, Addr: netip.AddrFrom16(addr),
				Lifetime: time.Hour, MAC: mac.Addr{2, byte(random.IntN(256)), byte(random.IntN(256)), 1, byte(random.IntN(256)), 1},
				Name: fmt.Sprintf("n%d", random.IntN(1e6)),
			}
		}
		lan.learn(facts...)
		lan.send("192.168.2.7", 100)
		lan.send("fe80::7", 10)
		lan.update(time.Second)
		checkBounds(t, lan.Registry)
		if round == rounds/2 {
			middle = heapInUse()
		}
	}
	// A new device in the middle of it.
	lan.learn(announced(2, "192.168.2.8"), announced(2, "2001:db8::8"), macName(2, "alexa"))
	lan.send("192.168.2.8", 1000)
	lan.send("2001:db8::8", 1)
	lan.update(time.Second)
	lan.update(lookupGrace)
	got := map[string]string{}
	for _, d := range lan.Snapshot().Devices {
		got[d.Name] = fmt.Sprintf("%v %d", d.Hosts, d.Totals.Sent().Bytes)
	}
	if got["roku"] != fmt.Sprintf("[192.168.2.7 fe80::7] %d", rounds*110) {
		t.Errorf("roku: %s", got["roku"])
	}
	if got["alexa"] != "[192.168.2.8] 1000" && got["alexa"] != "[192.168.2.8 2001:db8::8] 1001" {
		t.Errorf("alexa: %s", got["alexa"])
	}
	end := heapInUse()
	runtime.KeepAlive(lan)
	if end > middle+middle/4 {
		t.Errorf("%d bytes in use in the middle, %d at the end", middle, end)
	}
}
