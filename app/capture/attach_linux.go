package capture

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// checkInterface looks at the interface, binds the ring to the one that has the configured name now, and reads the kernel's
// statistics. It also runs when nothing happens, as the removal of an interface causes no error and perhaps no wake-up.
func (r *Ring) checkInterface(now time.Time) {
	r.checked = now
	r.readStatistics()
	// The kernel unbinds the socket when the interface is removed.
	if name, err := unix.Getsockname(r.fd); err == nil && r.bound.index != 0 {
		if ll, ok := name.(*unix.SockaddrLinklayer); ok && ll.Ifindex != r.bound.index {
			r.bound = nic{}
		}
	}
	n, err := lookUp(r.fd, r.cfg.Interface)
	switch {
	case errors.Is(err, errNoInterface) && r.bound.index != 0:
		r.setReason("") // the interface was renamed; it is still the right one
		return
	case errors.Is(err, errNoInterface):
		r.setReason(ReasonNoInterface)
		return
	case err != nil:
		r.setReason(err.Error())
		return
	}
	if n.index != r.bound.index {
		if n.flags&unix.IFF_UP == 0 {
			if r.bringUpErr = bringUp(r.fd, r.cfg.Interface, n.flags); r.bringUpErr == nil {
				r.cfg.Log.Info("interface brought up", "interface", r.cfg.Interface)
			}
		}
		if err := r.attach(n); err != nil {
			r.setReason(err.Error())
			return
		}
		if now, err := lookUp(r.fd, r.cfg.Interface); err == nil {
			n = now
		}
	} else if n.hardware != r.bound.hardware || n.tagging != r.bound.tagging {
		if err := r.setLink(n); err != nil { // the kind changed in place, as with `iw dev wlan0 set type monitor`
			r.setReason(err.Error())
			return
		}
		r.bound = n
	}
	switch {
	case n.flags&unix.IFF_UP == 0:
		r.setReason(ReasonDown)
	case n.flags&unix.IFF_RUNNING == 0:
		r.setReason(ReasonNoCarrier)
	default:
		r.setReason(n.notRead())
	}
}

// attach binds the ring to the interface and makes the interface promiscuous for as long as the socket is open. It needs no
// capability: a packet socket may be bound again after the capability that opened it was dropped.
func (r *Ring) attach(n nic) error {
	if r.bound.index != 0 {
		promiscuous := unix.PacketMreq{Ifindex: int32(r.bound.index), Type: unix.PACKET_MR_PROMISC}
		_ = unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &promiscuous)
		r.bound = nic{}
	}
	if err := r.setLink(n); err != nil {
		return err
	}
	// On a loopback interface each frame would be seen twice: when it is sent and when it arrives.
	ignore := 0
	if n.flags&unix.IFF_LOOPBACK != 0 {
		ignore = 1
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, ignore); err != nil && ignore == 1 {
		return fmt.Errorf("ignore outgoing frames: %w", err)
	}
	all := uint16(unix.ETH_P_ALL)<<8 | unix.ETH_P_ALL>>8
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: n.index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	promiscuous := unix.PacketMreq{Ifindex: int32(n.index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promiscuous); err != nil {
		return fmt.Errorf("make promiscuous: %w", err)
	}
	r.bound = n
	r.attached.Add(1)
	return nil
}

// setLink prepares for the frames of the interface.
func (r *Ring) setLink(n nic) error {
	r.hardware, r.linkType = n.hardware, n.link()
	return setFilter(r.fd, filterFor(r.linkType))
}

// stopped is the reason after a stop. It is not logged.
const stopped = "stopped"

// setReason stores why the ring is not capturing ("" if it is), and logs changes.
func (r *Ring) setReason(reason string) {
	if *r.reason.Load() == reason {
		return
	}
	r.reason.Store(&reason)
	log := r.cfg.Log.With("interface", r.cfg.Interface)
	switch {
	case reason == "":
		log.Info("listening")
	case reason == stopped:
	case reason == ReasonNoInterface:
		log.Warn("interface does not exist, waiting for it", "existing", strings.Join(existingInterfaces(), " "))
	case reason == ReasonDown:
		if r.bringUpErr != nil {
			log = log.With("error", r.bringUpErr, "advice", "gonetmon can bring an interface up only at its start and with "+
				"CAP_NET_ADMIN; run: ip link set "+r.cfg.Interface+" up")
		}
		log.Warn("not listening", "reason", reason)
	case strings.HasPrefix(reason, ReasonNotRead):
		log.Warn("frames cannot be read, and are counted as other", "reason", reason,
			"advice", "listen to an interface with Ethernet or IP frames (docs/interfaces.md)")
	default:
		log.Warn("not listening", "reason", reason)
	}
}
