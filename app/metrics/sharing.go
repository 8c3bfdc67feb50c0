package metrics

import (
	"slices"
	"sync"
	"time"

	"gonetmon/app/device"
)

const (
	keepFor  = time.Second // how long a rendering is given to all who ask: of its snapshot or not, what it counts is as old
	mostHeld = 8 << 20     // bytes of renderings, besides the newest, that readers may hold
)

// renderings makes one rendering for all who ask at once, or for the same snapshot. It keeps none for longer than a second that nobody
// reads, and if readers are so slow that they hold too many, it takes the oldest ones from them.
type renderings struct {
	folded   func() time.Time // nil: never
	up       func() []bool    // which interfaces are heard: a rendering that says otherwise is none
	snapshot func() *device.Snapshot
	render   func(*device.Snapshot) *rendering

	mu     sync.Mutex   // guards all below, and the readers of all renderings
	making *making      // nil: none is being made
	last   *rendering   // nil: it is too old
	held   []*rendering // those that have readers, oldest first
}

// making is a rendering that is being made.
type making struct {
	done   chan struct{}
	result *rendering // when it is done; nil if that failed
}

// take lends a rendering until it is given back: one of the current snapshot, or that which is just being made.
func (c *renderings) take() *rendering {
	r, mine := c.join()
	if !mine && !slices.Equal(r.up, c.up()) {
		r, _ = c.join() // this one has been begun since
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.readers++; r.readers == 1 {
		c.held = append(c.held, r)
	}
	return r
}

// join waits for the rendering that is being made, or makes one itself.
func (c *renderings) join() (r *rendering, mine bool) {
	c.mu.Lock()
	m := c.making
	if m == nil {
		m = &making{done: make(chan struct{})}
		c.making = m
		c.mu.Unlock()
		c.make(m)
		return m.result, true
	}
	c.mu.Unlock()
	<-m.done
	if m.result == nil {
		panic("metrics: the page could not be rendered")
	}
	return m.result, false
}

func (c *renderings) give(r *rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.readers--; r.readers == 0 {
		c.held = slices.DeleteFunc(c.held, func(h *rendering) bool { return h == r })
	}
}

func (c *renderings) make(m *making) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.making = nil
		close(m.done)
	}()
	if m.result = c.current(); m.result == nil {
		up := c.up() // before it is rendered: if they change meanwhile, it is not for those who come then
		m.result = c.render(c.snapshot())
		m.result.up = up
		c.keep(m.result)
	}
}

// current is the last rendering, if it may be given to others. If not, its memory may be used for the next.
func (c *renderings) current() *rendering {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.last; r != nil && (c.folded != nil && !c.folded().Equal(r.time) || !slices.Equal(r.up, c.up())) {
		c.last = nil
	}
	return c.last
}

// keep makes a rendering the newest, for a second.
func (c *renderings) keep(r *rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r
	time.AfterFunc(keepFor, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.last == r {
			c.last = nil
		}
	})
	held := 0
	for _, h := range c.held {
		held += h.size
	}
	for len(c.held) > 0 && held > mostHeld {
		held -= c.held[0].size
		c.held[0].take()
		c.held = c.held[1:]
	}
}
