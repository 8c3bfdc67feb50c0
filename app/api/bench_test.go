package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
)

// crowd returns the API of a network of n devices, each with traffic of the last ten minutes.
func crowd(n int) Config {
	cfg, s, summary := home(), snapshots.Crowd(n), usage.Summary{Time: snapshots.Start, Devices: map[uint64]usage.Use{}}
	for i := range s.Devices {
		summary.Devices[s.Devices[i].ID] = snapshots.Usage().Devices[2]
	}
	cfg.Snapshot = func() *device.Snapshot { return s }
	cfg.Usage = func() usage.Summary { return summary }
	cfg.Recent = func(uint64) usage.Recent { return snapshots.Recent(0) }
	return cfg
}

// BenchmarkStream_Tick renders the message of a tick and hands it to ten listeners. All 1,000 devices move something.
func BenchmarkStream_Tick(b *testing.B) {
	cfg := crowd(1000)
	s, m := newStream(cfg), messenger{zone: cfg.Zone}
	stop := make(chan struct{})
	var all []chan []byte
	for range 10 {
		messages := make(chan []byte, maxBehind)
		s.listeners[messages] = true
		all = append(all, messages)
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		message := m.message(s.snapshot(), time.Now())
		size = len(message)
		s.send(message, stop)
		for _, messages := range all {
			<-messages
		}
	}
	b.ReportMetric(float64(size), "bytes")
}

// BenchmarkDevices renders the answer of /api/v1/devices with 1,000 devices, all of which had traffic in the last ten minutes.
func BenchmarkDevices(b *testing.B) {
	a := &api{cfg: crowd(1000)}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(a.renderDevices().body)
	}
	b.ReportMetric(float64(size), "bytes")
}

// BenchmarkDevices_Shared answers requests for the same snapshot.
func BenchmarkDevices_Shared(b *testing.B) {
	h := New(crowd(1000))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/api/v1/devices", nil))
	}
}
