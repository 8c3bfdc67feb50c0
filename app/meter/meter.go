// Package meter is the loop: it takes frames from a source, asks packet who talks to whom in them, and tells traffic.
// It knows nothing of names, devices or who reads the numbers.
package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
)

// A Source lends frames: capture.Ring or capture.File.
type Source interface {
	// Next fills the batch with at least one frame, which are valid until the next call, or returns io.EOF.
	Next(batch []capture.Frame) (int, error)
	// More says that Next would not have to wait.
	More() bool
	// Stop makes Next return io.EOF when it has handed over what had come. It may be called by any goroutine.
	Stop()
}

// A Class counts the frames of one class, as they were on the wire.
type Class struct {
	Frames uint64
	Bytes  uint64 // link headers included, FCS not
}

// Classes are the counts of all classes.
type Classes [packet.NumClasses]Class

// A Meter counts the frames of one source into one table.
type Meter struct {
	// OnNonIP, if set before Run, is called for each frame that has no IP packet, with the reason as packet.Packet.Key words it.
	// It is meant for capture files: a call for each such frame costs more than counting them all.
	OnNonIP func(class packet.Class, key string, wire uint64)

	source  Source
	table   *traffic.Table
	classes [packet.NumClasses]struct{ frames, bytes atomic.Uint64 }
}

// New returns a meter that will count the frames of source into table.
func New(source Source, table *traffic.Table) *Meter {
	return &Meter{source: source, table: table}
}

const (
	// batch is how many frames are asked for at a time: enough that the call costs little for each, few enough that the processor,
	// which fetches ahead what comes next in the ring, is not outrun by the look at their headers.
	batch = 8

	// most is how many batches are counted without letting a reader of the table in between. Each lock and each atomic addition
	// makes the processor wait for all memory that it has asked for, which costs more than counting a few frames.
	most = 128
)

// limitedBroadcast is 255.255.255.255, which has no receiving host (RFC 919).
var limitedBroadcast = traffic.Addr{Lo: 0xffffffff}

// Run counts until the source ends, or ctx: then it stops the source and counts what that still has. It returns nil unless
// the source failed.
func (m *Meter) Run(ctx context.Context) error {
	cancel := context.AfterFunc(ctx, m.source.Stop)
	defer cancel()
	var (
		frames [batch]capture.Frame
		p      packet.Packet
	)
	for {
		n, err := m.source.Next(frames[:])
		if err == nil {
			var classes Classes
			m.table.Begin()
			m.count(&p, frames[:n], &classes)
			for i := 1; i < most && err == nil && m.source.More(); i++ {
				n, err = m.source.Next(frames[:])
				m.count(&p, frames[:n], &classes)
			}
			m.table.End()
			m.publish(&classes)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("meter: %w", err)
		}
	}
}

// count is the hot path: it does not allocate, lock, log or look at the clock.
func (m *Meter) count(p *packet.Packet, frames []capture.Frame, classes *Classes) {
	for i := range frames {
		f := &frames[i]
		p.Decode(f.Link, f.Data, f.Wire, f.Tag)
		if f.GSO.Type != 0 {
			p.Resegment(f.Data, f.GSO.Type, f.GSO.Size)
		}
		c := &classes[p.Class]
		c.Frames += p.Frames
		c.Bytes += p.Wire
		if p.Class <= packet.IPv6 {
			dst := traffic.Addr(p.Dst)
			if p.Broadcast && p.Class == packet.IPv4 {
				dst = limitedBroadcast // the prefix may be wider than the subnet whose broadcast address this is
			}
			m.table.Count(traffic.Family(p.Class), traffic.Addr(p.Src), dst, p.Bytes, p.Wire, p.Frames)
		} else if m.OnNonIP != nil {
			m.OnNonIP(p.Class, p.Key(), p.Wire)
		}
	}
}

// publish adds what was counted by class.
func (m *Meter) publish(classes *Classes) {
	for i := range classes {
		if classes[i].Frames != 0 {
			m.classes[i].frames.Add(classes[i].Frames)
			m.classes[i].bytes.Add(classes[i].Bytes)
		}
	}
}

// Classes returns the frames counted so far. Any goroutine may call it.
func (m *Meter) Classes() (all Classes) {
	for i := range all {
		all[i] = Class{m.classes[i].frames.Load(), m.classes[i].bytes.Load()}
	}
	return all
}
