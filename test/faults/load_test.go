package faults

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gonetmon/test/testnet"
)

// A load is an endless stream of frames. They come from one address after the other, as the row wants, and have all lengths, so
// that the bytes of some of them tell which ones they were.
type load struct {
	b    *bench
	rate int                   // frames a second
	next func(n uint64) []byte // the nth frame, valid until the next call
	from atomic.Uint32         // the last byte of the address
	sent atomic.Uint64
	end  func() // ends the sending
	done sync.WaitGroup

	mu      sync.Mutex // guards arrived
	arrived map[uint32]*arrivals
}

// arrivals are the frames from one address that have reached the daemon's namespace, in their order.
type arrivals struct {
	bytes []uint16 // of IP
	at    []time.Time
}

const (
	minLength = 60
	lengths   = 1400
)

// length returns the length of the nth frame.
func length(n uint64) int {
	n = (n + 1) * 0x9e3779b97f4a7c15
	return minLength + int((n>>32)%lengths)
}

// templates returns frames of all lengths, by length.
func templates() [][]byte {
	all := make([][]byte, minLength+lengths)
	for n := minLength; n < len(all); n++ {
		all[n] = testnet.UDP(netip.MustParseAddr("192.168.2.0"), away, n-42)
		clear(all[n][24:26]) // the checksum of the header, which will not be right
	}
	return all
}

// machineUDP returns a frame from an IPv4 address to the internet. Each address has a MAC of its own.
func machineUDP(from netip.Addr, size int) []byte {
	frame, b := testnet.UDP(from, away, size), from.As4()
	copy(frame[8:12], b[:])
	return frame
}

// newLoad returns a load that is not sent yet. If here is not nil, what arrives there is recorded whatever becomes of interfaces.
func (b *bench) newLoad(here *testnet.Namespace, rate int) *load {
	b.Helper()
	l := &load{b: b, rate: rate, arrived: map[uint32]*arrivals{}}
	frames := templates()
	l.next = func(n uint64) []byte {
		f := frames[length(n)]
		f[11], f[29] = byte(l.from.Load()), byte(l.from.Load()) // each address has its MAC
		return f
	}
	if here != nil {
		testnet.Tap(here, "", l.record)
	}
	return l
}

func (l *load) record(frame []byte) {
	if len(frame) < 34 || [5]byte(frame[6:]) != [5]byte{2} || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return // not one of testnet.UDP
	}
	from := binary.BigEndian.Uint32(frame[26:])
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.arrived[from]
	if a == nil {
		a = &arrivals{}
		l.arrived[from] = a
	}
	a.bytes = append(a.bytes, uint16(len(frame)-14))
	a.at = append(a.at, time.Now())
}

// of returns the arrivals from the nth address.
func (l *load) of(n int) arrivals {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.arrived[uint32(192<<24|168<<16|2<<8|n)]; a != nil {
		return *a
	}
	return arrivals{}
}

// begin sends from the nth address until end, or until the interface is gone. It waits while the interface is down.
func (l *load) begin(there *testnet.Namespace, n int) {
	l.b.Helper()
	s := testnet.NewSender(there, "in0")
	l.from.Store(uint32(n))
	stop := make(chan struct{})
	l.end = sync.OnceFunc(func() {
		close(stop)
		l.done.Wait()
	})
	l.b.Cleanup(l.end)
	l.done.Go(func() {
		testnet.PinCPU(l.b)
		defer s.Close()
		begin, n := time.Now(), uint64(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if due := uint64(time.Since(begin).Seconds() * float64(l.rate)); n >= due {
				time.Sleep(time.Millisecond)
				continue
			}
			if ok, _ := s.TrySend(l.next(l.sent.Load())); ok {
				l.sent.Add(1)
			} else {
				time.Sleep(time.Millisecond)
			}
			n++
		}
	})
}

// waitFlowing waits until a tenth of a second's frames from the nth address have arrived.
func (l *load) waitFlowing(n int) {
	l.b.Helper()
	testnet.Until(l.b, fmt.Sprintf("frames from address %d have arrived", n), func() bool { return len(l.of(n).bytes) >= l.rate/10 })
}

// firstBytes returns how many bytes of IP the first n frames of a load have.
func firstBytes(n uint64) (bytes uint64) {
	for i := range n {
		bytes += uint64(length(i) - 14)
	}
	return bytes
}

// find returns where n consecutive frames begin that have so many bytes together; -1 if nowhere.
func (a *arrivals) find(n, bytes uint64) int {
	if n > uint64(len(a.bytes)) {
		return -1
	}
	var sum uint64
	for _, size := range a.bytes[:n] {
		sum += uint64(size)
	}
	for i := 0; ; i++ {
		if sum == bytes {
			return i
		}
		if i+int(n) == len(a.bytes) {
			return -1
		}
		sum += uint64(a.bytes[i+int(n)]) - uint64(a.bytes[i])
	}
}
