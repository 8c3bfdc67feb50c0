package capture

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

var errNoInterface = errors.New("no such interface")

// A nic is the state of an interface at one moment.
type nic struct {
	index    int
	flags    uint16
	hardware uint16 // ARPHRD_*
}

// link returns the LINKTYPE of the frames that a SOCK_RAW packet socket reads from the interface.
func (n nic) link() uint16 {
	switch n.hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return linkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT,
		unix.ARPHRD_IPGRE:
		return linkRaw
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return linkRadiotap
	}
	return linkUnknown
}

// lookUp finds an interface by name (netdevice(7)); fd may be any socket. It returns errNoInterface if there is none.
func lookUp(fd int, name string) (n nic, err error) {
	var ifr *unix.Ifreq
	for _, request := range []uint{unix.SIOCGIFINDEX, unix.SIOCGIFFLAGS, unix.SIOCGIFHWADDR} {
		if ifr, err = unix.NewIfreq(name); err != nil {
			return n, fmt.Errorf("interface %q: name: %w", name, err)
		}
		if err = unix.IoctlIfreq(fd, request, ifr); err != nil {
			if errors.Is(err, unix.ENODEV) {
				err = errNoInterface
			}
			return n, err
		}
		switch request {
		case unix.SIOCGIFINDEX:
			n.index = int(ifr.Uint32())
		case unix.SIOCGIFFLAGS:
			n.flags = ifr.Uint16()
		default:
			n.hardware = ifr.Uint16()
		}
	}
	return n, nil
}

// bringUp sets IFF_UP, which needs CAP_NET_ADMIN.
func bringUp(fd int, name string, flags uint16) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint16(flags | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// existingInterfaces returns the names of the interfaces that exist now.
func existingInterfaces() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names
}
