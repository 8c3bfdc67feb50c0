package meter

import (
	"maps"
	"net/netip"
	"sync"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
)

const (
	maxKinds    = 64   // kinds of frames that a Survey tells apart: ethertypes can be forged
	firstFrames = 4096 // all of which a Survey looks at
)

// A Survey looks at the first frames of a Meter, and then at the last few of each run, so at all of them where there are few. It
// tells what kind of interface this is, and what on it is not understood.
type Survey struct {
	packet packet.Packet // used by add only

	mu    sync.Mutex // guards what is below; held to look at up to eight frames
	own   map[netip.Addr]bool
	found Findings
}

// Findings are frames by what they are.
type Findings struct {
	Frames  uint64 // all that were looked at, except those of protocols between switches
	Others  uint64 // with IP packets from one other machine to another
	Own     uint64 // with IP packets of this machine
	Group   uint64 // with IP packets of other machines to groups: broadcasts and multicasts
	Unread  map[packet.Unread]uint64
	Mirrors map[packet.Unread]uint64 // copies and tunnels that end at this machine
}

// SetOwn says which addresses are those of this machine.
func (s *Survey) SetOwn(addrs []netip.Addr) {
	own := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		own[a.Unmap()] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = own
}

// Findings returns what has been found so far.
func (s *Survey) Findings() Findings {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.found
	f.Unread, f.Mirrors = maps.Clone(f.Unread), maps.Clone(f.Mirrors)
	return f
}

// add looks at frames, and reports whether it wants to see all that follow.
func (s *Survey) add(frames []capture.Frame) (all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.packet
	for i := range frames {
		f := &frames[i]
		if f.Link == packet.LinkEthernet && packet.IsBetweenSwitches(f.Data) {
			continue
		}
		p.Decode(f.Link, f.Data, f.Wire, f.Tag)
		s.found.Frames++
		kind, unread := p.Unread(f.Data)
		if p.Class > packet.IPv6 {
			if unread {
				addKind(&s.found.Unread, kind)
			}
			continue
		}
		src, dst := p.Addrs()
		switch {
		case s.own[src] || s.own[dst]:
			s.found.Own++
		case p.Broadcast || dst.IsMulticast() || src.IsUnspecified():
			s.found.Group++
		default:
			s.found.Others++
		}
		if unread && s.own[dst] {
			addKind(&s.found.Mirrors, kind)
		}
	}
	return s.found.Frames < firstFrames
}

func addKind(kinds *map[packet.Unread]uint64, kind packet.Unread) {
	if *kinds == nil {
		*kinds = make(map[packet.Unread]uint64, maxKinds)
	}
	if _, known := (*kinds)[kind]; known || len(*kinds) < maxKinds {
		(*kinds)[kind]++
	}
}
