package device

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/traffic"
)

func TestRegistry_ShowsDevicesWithoutNames(t *testing.T) {
	lan := newTestLAN(10, false)
	lan.send("192.168.2.7", 100)
	lan.send("192.168.2.7", -1000)
	lan.send("fe80::7", 10)
	lan.update(time.Second)
	lan.want(t, "in case it introduces itself")
	lan.update(noNameGrace)
	lan.want(t, "soon", "192.168.2.7 address [192.168.2.7] 100/1000", "fe80::7 address [fe80::7] 10/0")
	d := lan.Snapshot().Devices[0]
	if seen := start.Add(time.Second); !d.First.Equal(seen) || !d.Last.Equal(seen) || d.Idle != noNameGrace {
		t.Errorf("first seen %v, last %v, idle %v, want %v", d.First, d.Last, d.Idle, seen)
	}
	lan.send("192.168.2.7", 1)
	lan.update(time.Minute)
	if d := lan.Snapshot().Devices[0]; !d.First.Equal(start.Add(time.Second)) || !d.Last.Equal(lan.now) || d.Idle != 0 {
		t.Errorf("first seen %v, last %v, idle %v", d.First, d.Last, d.Idle)
	}
}

func TestRegistry_ShowsNamesOfLookups(t *testing.T) {
	lan := newTestLAN(10, true)
	lan.send("192.168.2.7", 100)
	lan.update(time.Second)
	lan.want(t, "before its name is known")
	if w := lan.Snapshot().Waiting.Sent().Bytes; w != 100 {
		t.Errorf("%d bytes are waiting, want 100", w)
	}
	lan.send("192.168.2.7", 10)
	lan.namer.found = []answer{{"192.168.2.7", "roku"}, {"192.168.2.9", "nas"}, {"192.168.2.10", ""}}
	lan.update(time.Second)
	lan.want(t, "named, and a name of a host that was not seen", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7] 110/0")
	if w := lan.Snapshot().Waiting; w != (traffic.Totals{}) {
		t.Errorf("still waiting: %+v", w)
	}
	lan.send("fe80::7", 1)
	lan.send("192.168.2.8", 5)
	lan.update(4 * time.Second)
	lan.update(4 * time.Second)
	lan.want(t, "two new ones wait", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7] 110/0")
	lan.namer.found = []answer{{"fe80::7", "roku"}}
	lan.update(time.Second)
	lan.want(t, "a second address of one name, and one that has waited long enough",
		"192.168.2.8 address [192.168.2.8] 5/0", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7 fe80::7] 111/0")
	lan.send("192.168.2.8", 7)
	lan.namer.found = []answer{{"192.168.2.8", "printer"}, {"192.168.2.7", ""}}
	lan.update(time.Second)
	lan.want(t, "a first name has counters of its own, and no name changes nothing",
		"192.168.2.8 address [] 5/0", "nas ptr [192.168.2.9] 0/0",
		"printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7 fe80::7] 111/0")
	lan.namer.found = []answer{{"192.168.2.9", "storage"}, {"fe80::7", "tv"}}
	lan.send("192.168.2.7", 1)
	lan.send("fe80::7", 2)
	lan.update(time.Second)
	lan.want(t, "an address of another name leaves",
		"192.168.2.8 address [] 5/0", "nas ptr [192.168.2.9] 0/0",
		"printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "tv ptr [fe80::7] 2/0")
	lan.update(renameAfter - time.Minute)
	lan.namer.found = []answer{{"192.168.2.8", "scanner"}}
	lan.update(time.Minute)
	lan.want(t, "another name that holds",
		"192.168.2.8 address [] 5/0",
		"printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "storage ptr [192.168.2.9] 0/0", "tv ptr [fe80::7] 2/0")
	lan.namer.found = []answer{{"192.168.2.8", "printer"}}
	lan.update(renameAfter)
	lan.want(t, "another name that did not",
		"192.168.2.8 address [] 5/0",
		"printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "storage ptr [192.168.2.9] 0/0", "tv ptr [fe80::7] 2/0")
}

// Sources that the configuration leaves out are not used.
func TestRegistry_UsesSourcesInOrder(t *testing.T) {
	for order, want := range map[string]string{
		"file,ptr,dhcp,mdns,service,llmnr,netbios": "by-ptr ptr [192.168.2.7] 1/0", "mdns,dhcp": "by-mdns mdns [192.168.2.7] 1/0",
		"dhcp": "by-dhcp dhcp [192.168.2.7] 1/0", "file": "192.168.2.7 address [192.168.2.7] 1/0",
	} {
		lan := newTestLAN(100, true)
		lan.cfg.Order = strings.Split(order, ",")
		lan.namer.found = []answer{{"192.168.2.7", "by-ptr"}}
		lan.learn(announced(1, "192.168.2.7"), macName(1, "by-dhcp"), addrName("192.168.2.7", "by-mdns"))
		lan.sendAll("192.168.2.7")
		lan.update(lookupGrace)
		lan.want(t, order, want)
	}
}

// An IPv6 address that only receives is no device. One that sends is, and so is a neighbor.
func TestRegistry_ShowsNoForgedReceivers(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.send("2001:db8::1", -10)
	lan.send("2001:db8::2", -20)
	lan.update(lookupGrace)
	lan.update(lookupGrace)
	lan.want(t, "only sent to")
	if w := lan.Snapshot().Waiting.Received().Bytes; w != 30 {
		t.Errorf("%d bytes wait, want 30", w)
	}
	lan.send("2001:db8::1", 1)
	lan.learn(replied(2, "2001:db8::2"))
	lan.update(lookupGrace)
	lan.want(t, "one has sent, one is a neighbor", "2001:db8::1 address [2001:db8::1] 1/10",
		"2001:db8::2 address [2001:db8::2] 0/20")
}

// The namer is told of a host when it is first seen, and then once a minute while it is active.
func TestRegistry_WantsNamesOnceAMinute(t *testing.T) {
	lan := newTestLAN(10, true)
	for range 150 {
		lan.sendAll("192.168.2.7")
	}
	lan.update(time.Hour)
	if lan.namer.wanted != 3 {
		t.Errorf("wanted %d times in 150 s, want 3", lan.namer.wanted)
	}
}

func TestRegistry_KeepsToItsLimit(t *testing.T) {
	lan := newTestLAN(3, true)
	lan.namer.found = []answer{{"192.168.2.200", "named"}}
	for i := range 10 {
		lan.send(fmt.Sprintf("192.168.2.%d", i+1), 1)
	}
	lan.update(10 * time.Second)
	lan.update(10 * time.Second)
	s := lan.Snapshot()
	if len(s.Devices) != 3 || s.NumAddressed() != 3 || s.Hosts != 3 || s.Limit != 3 || s.Overflow.Sent().Bytes != 8 {
		t.Errorf("%d devices, %d hosts of %d, overflow %d", len(s.Devices), s.Hosts, s.Limit, s.Overflow.Sent().Bytes)
	}
	// A host whose name changes all the time leaves a bounded number of devices behind.
	for i := range 1000 {
		lan.namer.found = []answer{{"192.168.2.1", fmt.Sprintf("name%d", i)}}
		lan.send("192.168.2.1", 1)
		lan.update(renameAfter)
	}
	s = lan.Snapshot()
	if n := len(s.Devices); n > seriesPerHost*3 || s.NumAddressed() > 3 {
		t.Errorf("%d devices, %d with an address", n, s.NumAddressed())
	}
}

func TestRegistry_AveragesRates(t *testing.T) {
	lan := newTestLAN(3, false)
	for range 60 {
		lan.send("192.168.2.7", 1000)
		lan.send("192.168.2.7", -100)
		lan.update(time.Second)
	}
	d := lan.Snapshot().Devices[0]
	if d.OutRate < 999 || d.OutRate > 1001 || d.InRate < 99 || d.InRate > 101 {
		t.Errorf("rates %v out, %v in, want 1000 and 100", d.OutRate, d.InRate)
	}
	lan.update(rateOver)
	if d := lan.Snapshot().Devices[0]; d.OutRate < 350 || d.OutRate > 380 {
		t.Errorf("after 5 s of silence the rate is %v, want 1000/e", d.OutRate)
	}
	lan.update(time.Minute)
	if d := lan.Snapshot().Devices[0]; d.OutRate != 0 || d.InRate != 0 {
		t.Errorf("rates %v out, %v in after a minute of silence", d.OutRate, d.InRate)
	}
}

// A device that has not been seen for long makes room, and its bytes stay in the totals.
func TestRegistry_ExpiresDevices(t *testing.T) {
	lan := newTestLAN(4, true)
	lan.cfg.Forget = time.Hour
	lan.learn(announced(1, "192.168.2.1"), announced(1, "fe80::1"))
	lan.sendAll("192.168.2.1 fe80::1 192.168.2.2 192.168.2.3 192.168.2.4")
	lan.namer.found = []answer{{"192.168.2.2", "nas"}}
	for range 70 {
		lan.update(time.Minute)
		lan.sendAll("192.168.2.1 192.168.2.4")
	}
	lan.want(t, "an hour later", "192.168.2.1 address [192.168.2.1] 72/0", "192.168.2.4 address [192.168.2.4] 11/0")
	s := lan.Snapshot()
	f, o, n := s.Forgotten.Sent().Bytes, s.Overflow.Sent().Bytes, s.Network.Total().Bytes
	if f != 2 || o != 60 || n != 72+11+2+60 {
		t.Errorf("%d bytes forgotten, %d over the limit, %d in all", f, o, n)
	}
	if s.Hosts != 2 {
		t.Errorf("%d hosts", s.Hosts)
	}
	lan.sendAll("192.168.2.2 192.168.2.3")
	lan.update(lookupGrace)
	lan.want(t, "back, and one more", "192.168.2.1 address [192.168.2.1] 72/0", "192.168.2.2 address [192.168.2.2] 1/0",
		"192.168.2.3 address [192.168.2.3] 1/0", "192.168.2.4 address [192.168.2.4] 11/0")
}

// Times that go back, as in files, stand still: nothing is late because of them, and first and last are those of the packets.
func TestRegistry_StandsClockThatGoesBack(t *testing.T) {
	lan := newTestLAN(10, false)
	lan.sendAll("192.168.2.7")
	lan.update(time.Hour)
	lan.send("192.168.2.8", 1)
	lan.update(-2 * time.Hour)
	lan.update(noNameGrace)
	lan.want(t, "not yet", "192.168.2.7 address [192.168.2.7] 1/0")
	lan.update(2*time.Hour - noNameGrace)
	lan.update(noNameGrace)
	lan.want(t, "when time has caught up", "192.168.2.7 address [192.168.2.7] 1/0", "192.168.2.8 address [192.168.2.8] 1/0")
	d := lan.Snapshot().Devices[1]
	if !d.First.Equal(start.Add(time.Second-time.Hour)) || !d.Last.Equal(d.First) || d.Idle != noNameGrace {
		t.Errorf("first seen %v, last %v, idle %v", d.First, d.Last, d.Idle)
	}
}

func TestRegistry_RunUpdatesEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := newTestLAN(10, false)
		lan.Registry = NewRegistry(Config{Tables: lan.cfg.Tables, Limit: 10, AwaitNames: true})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- lan.Run(ctx) }()
		lan.send("192.168.2.7", 100)
		time.Sleep(5500 * time.Millisecond)
		s := lan.Snapshot()
		if n := len(s.Devices); n != 1 || time.Since(lan.LastUpdate()) != 500*time.Millisecond {
			t.Errorf("%d devices after 5.5 s, last update %v", n, lan.LastUpdate())
		}
		if lan.Snapshot() != s {
			t.Error("two snapshots of one update")
		}
		before := s.Devices[0]
		lan.send("192.168.2.7", 100)
		time.Sleep(time.Second)
		after := lan.Snapshot()
		if after == s || after.Devices[0].Totals == before.Totals || s.Devices[0].Totals != before.Totals {
			t.Errorf("after an update there is %+v, and the old snapshot has %+v", after.Devices[0], s.Devices[0])
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
