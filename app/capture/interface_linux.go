package capture

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoInterface says that an interface does not exist (yet).
var ErrNoInterface = errors.New("no such interface")

// nic is what the kernel says of an interface at one moment.
type nic struct {
	index    int
	flags    uint16
	hardware uint16 // ARPHRD_*
}

// link is the LINKTYPE of the frames that a SOCK_RAW packet socket reads from it.
func (n nic) link() uint16 {
	switch n.hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return linkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE:
		return linkRaw
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return linkRadiotap
	}
	return linkUnknown
}

// lookUp asks for an interface by name (netdevice(7)); fd may be any socket.
func lookUp(fd int, name string) (n nic, err error) {
	var ifr *unix.Ifreq
	for _, request := range []uint{unix.SIOCGIFINDEX, unix.SIOCGIFFLAGS, unix.SIOCGIFHWADDR} {
		if ifr, err = unix.NewIfreq(name); err != nil {
			return n, fmt.Errorf("interface %q: name: %w", name, err)
		}
		if err = unix.IoctlIfreq(fd, request, ifr); err != nil {
			if errors.Is(err, unix.ENODEV) {
				err = ErrNoInterface
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

// bringUp sets IFF_UP, for which CAP_NET_ADMIN is needed.
func bringUp(fd int, name string, flags uint16) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint16(flags | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// Interfaces returns the names of the interfaces that exist now.
func Interfaces() []string {
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

// DefaultInterface is the interface of the default route: of IPv4, or else of IPv6 (proc(5), /proc/net/route, /proc/net/ipv6_route);
// "" when there is none.
func DefaultInterface() string {
	if name := routeInterface("/proc/net/route", func(f []string) (string, bool) {
		return f[0], len(f) > 7 && f[1] == "00000000" && f[7] == "00000000"
	}); name != "" {
		return name
	}
	return routeInterface("/proc/net/ipv6_route", func(f []string) (string, bool) {
		last := f[len(f)-1]
		return last, len(f) > 9 && strings.Trim(f[0], "0") == "" && f[1] == "00" && last != "lo"
	})
}

// routeInterface returns the interface of the first line that is a default route.
func routeInterface(path string, parse func(fields []string) (name string, ok bool)) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 {
			if name, ok := parse(fields); ok {
				return name
			}
		}
	}
	return ""
}

// Prefixes returns the prefixes of an interface's addresses. A link-local IPv6 address stands for all of fe80::/10 (RFC 4291);
// loopback is left out. An interface that does not exist has none.
func Prefixes(name string) []netip.Prefix {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() {
			continue
		}
		if p = p.Masked(); p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			p = netip.MustParsePrefix("fe80::/10")
		}
		prefixes = append(prefixes, p)
	}
	return prefixes
}
