// Package meter runs the counting loop: it reads frames from a source, decodes them with packet and counts them with traffic. It
// knows nothing of names, devices or metrics.
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

// A Source provides frames: a capture.Ring or a capture.File.
type Source interface {
	// Next fills batch and returns the number of frames, which may be 0, or io.EOF. The frames are valid until the next call.
	Next(batch []capture.Frame) (int, error)
	// More reports whether Next would not block.
	More() bool
	// Stop makes Next return the frames that have already arrived, and then io.EOF. Any goroutine may call it.
	Stop()
}

// A Class counts the frames of one packet.Class, as they were on the wire.
type Class struct {
	Frames uint64
	Bytes  uint64 // with link headers, without FCS
}

// Classes are the counts by packet.Class.
type Classes [packet.NumClasses]Class

// A Meter counts the frames of one source into one table.
type Meter struct {
	// OnNonIP, if set before Run, is called for each frame without an IP packet, with the key of packet.Packet.Key. It is meant
	// for capture files, as the call costs more than counting the frame.
	OnNonIP func(class packet.Class, key string, wire uint64)

	// OnControl, if set before Run, is called for each frame for which packet.Packet.IsControl is true. It is part of the hot path,
	// and must copy what it keeps.
	OnControl func(f *capture.Frame)

	// Survey, if set before Run, looks at the first frames, and at some of the others.
	Survey *Survey

	source  Source
	table   *traffic.Table
	classes [packet.NumClasses]struct{ frames, bytes atomic.Uint64 }
}

// New returns a meter that counts the frames of source into table.
func New(source Source, table *traffic.Table) *Meter {
	return &Meter{source: source, table: table}
}

const (
	// batchSize is the number of frames to read at a time: enough to make the cost of the call small, and few enough for the CPU
	// to decode some while it still waits for the memory of others.
	batchSize = 4

	// maxBatches is the number of batches to count without unlocking the table. Each lock and each atomic addition makes the CPU
	// wait for all pending memory accesses, which costs more than counting a few frames.
	maxBatches = 256
)

// limitedBroadcast is 255.255.255.255, which is not a host (RFC 919).
var limitedBroadcast = traffic.Addr{Lo: 0xffffffff}

// Run counts until the source ends. When ctx ends, it stops the source and counts what is left. It returns nil unless the source
// fails.
func (m *Meter) Run(ctx context.Context) error {
	cancel := context.AfterFunc(ctx, m.source.Stop)
	defer cancel()
	var (
		frames [batchSize]capture.Frame
		p      packet.Packet
	)
	all := m.Survey != nil // the survey looks at all frames
	for {
		n, err := m.source.Next(frames[:])
		if err == nil {
			var classes Classes
			m.table.Begin()
			m.count(&p, frames[:n], &classes)
			for i := 1; i < maxBatches && err == nil && m.source.More(); i++ {
				if all {
					all = m.Survey.add(frames[:n])
				}
				n, err = m.source.Next(frames[:])
				m.count(&p, frames[:n], &classes)
			}
			m.table.End()
			m.publish(&classes)
			if m.Survey != nil {
				m.Survey.add(frames[:n])
			}
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

// count is the hot path: it does not allocate, lock, log or read the clock.
func (m *Meter) count(p *packet.Packet, frames []capture.Frame, classes *Classes) {
	for i := range frames {
		f := &frames[i]
		p.Decode(f.Link, f.Data, f.Wire, f.Tag)
		if f.GSO.Type != 0 {
			p.Resegment(f.Data, f.GSO.Type, f.GSO.Size, f.GSO.Transport)
		}
		c := &classes[p.Class]
		c.Frames += p.Frames
		c.Bytes += p.Wire
		if p.Class <= packet.IPv6 {
			dst := traffic.Addr(p.Dst)
			if p.Broadcast && p.Class == packet.IPv4 {
				dst = limitedBroadcast // a prefix may be wider than the subnet of this broadcast address
			}
			m.table.Count(traffic.Family(p.Class), traffic.Addr(p.Src), dst, p.Bytes, p.Wire, p.Frames, p.SrcMAC)
		} else if m.OnNonIP != nil {
			m.OnNonIP(p.Class, p.Key(), p.Wire)
		}
		if m.OnControl != nil && p.IsControl(f.Data) {
			m.OnControl(f)
		}
	}
}

// publish adds the counts of a batch.
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
