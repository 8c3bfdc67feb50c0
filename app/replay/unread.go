package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
)

// unread counts what the frames of a file hold that is not counted for any device.
type unread struct {
	packet packet.Packet
	frames uint64
	kinds  map[packet.Unread]uint64 // frames
}

// add looks at a frame.
func (u *unread) add(f *capture.Frame) {
	u.frames++
	u.packet.Decode(f.Link, f.Data, f.Wire, f.Tag)
	if kind, ok := u.packet.Unread(f.Data); ok {
		if u.kinds == nil {
			u.kinds = map[packet.Unread]uint64{}
		}
		u.kinds[kind]++
	}
}

// maxKinds is how many kinds of frames one line names.
const maxKinds = 3

// warn writes a line for each thing in the file name that a user must know to understand the counts: frames of link types that
// are not read; copies of a remote mirror; and, if they are the larger part, frames in which no IP packet was found.
func (u *unread) warn(w io.Writer, name string) {
	line := func(n uint64, text string, args ...any) {
		_, _ = fmt.Fprintf(w, "gonetmon: %s: %d of %d frames %s\n", name, n, u.frames, fmt.Sprintf(text, args...))
	}
	var noIP []packet.Unread
	var sum uint64
	for _, kind := range slices.SortedFunc(maps.Keys(u.kinds), func(a, b packet.Unread) int {
		return cmp.Or(cmp.Compare(u.kinds[b], u.kinds[a]), cmp.Compare(a.String(), b.String()))
	}) {
		n := u.kinds[kind]
		switch {
		case kind.OnlyMirror():
			line(n, "are copies of a remote mirror (%s): their outer packets are counted, not what is inside", kind)
		case kind.Reason == packet.ReasonLinkType:
			line(n, "have %s, which gonetmon does not read: they are counted as other", kind)
		case kind.Mirror != "":
			if 2*n > u.frames {
				line(n, "are in a tunnel (%s): their outer packets are counted, not what is inside", kind)
			}
		default:
			sum += n
			noIP = append(noIP, kind)
		}
	}
	if 2*sum > u.frames {
		var names []string
		for _, kind := range noIP[:min(len(noIP), maxKinds)] {
			names = append(names, kind.String())
		}
		line(sum, "have no IP packet that gonetmon finds: %s", strings.Join(names, ", "))
	}
}
