package api

import (
	"sync"
	"time"

	"gonetmon/app/device"
)

// maxAge is how long an answer is shared while the registry has no new snapshot.
const maxAge = time.Second

// A shared has one answer for all requests with the same snapshot, so that many clients cost little.
type shared struct {
	mu       sync.Mutex // guards all below
	snapshot *device.Snapshot
	rendered time.Time
	answer   answer
}

// get returns the answer for a snapshot. Requests that come while it is being rendered wait for it.
func (c *shared) get(s *device.Snapshot, render func() answer) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); s != c.snapshot || now.Sub(c.rendered) >= maxAge {
		c.answer = render().zip()
		c.snapshot, c.rendered = s, now
	}
	return c.answer
}
