package capture

import "time"

// Stats describe a Ring since it was opened.
type Stats struct {
	Frames     uint64    // frames read from the socket; one of them may stand for several on the wire (see GSO)
	Drops      uint64    // frames that reached the socket while the ring was full, as counted by the kernel
	Attached   uint64    // how often the ring was bound to the interface
	Up         bool      // bound to an interface that is up, has a carrier and frames that can be read
	Reason     string    // why Up is false; "" if it is true
	LastActive time.Time // when the reading goroutine was last active; has a monotonic clock reading
}

// ReasonNotRead begins a Reason of Stats. What the frames are instead follows; they are returned all the same, with a Link that
// stands for nothing. Other reasons are those of the Interface and errors of the kernel, as text.
const ReasonNotRead = "its frames are neither Ethernet nor IP"
