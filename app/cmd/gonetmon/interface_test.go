package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// An interface that does not exist is waited for; the log, the page and /readyz say so.
func TestAbsentInterface(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewNamespace(t), testnet.NewNamespace(t)
	p := start(t, here)
	if log := p.Log.String(); strings.Count(log, "does not exist, waiting for it") != 1 || !strings.Contains(log, "existing=lo") {
		t.Errorf("the log does not say once that the interface is waited for, and which exist:\n%s", log)
	}
	if status, body := p.Get("readyz"); status != 503 || !strings.Contains(body, "mon0: no such interface") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := p.Get("healthz"); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
	if _, page := p.Get(""); !strings.Contains(page, "no such interface") && !strings.Contains(page, "does not exist") {
		t.Error("the page does not say that the interface is missing")
	}
	if up := p.Metrics()[`gonetmon_capture_up{interface="mon0"}`]; up != 0 {
		t.Errorf("gonetmon_capture_up is %v", up)
	}
	testnet.Veth(there, "in0", here, "mon0")
	p.Until("ready", func() bool { status, _ := p.Get("readyz"); return status == 200 })
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(100)
	s.SendAll(frames, 0)
	if n := p.WaitFrames(s.Sent)[`gonetmon_frames_total{class="ipv4"}`]; n != 100 {
		t.Errorf("%v frames counted of 100", n)
	}
}

// The whole daemon through an interface that is deleted and made anew: what was counted stays.
func TestRecreatedInterface(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here)
	frames := testnet.Conversation(1000)
	var last map[string]float64
	for run := range 5 {
		s := testnet.NewSender(there, "in0")
		s.SendAll(frames, 50000)
		m := p.WaitFrames(uint64(1000 * (run + 1)))
		if n := m[`gonetmon_frames_total{class="ipv4"}`]; n != float64(1000*(run+1)) {
			t.Errorf("%v frames after %d rounds of 1000", n, run+1)
		}
		for series, v := range last {
			if strings.Contains(series, "_total") && m[series] < v {
				t.Errorf("%s went back from %v to %v", series, v, m[series])
			}
		}
		last = m
		here.IP("link delete mon0")
		testnet.Veth(there, "in0", here, "mon0")
		p.Until("attached again", func() bool {
			m := p.Metrics()
			return m[`gonetmon_capture_up{interface="mon0"}`] == 1 && m[`gonetmon_capture_attached_total{interface="mon0"}`] == float64(run+2)
		})
	}
}

// Without configuration the interface and the prefixes are those of the default route; prefixes that change are followed. A
// mirror port, which has no address, has the prefixes of the default route's interface.
func TestAutomatic(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	here.IP("addr add 192.168.7.2/24 dev mon0")
	here.IP("route add default via 192.168.7.1")
	p := start(t, here, "GONETMON_INTERFACE=", "GONETMON_CIDR=")
	away := netip.MustParseAddr("198.51.100.1")
	s := testnet.NewSender(there, "in0")
	counts := func(host string) func() bool {
		return func() bool {
			s.Send(testnet.UDP(netip.MustParseAddr(host), away, 100))
			return p.Metrics()[fmt.Sprintf(`node_bytes_total{device="%s"}`, host)] > 0
		}
	}
	p.Until("a host of the interface's prefix counted", counts("192.168.7.9"))
	here.IP("addr add 10.9.0.2/16 dev mon0")
	p.Until("a host of the new prefix counted", counts("10.9.1.1"))
	if p.Metrics()[`node_bytes_total{device="192.168.7.9"}`] == 0 {
		t.Error("what was counted before is gone")
	}

	testnet.Veth(there, "in1", here, "mirror0")
	s = testnet.NewSender(there, "in1")
	p = start(t, here, "GONETMON_INTERFACE=mirror0", "GONETMON_CIDR=")
	p.Until("a host of the default route's prefix counted on the mirror port", counts("192.168.7.9"))
}

// Each interface of a list counts into the same devices.
func TestTwoInterfaces(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	testnet.Veth(there, "in1", here, "mon1")
	p := start(t, here, "GONETMON_INTERFACE=mon0,mon1")
	home, away := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("198.51.100.1")
	for i, in := range []string{"in0", "in1"} {
		s := testnet.NewSender(there, in)
		for range 100 * (i + 1) {
			s.Send(testnet.UDP(home, away, 72))
		}
	}
	p.Until("both counted into one device", func() bool { return p.Metrics()[`node_bytes_total{device="192.168.2.7"}`] == 30000 })
	m := p.Metrics()
	if a, b := m[`gonetmon_capture_packets_total{interface="mon0"}`], m[`gonetmon_capture_packets_total{interface="mon1"}`]; a != 100 || b != 200 {
		t.Errorf("%v and %v frames, want 100 and 200", a, b)
	}
}

// What it costs when next to nothing happens, and what memory it holds with the ring. The bounds are far above what the benchmarks
// of the README say, for busy machines, but below what a spinning loop or a leak would need.
func TestIdle(t *testing.T) {
	here, there := testnet.NewPair(t)
	p := start(t, here)
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(2000)
	before, begin := testnet.CPU(t, p.Cmd.Process.Pid).Seconds(), time.Now()
	for range 5 {
		s.SendAll(frames, 2000)
	}
	share := (testnet.CPU(t, p.Cmd.Process.Pid).Seconds() - before) / time.Since(begin).Seconds()
	resident := p.Metrics()["process_resident_memory_bytes"]
	t.Logf("%.2f %% of a core at 2,000 frames/s, %.1f MB resident", 100*share, resident/1e6)
	if share > 0.03 {
		t.Errorf("%.1f %% of a core at 2,000 frames/s", 100*share)
	}
	// The test binary, which this is, carries all tests and the race detector's memory if that is on; gonetmon itself is smaller.
	if resident > 64e6 && !raceDetector() {
		t.Errorf("%.0f MB resident", resident/1e6)
	}
}
