package capture

import (
	"cmp"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// checkInterface binds the ring to the interface that it follows, and reads the kernel's statistics. It also runs when nothing
// happens: the kernel unbinds the socket of an interface that is removed, and causes no error and perhaps no wake-up.
func (r *Ring) checkInterface(now time.Time) {
	r.checked = now
	r.readStatistics()
	if name, err := unix.Getsockname(r.fd); err == nil && r.bound.Index != 0 {
		if ll, ok := name.(*unix.SockaddrLinklayer); ok && ll.Ifindex != r.bound.Index {
			r.bound = Interface{}
		}
	}
	want := r.Interface()
	var err error
	switch {
	case want.Index != r.bound.Index:
		err = r.attach(want)
	case want.Hardware != r.bound.Hardware || want.Conduit != r.bound.Conduit:
		err = r.setLink(want) // the kind changed in place, as with `iw dev wlan0 set type monitor`
		r.bound = want
	}
	notRead := want.notRead()
	switch {
	case err != nil:
		if r.setReason(err.Error()) {
			r.log().Warn("not listening", "reason", err)
		}
	case !r.setReason(cmp.Or(want.Reason, notRead)) || want.Reason != "":
	case notRead != "":
		r.log().Warn("frames cannot be read, and are counted as other", "reason", notRead,
			"advice", "listen to an interface with Ethernet or IP frames (docs/interfaces.md)")
	default:
		r.log().Info("listening")
	}
}

// attach binds the ring to the interface and makes the interface promiscuous for as long as the socket is open. It needs no
// capability: a packet socket may be bound again after the capability that opened it was dropped. Without an interface the ring
// takes no frames.
func (r *Ring) attach(i Interface) error {
	if r.bound.Index != 0 {
		promiscuous := unix.PacketMreq{Ifindex: int32(r.bound.Index), Type: unix.PACKET_MR_PROMISC}
		_ = unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &promiscuous)
		r.bound = Interface{}
	}
	if i.Index == 0 {
		return setFilter(r.fd, rejectFilter()) // a socket that was bound once cannot be unbound, packet(7)
	}
	if err := r.setLink(i); err != nil {
		return err
	}
	// On a loopback interface each frame would be seen twice: when it is sent and when it arrives.
	ignore := 0
	if i.Loopback {
		ignore = 1
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, ignore); err != nil && ignore == 1 {
		return fmt.Errorf("ignore outgoing frames: %w", err)
	}
	all := uint16(unix.ETH_P_ALL)<<8 | unix.ETH_P_ALL>>8
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	promiscuous := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous); err != nil {
		return fmt.Errorf("make promiscuous: %w", err)
	}
	r.bound = i
	r.attached.Add(1)
	return nil
}

// setLink prepares for the frames of the interface.
func (r *Ring) setLink(i Interface) error {
	r.hardware, r.linkType = i.Hardware, i.link()
	return setFilter(r.fd, filterFor(r.linkType))
}

// setReason stores why the ring is not capturing ("" if it is), and reports whether that has changed.
func (r *Ring) setReason(reason string) (changed bool) { return *r.reason.Swap(&reason) != reason }
