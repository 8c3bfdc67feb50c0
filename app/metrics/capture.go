package metrics

import (
	"gonetmon/app/meter"
	"gonetmon/app/packet"
)

// capture writes the frames of all interfaces together, and the state of each interface. The frames of a file have no
// interface.
func (t *textWriter) capture(meters []meter.Status) {
	if len(meters) == 0 {
		return
	}
	t.frames(meters)
	if meters[0].Interface == "" {
		return
	}
	t.startFamily("gonetmon_capture_up", gauge, "1 if the interface is being captured, otherwise 0.")
	for i := range meters {
		up := uint64(0)
		if meters[i].Up {
			up = 1
		}
		t.sample(up, "interface", meters[i].Interface)
	}
	t.startFamily("gonetmon_capture_broadcasts_only", gauge,
		"1 if the interface showed only broadcasts, multicasts and this machine's own traffic in the last 15 minutes, so is no mirror "+
			"port; otherwise 0.")
	for i := range meters {
		only := uint64(0)
		if meters[i].Up && meters[i].Health == meter.BroadcastsOnly {
			only = 1
		}
		t.sample(only, "interface", meters[i].Interface)
	}
	t.startFamily("gonetmon_capture_packets_total", counter,
		"Frames read from the interface. The kernel may merge several frames of the wire into one; gonetmon_frames_total "+
			"counts those of the wire.")
	for i := range meters {
		t.sample(meters[i].Frames, "interface", meters[i].Interface)
	}
	t.startFamily("gonetmon_capture_drops_total", counter,
		"Frames that the kernel dropped because the capture buffer was full (a larger GONETMON_RING_SIZE survives longer "+
			"stalls). No other metric counts them.")
	for i := range meters {
		t.sample(meters[i].Drops, "interface", meters[i].Interface)
	}
	t.startFamily("gonetmon_capture_attached_total", counter,
		"Times that capturing on the interface started: more than 1 if the interface disappeared and came back.")
	for i := range meters {
		t.sample(meters[i].Attached, "interface", meters[i].Interface)
	}
}

// frames writes the sums over all interfaces.
func (t *textWriter) frames(meters []meter.Status) {
	var all meter.Classes
	for i := range meters {
		for c := range all {
			all[c].Frames += meters[i].Classes[c].Frames
			all[c].Bytes += meters[i].Classes[c].Bytes
		}
	}
	t.startFamily("gonetmon_frames_total", counter, "Frames on the wire by class.")
	for c := range all {
		t.sample(all[c].Frames, "class", packet.Class(c).String())
	}
	t.startFamily("gonetmon_frame_bytes_total", counter,
		"Bytes of the frames on the wire by class, with link-layer headers and without FCS.")
	for c := range all {
		t.sample(all[c].Bytes, "class", packet.Class(c).String())
	}
}
