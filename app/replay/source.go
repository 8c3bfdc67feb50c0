package replay

import (
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/discovery"
)

// A controlTap lends the frames of a file to a meter, and learns from each control frame before the meter counts it:
// what it says is valid from that frame on, and not for what was counted before.
type controlTap struct {
	*capture.File
	*replayer
	unread
	prefixesKnown bool // those that routers announce in the whole file
	facts         []discovery.Fact
	lastUpdate    time.Time
	lastFrame     time.Time
}

// Next lends one frame, because each has a time of its own.
func (c *controlTap) Next(batch []capture.Frame) (int, error) {
	n, err := c.File.Next(batch[:1])
	if err != nil {
		return 0, err
	}
	now := c.Info().Last
	if now.Sub(c.lastUpdate) >= time.Second {
		c.update()
	}
	c.learnFrom(now, &batch[0])
	c.lastFrame = now
	return n, nil
}

// More returns false, so that the meter does not hold the table when the next control frame is read.
func (c *controlTap) More() bool { return false }

// update lets the registry take what was counted, as of the frame before this one.
func (c *controlTap) update() {
	c.lastUpdate = c.lastFrame
	if !c.lastFrame.IsZero() {
		c.registry.Update(c.lastFrame)
	}
}

// learnFrom learns from a frame if it is a control frame.
func (c *controlTap) learnFrom(now time.Time, frame *capture.Frame) {
	c.add(frame)
	c.facts = c.facts[:0]
	c.decoder.Decode(frame.Link, frame.Data, func(fact discovery.Fact) { c.facts = append(c.facts, fact) })
	if len(c.facts) > 0 {
		c.update()
		c.learn(now)
	}
}

// learn takes the facts of a frame.
func (c *controlTap) learn(now time.Time) {
	for i := range c.facts {
		if f := &c.facts[i]; f.Kind == discovery.OnLinkPrefix && !c.prefixesKnown {
			c.lan.Announce(now, f.Prefix, f.Lifetime)
			c.table.SetPrefixes(c.lan.Current())
		}
	}
	c.registry.Learn(now, c.facts)
}

// A linkCounter counts the frames of a file by link type.
type linkCounter struct {
	*capture.File
	unread
	links map[uint16]uint64
}

// Next lends the next frames.
func (l *linkCounter) Next(batch []capture.Frame) (int, error) {
	n, err := l.File.Next(batch)
	for i := range batch[:n] {
		l.links[batch[i].Link]++
		l.add(&batch[i])
	}
	return n, err
}
