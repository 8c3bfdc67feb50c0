package meter_test

import (
	"testing"

	"gonetmon/app/capture"
	"gonetmon/app/meter"
)

func TestWorst(t *testing.T) {
	up := func(h meter.Health) meter.Status { return meter.Status{Stats: capture.Stats{Up: true}, Health: h} }
	for _, c := range []struct {
		name string
		all  []meter.Status
		want meter.Health
	}{
		{"a file", nil, meter.AllHeard},
		{"all well", []meter.Status{up(meter.AllHeard), up(meter.AllHeard)}, meter.AllHeard},
		{"one loses frames", []meter.Status{up(meter.FramesLost), up(meter.AllHeard)}, meter.FramesLost},
		{"two faults", []meter.Status{up(meter.FramesLost), up(meter.BroadcastsOnly)}, meter.BroadcastsOnly},
		{"one went down a moment ago", []meter.Status{up(meter.BroadcastsOnly), {Health: meter.AllHeard}}, meter.NotHeard},
	} {
		if got := meter.Worst(c.all); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
