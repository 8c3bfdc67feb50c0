package export

import (
	"bytes"
	"slices"
	"sync"

	"gonetmon/app/device"
)

// maxRenderings is how many renderings readers can hold at once, however slow they are.
const maxRenderings = 4

// A rendering is what the page says of the devices of one snapshot, in the forms that were asked for. Its bytes do not change
// while it has readers.
type rendering struct {
	snapshot *device.Snapshot
	readers  int
	plain    bytes.Buffer
	deflated bytes.Buffer // whole blocks, none of them the last of its stream
	sum      sum          // of what is deflated
}

// renderings makes one rendering for all readers of a snapshot, and uses its memory again.
type renderings struct {
	mu   sync.Mutex // guards all below, and is held while rendering: whoever comes meanwhile waits for the same
	all  []*rendering
	last *rendering
	text lines
	zip  *zipper
}

// take lends the rendering of the current snapshot until it is given back. If slow readers hold all renderings, that of an
// older snapshot has to do.
func (c *renderings) take(snapshot func() *device.Snapshot, deflated bool) *rendering {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := snapshot(); c.last == nil || c.last.snapshot != s {
		if i := slices.IndexFunc(c.all, func(r *rendering) bool { return r.readers == 0 }); i >= 0 {
			c.last = c.all[i]
		} else if len(c.all) < maxRenderings {
			c.last = &rendering{}
			c.all = append(c.all, c.last)
		}
		if c.last.readers == 0 {
			c.last.snapshot = s
			c.last.plain.Reset()
			c.last.deflated.Reset()
		}
	}
	r := c.last
	r.readers++
	switch {
	case deflated && r.deflated.Len() == 0:
		if c.zip == nil {
			c.zip = newZipper()
		}
		c.zip.reset(&r.deflated)
		c.text.w = c.zip
		c.text.devices(r.snapshot)
		c.text.flush()
		r.sum = c.zip.flush()
	case !deflated && r.plain.Len() == 0:
		c.text.w = &r.plain
		c.text.devices(r.snapshot)
		c.text.flush()
	}
	return r
}

func (c *renderings) give(r *rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.readers--
}
