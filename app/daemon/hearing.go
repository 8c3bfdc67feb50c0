package daemon

import (
	"time"

	"gonetmon/app/meter"
)

const (
	// firstMinutes is how long an interface may show nothing that other machines send to each other.
	firstMinutes = time.Minute

	// othersWindow is the time in which at least minOthers of their packets must arrive, and any frame at all. A switch floods a
	// few to every port while it learns where a machine is.
	othersWindow = 15 * time.Minute
	minOthers    = 10

	minFrames = 10 // frames to look at before something is said of their shares

	// Frames are being lost if more than one in lossShare was dropped in lossWindow.
	lossWindow = 5 * time.Minute
	lossShare  = 1000

	sampleInterval = time.Minute
)

// A hearing is what an interface has shown since it has been up, at most in the last othersWindow.
type hearing struct {
	samples []sample // one a sampleInterval, the oldest first
	latest  sample
}

// A sample has the counters of an interface at a time.
type sample struct {
	time           time.Time
	looked, others uint64 // of meter.Findings
	frames, drops  uint64 // of capture.Stats
}

// add notes the present counters. It starts over while the interface is down.
func (h *hearing) add(now time.Time, m *meter.Status, f *meter.Findings) {
	if !m.Up {
		h.samples = nil
		return
	}
	h.latest = sample{time: now, looked: f.Frames, others: f.Others, frames: m.Frames, drops: m.Drops}
	if n := len(h.samples); n == 0 || now.Sub(h.samples[n-1].time) >= sampleInterval {
		h.samples = append(h.samples, h.latest)
	}
	for len(h.samples) > 1 && now.Sub(h.samples[1].time) >= othersWindow {
		h.samples = h.samples[1:]
	}
}

// gained returns what the counters gained in the last window, or since the interface has been up, and how long that is.
func (h *hearing) gained(window time.Duration) (gained sample, over time.Duration) {
	first := h.samples[0]
	for _, s := range h.samples {
		if h.latest.time.Sub(s.time) >= window {
			first = s
		}
	}
	l := &h.latest
	return sample{
		looked: l.looked - first.looked, others: l.others - first.others,
		frames: l.frames - first.frames, drops: l.drops - first.drops,
	}, l.time.Sub(first.time)
}

// health judges the interface.
func (h *hearing) health() meter.Health {
	if len(h.samples) == 0 {
		return meter.NotHeard
	}
	recent, _ := h.gained(lossWindow)
	window, long := h.gained(othersWindow)
	switch {
	case long >= othersWindow && window.frames == 0:
		return meter.NotHeard
	case window.others < minOthers && (long < firstMinutes || window.looked < minFrames):
		return meter.Listening
	case window.others < minOthers:
		return meter.BroadcastsOnly
	case recent.drops > (recent.frames+recent.drops)/lossShare:
		return meter.FramesLost
	}
	return meter.AllHeard
}
