package capture

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// RingConfig configures a Ring.
type RingConfig struct {
	Size int // size of the ring in bytes of kernel memory; rounded down to blocks of 128 KiB, and at least eight of them
	Log  *slog.Logger
}

// A block that the kernel hands over early, for lack of traffic, is used up however little is in it. So in a stall a quiet LAN
// fills the ring at one block per blockTimeout: it is the number of blocks that says how long a stall may be. 8 MiB last for
// almost four seconds.
const (
	minBlocks     = 8
	blockSize     = 128 << 10             // whole pages of any size; holds the longest frame
	blockTimeout  = 60 * time.Millisecond // after it the kernel hands over a block that is not full (retire_blk_tov)
	checkInterval = time.Second           // how often to look at the interface when nothing happens
	maxStopWait   = 2 * time.Second       // how long a stop waits for frames that the kernel has counted
	frameSize     = 2048                  // TPACKET_V3 does not use it, but the kernel checks that it divides the block size
)

// A Ring reads frames from an interface through a ring that it shares with the kernel: an AF_PACKET socket with TPACKET_V3
// (packet(7), Documentation/networking/packet_mmap.rst). Opening it needs CAP_NET_RAW.
//
// A ring captures on the interface that Follow names, by its index, and never reads frames of others. It knows nothing of names
// and states. Every frame that reaches the socket is returned by Next or counted as a drop.
//
// Open, Next and Close must be called by one goroutine. Stop, Stats, and after Open Follow may be called by any.
type Ring struct {
	cfg    RingConfig
	fd     int      // the packet socket
	file   *os.File // the same, for the runtime's poller
	conn   syscall.RawConn
	wake   func(uintptr) bool // shouldWake as a func value, so that sleep does not allocate
	polled bool               // shouldWake was called in this sleep

	memory   []byte
	blocks   int
	index    int    // of the current block, or of the next one
	owned    bool   // the current block is ours, not the kernel's
	block    block  // the current block
	whole    uint64 // frames of the current block that are whole, so far
	headroom int    // size of the virtio header in front of each frame; 0: the kernel does not provide it

	bound     Interface // Index 0: not bound
	hardware  uint16    // ARPHRD_* of the bound interface, as of the last check
	linkType  uint16    // LINKTYPE of its frames
	checked   time.Time
	rejecting time.Time // when the stop began; zero before

	stopping atomic.Bool
	follow   atomic.Pointer[Interface]
	changed  atomic.Bool   // follow has changed, or the bound interface
	frames   atomic.Uint64 // returned by Next, or about to be
	packets  atomic.Uint64 // that reached the socket according to the kernel, drops included
	drops    atomic.Uint64 // according to the kernel
	broken   atomic.Uint64 // that the kernel counted but Next could not read
	attached atomic.Uint64
	reason   atomic.Pointer[string] // see Stats
	epoch    time.Time
	active   atomic.Int64 // nanoseconds since epoch, on the monotonic clock: setting the wall clock must not look like a stall
}

var notOpened = "not opened yet"

// NewRing returns a ring that is not open yet.
func NewRing(cfg RingConfig) *Ring {
	r := &Ring{cfg: cfg, fd: -1, epoch: time.Now()}
	r.wake = r.shouldWake
	r.reason.Store(&notOpened)
	r.follow.Store(&Interface{})
	return r
}

// Follow makes the ring capture on the interface from now on, or on none if its Index is 0.
func (r *Ring) Follow(i Interface) {
	if *r.follow.Swap(&i) == i || r.file == nil {
		return
	}
	r.changed.Store(true)
	r.interrupt()
}

// Interface returns what the ring follows.
func (r *Ring) Interface() Interface { return *r.follow.Load() }

func (r *Ring) log() *slog.Logger { return r.cfg.Log.With("interface", r.Interface().Name) }

// Open opens the socket and maps the ring. It is not an error if there is no interface yet. The error wraps EPERM if the
// capability is missing.
func (r *Ring) Open() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open ring on %s: %w", r.Interface().Name, err)
			_ = r.Close()
		}
	}()
	// Protocol 0: a socket that is not bound yet must not receive frames of all interfaces.
	if r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	r.file = os.NewFile(uintptr(r.fd), "packet socket")
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	r.blocks = max(minBlocks, r.cfg.Size/blockSize)
	size := r.blocks * blockSize
	request := unix.TpacketReq3{
		Block_size:     blockSize,
		Block_nr:       uint32(r.blocks),
		Frame_size:     frameSize,
		Frame_nr:       uint32(size / frameSize),
		Retire_blk_tov: uint32(blockTimeout.Milliseconds()),
	}
	r.headroom, err = requestRing(
		func(on int) error { return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, on) },
		func() error { return unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request) },
	)
	if err != nil {
		return fmt.Errorf("ring of %d bytes: %w", size, err)
	}
	if r.headroom == 0 {
		r.log().Warn("the kernel does not say how it merges packets (Linux before 4.6); a merged frame counts as one packet",
			"advice", "ethtool -K "+r.Interface().Name+" gro off lro off")
	}
	if r.memory, err = unix.Mmap(r.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map ring of %d bytes: %w", size, err)
	}
	now := time.Now()
	r.active.Store(int64(now.Sub(r.epoch)))
	r.checkInterface(now)
	return nil
}

// requestRing makes the ring, with virtio headers if the kernel has both, and returns the size of these headers.
func requestRing(setVirtioHeader func(on int) error, setRing func() error) (headroom int, err error) {
	if setVirtioHeader(1) != nil { // it must come before the ring
		return 0, setRing()
	}
	err = setRing()
	if !errors.Is(err, unix.EINVAL) {
		return vnetHeader, err
	}
	if err := setVirtioHeader(0); err != nil {
		return 0, err
	}
	return 0, setRing()
}

// Next fills batch and returns the number of frames, which is 0 if the kernel finished none of a block. It blocks until there is
// a block to read. After Stop it returns the frames that had reached the socket before, and then io.EOF. Any other error means
// that frames which the kernel had counted never arrived. Next does not allocate.
func (r *Ring) Next(batch []Frame) (int, error) {
	if r.block.left == 0 {
		r.releaseBlock()
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	return r.readBlock(batch), nil
}

// readBlock fills batch from the current block and returns the number of frames. Frames are counted with the last of their block.
func (r *Ring) readBlock(batch []Frame) int {
	n, broken := r.block.read(batch, r.headroom, r.hardware, r.linkType)
	if broken > 0 {
		r.broken.Add(uint64(broken))
	}
	r.whole += uint64(n)
	if r.block.left == 0 {
		r.frames.Add(r.whole)
		r.whole = 0
	}
	return n
}

// releaseBlock returns the current block to the kernel.
func (r *Ring) releaseBlock() {
	if r.owned {
		atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
		r.index = (r.index + 1) % r.blocks
		r.owned = false
	}
}

// current returns the memory of the current block, or of the next one.
func (r *Ring) current() []byte { return r.memory[r.index*blockSize:][:blockSize:blockSize] }

func (r *Ring) status() *uint32 { return &blockStatus(r.current()).Block_status }

// ready reports whether the kernel has handed over the next block.
func (r *Ring) ready() bool { return atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 }

// acquireBlock takes over the next block if it is ready.
func (r *Ring) acquireBlock() bool {
	if !r.ready() {
		return false
	}
	r.owned, r.block = true, openBlock(r.current())
	return true
}

// wait blocks until a block is acquired. After a stop it returns io.EOF.
func (r *Ring) wait() error {
	for {
		now := time.Now()
		r.active.Store(int64(now.Sub(r.epoch)))
		if r.stopping.Load() {
			if done, err := r.drain(now); done {
				return err
			}
		} else if r.changed.Swap(false) || now.Sub(r.checked) >= checkInterval {
			r.checkInterface(now)
		}
		if r.acquireBlock() {
			return nil
		}
		if r.rejecting.IsZero() {
			r.sleep(max(0, checkInterval-now.Sub(r.checked)))
		} else {
			time.Sleep(blockTimeout / 4)
		}
	}
}

// sleep waits for a block, a change of an interface, a stop, or until the timeout. It waits in the runtime's poller: a thread
// blocked in poll(2) would keep the runtime's system monitor busy, which doubles the cost of idling.
func (r *Ring) sleep(timeout time.Duration) {
	_ = r.file.SetReadDeadline(time.Now().Add(timeout))
	r.polled = false
	err := r.conn.Read(r.wake)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		if r.ready() {
			return
		}
	}
	// The interface may be down or gone (ENETDOWN). Reading the error clears it; otherwise it would end every poll at once.
	if code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
		r.changed.Store(true)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		// After an event that was only an error the runtime's poller does not wait again until the next event.
		fds := [...]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(fds[:], int(min(timeout, 100*time.Millisecond).Milliseconds()))
	}
}

// shouldWake ends a sleep by returning true. conn.Read calls it at once and after each event.
func (r *Ring) shouldWake(uintptr) bool {
	if r.polled {
		return true
	}
	r.polled = true
	return r.ready() || r.stopping.Load() || r.changed.Load()
}

// interrupt ends the current sleep, or else the next one. Any goroutine may call it.
func (r *Ring) interrupt() { _ = r.file.SetReadDeadline(time.Unix(1, 0)) }

// drain makes the socket reject new frames, and reports done when all earlier ones have been returned.
func (r *Ring) drain(now time.Time) (done bool, err error) {
	if r.rejecting.IsZero() {
		r.rejecting = now
		if err := setFilter(r.fd, rejectFilter()); err != nil {
			return true, err
		}
	}
	// A block that is not full arrives after blockTimeout. Until then another CPU may still have been running the old filter.
	if now.Sub(r.rejecting) < blockTimeout || r.ready() {
		return false, nil
	}
	r.readStatistics()
	missing := int64(r.packets.Load()) - int64(r.drops.Load()+r.broken.Load()) - int64(r.frames.Load())
	if missing == 0 {
		r.setReason("stopped")
		return true, io.EOF
	}
	if now.Sub(r.rejecting) < maxStopWait {
		return false, nil
	}
	return true, fmt.Errorf("stop ring on %s: %d frames that the kernel counted did not arrive", r.Interface().Name, missing)
}

// readStatistics adds the kernel's 32-bit statistics to ours. Reading clears them, so it is the only reader.
func (r *Ring) readStatistics() {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return
	}
	r.packets.Add(uint64(s.Packets))
	r.drops.Add(uint64(s.Drops))
}

// More reports whether the current block has more frames, so that Next would not block.
func (r *Ring) More() bool { return r.block.left > 0 }

// Stop makes Next return the frames that have already arrived, and then io.EOF.
func (r *Ring) Stop() {
	r.stopping.Store(true)
	r.interrupt()
}

// Stats returns the statistics of the ring.
func (r *Ring) Stats() Stats {
	reason := *r.reason.Load()
	return Stats{
		Frames:     r.frames.Load(),
		Drops:      r.drops.Load() + r.broken.Load(),
		Attached:   r.attached.Load(),
		Up:         reason == "",
		Reason:     reason,
		LastActive: r.epoch.Add(time.Duration(r.active.Load())),
	}
}

// Close releases everything. Frames returned by Next become invalid.
func (r *Ring) Close() error {
	var errs []error
	if r.memory != nil {
		errs = append(errs, unix.Munmap(r.memory))
		r.memory = nil
	}
	if r.file != nil {
		errs = append(errs, r.file.Close())
		r.file = nil
	}
	return errors.Join(errs...)
}
