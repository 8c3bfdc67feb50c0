package capture

import "time"

// Stats are what a Ring has done since it was opened. Any goroutine may ask for them.
type Stats struct {
	Frames     uint64    // handed over by the socket: the tap's frames, of which one may stand for several on the wire
	Drops      uint64    // that reached the socket when the ring was full, as the kernel counts them
	Attached   uint64    // times that the ring was bound to the interface
	Up         bool      // bound to an interface that is up and has a carrier
	Reason     string    // why it is not, "" when it is
	LastActive time.Time // when the reader last showed a sign of life, on the monotonic clock too
}
