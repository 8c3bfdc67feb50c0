package capture

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// check looks at the interface, binds the ring to it if it is not bound to the one that bears the name now, and reads the
// kernel's statistics. The removal of an interface gives no error and may give no wake-up, so this also runs when nothing happens.
func (r *Ring) check(now time.Time) {
	r.checked = now
	r.account()
	// When its interface is removed the kernel unbinds the socket.
	if name, err := unix.Getsockname(r.fd); err == nil && r.bound.index != 0 {
		if ll, ok := name.(*unix.SockaddrLinklayer); ok && ll.Ifindex != r.bound.index {
			r.bound = nic{}
		}
	}
	n, err := lookUp(r.fd, r.cfg.Interface)
	switch {
	case errors.Is(err, ErrNoInterface) && r.bound.index != 0:
		r.because("") // it bears another name now, and is still the one that was meant
		return
	case errors.Is(err, ErrNoInterface):
		r.because("no such interface")
		return
	case err != nil:
		r.because(err.Error())
		return
	}
	if n.index != r.bound.index {
		if n.flags&unix.IFF_UP == 0 && !r.cfg.Control {
			if r.stuck = bringUp(r.fd, r.cfg.Interface, n.flags); r.stuck == nil {
				r.cfg.Log.Info("interface brought up", "interface", r.cfg.Interface)
			}
		}
		if err := r.attach(n); err != nil {
			r.because(err.Error())
			return
		}
		if now, err := lookUp(r.fd, r.cfg.Interface); err == nil {
			n = now
		}
	}
	switch {
	case n.flags&unix.IFF_UP == 0:
		r.because(down)
	case n.flags&unix.IFF_RUNNING == 0:
		r.because("interface has no carrier (is the cable plugged in?)")
	default:
		r.because("")
	}
}

// attach binds the ring to the interface and makes the interface promiscuous for as long as the socket lives. No capability is
// needed for it: a socket that was opened with the right to may be bound again without.
func (r *Ring) attach(n nic) error {
	if r.bound.index != 0 {
		promiscuous := unix.PacketMreq{Ifindex: int32(r.bound.index), Type: unix.PACKET_MR_PROMISC}
		_ = unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &promiscuous)
		r.bound = nic{}
	}
	if err := setFilter(r.fd, filterFor(n.link(), r.cfg.Control)); err != nil {
		return err
	}
	// On a loopback interface each frame would be seen when it is sent and again when it arrives.
	ignore := 0
	if n.flags&unix.IFF_LOOPBACK != 0 {
		ignore = 1
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, ignore); err != nil && ignore == 1 {
		return fmt.Errorf("ignore outgoing frames: %w", err)
	}
	r.linkType = n.link()
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

const down = "interface is down"

// because notes why the ring hears nothing, "" if it does, and says so when that changes.
func (r *Ring) because(why string) {
	if was := *r.why.Load(); was == why {
		return
	}
	r.why.Store(&why)
	log := r.cfg.Log.With("interface", r.cfg.Interface)
	switch why {
	case "":
		log.Info("listening")
	case "stopped":
	case "no such interface":
		log.Warn("interface does not exist, waiting for it", "existing", strings.Join(existingInterfaces(), " "))
	case down:
		if r.stuck != nil {
			log = log.With("advice", "gonetmon brings an interface up only when it starts and has CAP_NET_ADMIN; else whoever made it must: ip link set "+r.cfg.Interface+" up", "error", r.stuck)
		}
		log.Warn("not listening", "reason", why)
	default:
		log.Warn("not listening", "reason", why)
	}
}
