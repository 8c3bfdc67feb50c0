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
	"unsafe"

	"golang.org/x/sys/unix"
)

// RingConfig says what a Ring listens to.
type RingConfig struct {
	Interface string // its name; it need not exist yet
	Size      int    // bytes of the ring, kernel memory; rounded to eight blocks of whole pages
	Control   bool   // hear only control frames, whole: ARP, NDP, DHCP and mDNS; none if the interface isn't Ethernet
	Log       *slog.Logger
}

const (
	ringBlocks   = 8
	retire       = 60 * time.Millisecond // how long a block with a few frames in it may stay with the kernel
	checkEvery   = time.Second           // how often the interface is looked at when nothing happens
	stopAtMost   = 2 * time.Second       // how long a stop may wait for frames that the kernel has counted
	vnetHeader   = 10                    // sizeof(struct virtio_net_hdr), in front of each frame
	frameSize    = 2048                  // only a number that the kernel wants to divide by
	smallestRing = ringBlocks * 64 << 10
)

// A Ring reads frames from an interface through a ring that it shares with the kernel: an AF_PACKET socket with TPACKET_V3
// (packet(7), Documentation/networking/packet_mmap.rst). It needs CAP_NET_RAW to open, and CAP_NET_ADMIN only if it shall bring
// an interface up that is down.
//
// It stays with its interface through all that can happen to it: absent at first, down, up, renamed, deleted and made anew. It
// is never the reader of other interfaces' frames. Every frame that reached the socket is handed over or counted as a drop.
//
// A ring for control frames stands beside another one on the same interface, and leaves it to that to bring the interface up and
// to log. Frames that aren't for it never reach its socket.
//
// One goroutine calls Open, Next and Close; Stop and Stats are for any.
type Ring struct {
	cfg   RingConfig
	fd    int      // the packet socket
	file  *os.File // the same, for the runtime's poller
	conn  syscall.RawConn
	woken func(uintptr) bool // wakeUp, made once
	asked bool               // wakeUp has been, in this sleep
	links *linkEvents        // nil without

	memory    []byte
	blockSize int
	block     int            // the block that is read, or will be next
	held      bool           // it is ours
	at        unsafe.Pointer // the next frame's header in it
	left      int            // frames to come in it
	vnet      bool           // each frame has a virtio header in front

	bound     nic    // index 0: to no interface
	stuck     error  // why the interface could not be brought up, if it was down
	linkType  uint16 // of the bound interface
	checked   time.Time
	rejecting time.Time // when the stop began, for the reader; zero before

	stopping atomic.Bool
	changed  atomic.Bool // an interface has
	frames   atomic.Uint64
	packets  atomic.Uint64 // that the kernel says reached the socket, drops included
	drops    atomic.Uint64
	attached atomic.Uint64
	why      atomic.Pointer[string]
	epoch    time.Time
	beat     atomic.Int64 // the latest sign of life, since the epoch: a clock that is set must not look like a stop
}

var starting = "not opened yet"

// NewRing returns a ring that is not open.
func NewRing(cfg RingConfig) *Ring {
	if cfg.Control {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Ring{cfg: cfg, fd: -1, epoch: time.Now()}
	r.woken = r.wakeUp
	r.why.Store(&starting)
	return r
}

// Open makes the socket and the ring. An interface that does not exist is no error: it is waited for. The error wraps EPERM when
// the right to do so is missing.
func (r *Ring) Open() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open ring on %s: %w", r.cfg.Interface, err)
			_ = r.Close()
		}
	}()
	// No protocol yet: a socket that is not bound must not hear all interfaces.
	if r.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	r.file = os.NewFile(uintptr(r.fd), "packet socket")
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	// Without them the look once a second must do.
	r.links, _ = openLinkEvents(func() {
		r.changed.Store(true)
		r.poke()
	})
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	// Before the ring is made. Without it (a kernel that lacks it) merged segments count as the one frame that the tap sees.
	r.vnet = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
	page := os.Getpagesize()
	r.blockSize = max(r.cfg.Size, smallestRing) / ringBlocks / page * page
	request := unix.TpacketReq3{
		Block_size:     uint32(r.blockSize),
		Block_nr:       ringBlocks,
		Frame_size:     frameSize,
		Frame_nr:       uint32(r.blockSize / frameSize * ringBlocks),
		Retire_blk_tov: uint32(retire.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("ring of %d bytes: %w", r.blockSize*ringBlocks, err)
	}
	if r.memory, err = unix.Mmap(r.fd, 0, r.blockSize*ringBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map ring of %d bytes: %w", r.blockSize*ringBlocks, err)
	}
	now := time.Now()
	r.beat.Store(now.UnixNano())
	r.check(now)
	return nil
}

// Next fills the batch with frames and says with how many. It waits for the first one, however long. After Stop it hands over
// the frames that had reached the socket before, and then returns io.EOF. Any other error is one of the accounts: frames that the
// kernel counted never came. It does not allocate.
func (r *Ring) Next(batch []Frame) (int, error) {
	for r.left == 0 {
		r.release()
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	n := min(len(batch), r.left)
	p := r.at
	for i := range batch[:n] {
		h := (*unix.Tpacket3Hdr)(p)
		f := &batch[i]
		mac := unsafe.Add(p, uintptr(h.Mac))
		f.Data = unsafe.Slice((*byte)(mac), h.Snaplen)
		f.Wire, f.Tag = int(h.Len), 0
		if h.Status&unix.TP_STATUS_VLAN_VALID != 0 { // the kernel took the outer tag out
			f.Wire, f.Tag = f.Wire+4, 4
		}
		f.Link, f.GSO = r.linkType, GSO{}
		if r.vnet {
			v := (*[vnetHeader]byte)(unsafe.Add(mac, -vnetHeader))
			f.GSO.Type, f.GSO.Size = v[1], *(*uint16)(unsafe.Pointer(&v[4])) // in the machine's byte order
		}
		p = unsafe.Add(p, uintptr(h.Next_offset))
	}
	r.at, r.left = p, r.left-n
	return n, nil
}

// release gives the block back to the kernel.
func (r *Ring) release() {
	if r.held {
		atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
		r.block = (r.block + 1) % ringBlocks
		r.held = false
	}
}

// header is the block's struct tpacket_hdr_v1, which lies behind version and offset_to_priv of struct tpacket_block_desc.
func (r *Ring) header() *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.memory[r.block*r.blockSize+8]))
}

func (r *Ring) status() *uint32 { return &r.header().Block_status }

// ready says whether the kernel is done with the next block.
func (r *Ring) ready() bool { return atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 }

// take takes the next block if the kernel is done with it.
func (r *Ring) take() bool {
	if !r.ready() {
		return false
	}
	h := r.header()
	r.held, r.left = true, int(h.Num_pkts)
	r.at = unsafe.Pointer(&r.memory[r.block*r.blockSize+int(h.Offset_to_first_pkt)])
	r.frames.Add(uint64(h.Num_pkts))
	return true
}

// wait returns with a block taken, or io.EOF after a stop.
func (r *Ring) wait() error {
	for {
		now := time.Now()
		r.beat.Store(int64(now.Sub(r.epoch)))
		if r.stopping.Load() {
			if done, err := r.stop(now); done {
				return err
			}
		} else if r.changed.Swap(false) || now.Sub(r.checked) >= checkEvery {
			r.check(now)
		}
		if r.take() {
			return nil
		}
		if r.rejecting.IsZero() {
			r.sleep(max(0, checkEvery-now.Sub(r.checked)))
		} else {
			time.Sleep(retire / 4)
		}
	}
}

// sleep waits for a block, a change of interfaces, a stop, or the time to pass. It waits in the runtime's poller: a thread that
// sits in poll(2) instead keeps the runtime's own watchdog awake, which doubles what idling costs.
func (r *Ring) sleep(atMost time.Duration) {
	_ = r.file.SetReadDeadline(time.Now().Add(atMost))
	r.asked = false
	err := r.conn.Read(r.woken)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		if r.ready() {
			return
		}
	}
	// The interface may have gone down or away (ENETDOWN). Reading the error clears it; left unread it would wake every poll.
	if code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
		r.changed.Store(true)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		// After an event that was nothing but an error the runtime's poller takes no more orders until the next one.
		fds := [...]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(fds[:], int(min(atMost, 100*time.Millisecond).Milliseconds()))
	}
}

// wakeUp is what conn.Read asks at once and after each event: true ends the sleep.
func (r *Ring) wakeUp(uintptr) bool {
	if r.asked {
		return true
	}
	r.asked = true
	return r.ready() || r.stopping.Load() || r.changed.Load()
}

// poke ends a sleep, or the next one before it begins. Any goroutine may.
func (r *Ring) poke() { _ = r.file.SetReadDeadline(time.Unix(1, 0)) }

// stop makes the socket deaf and then waits until all that it had heard has been handed over.
func (r *Ring) stop(now time.Time) (done bool, err error) {
	if r.rejecting.IsZero() {
		r.rejecting = now
		if err := setFilter(r.fd, rejectFilter()); err != nil {
			return true, err
		}
	}
	// A block that is not full comes when the retire time has passed. A processor may have been in the old filter till now.
	if now.Sub(r.rejecting) < retire || r.ready() {
		return false, nil
	}
	r.account()
	missing := int64(r.packets.Load()) - int64(r.drops.Load()) - int64(r.frames.Load())
	if missing == 0 {
		r.because("stopped")
		return true, io.EOF
	}
	if now.Sub(r.rejecting) < stopAtMost {
		return false, nil
	}
	return true, fmt.Errorf("stop ring on %s: %d frames that the kernel counted did not come", r.cfg.Interface, missing)
}

// account adds the kernel's statistics to ours. Reading clears them, so nobody else may; they are 32 bits wide.
func (r *Ring) account() {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return
	}
	r.packets.Add(uint64(s.Packets))
	r.drops.Add(uint64(s.Drops))
}

// More says that frames are left of those that lay ready together, so that Next will not wait for them.
func (r *Ring) More() bool { return r.left > 0 }

// Stop ends the reading: Next hands over what had come, and then io.EOF.
func (r *Ring) Stop() {
	r.stopping.Store(true)
	r.poke()
}

// Stats says what the ring has done.
func (r *Ring) Stats() Stats {
	why := *r.why.Load()
	return Stats{
		Frames:     r.frames.Load(),
		Drops:      r.drops.Load(),
		Attached:   r.attached.Load(),
		Up:         why == "",
		Reason:     why,
		LastActive: r.epoch.Add(time.Duration(r.beat.Load())),
	}
}

// Close gives all back. Frames lent by Next are gone with it.
func (r *Ring) Close() error {
	var errs []error
	if r.memory != nil {
		errs = append(errs, unix.Munmap(r.memory))
		r.memory = nil
	}
	if r.links != nil {
		errs = append(errs, r.links.close())
		r.links = nil
	}
	if r.file != nil {
		errs = append(errs, r.file.Close())
		r.file = nil
	}
	return errors.Join(errs...)
}
