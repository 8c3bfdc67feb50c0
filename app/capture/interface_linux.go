package capture

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var errNoInterface = errors.New("no such interface")

// A nic is the state of an interface at one moment.
type nic struct {
	index    int
	flags    uint16
	hardware uint16 // ARPHRD_*
	tagging  string // tags of a switch chip in front of each frame (DSA); "": none
}

// link returns the LINKTYPE of the frames that a SOCK_RAW packet socket reads from the interface.
func (n nic) link() uint16 {
	if n.tagging != "" {
		return linkUnknown
	}
	return linkOf(n.hardware)
}

// linkOf returns the LINKTYPE for an ARPHRD type (linux/if_arp.h), or linkUnknown. Interfaces that carry bare IP have no link
// header.
func linkOf(hardware uint16) uint16 {
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return linkEthernet
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT,
		unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE, unix.ARPHRD_PIMREG, unix.ARPHRD_IPDDP, unix.ARPHRD_RAWHDLC,
		unix.ARPHRD_SLIP, unix.ARPHRD_CSLIP, unix.ARPHRD_SLIP6, unix.ARPHRD_CSLIP6, unix.ARPHRD_ADAPT:
		return linkRaw
	}
	return linkUnknown
}

// hardwareNames are those kinds of interfaces with other frames that a user may meet.
var hardwareNames = map[uint16]string{
	unix.ARPHRD_INFINIBAND:         "InfiniBand",
	unix.ARPHRD_CAN:                "CAN bus",
	unix.ARPHRD_IEEE1394:           "FireWire",
	unix.ARPHRD_IEEE80211:          "Wi-Fi in monitor mode",
	unix.ARPHRD_IEEE80211_PRISM:    "Wi-Fi in monitor mode, Prism headers",
	unix.ARPHRD_IEEE80211_RADIOTAP: "Wi-Fi in monitor mode, radiotap headers",
	unix.ARPHRD_IEEE802154:         "IEEE 802.15.4",
	unix.ARPHRD_IEEE802154_MONITOR: "IEEE 802.15.4 in monitor mode",
	unix.ARPHRD_6LOWPAN:            "6LoWPAN",
	unix.ARPHRD_NETLINK:            "netlink monitor",
	unix.ARPHRD_VSOCKMON:           "vsock monitor",
}

// notRead returns why the frames of the interface cannot be read, as a Reason of Stats, or "" if they can.
func (n nic) notRead() string {
	switch {
	case n.tagging != "":
		return fmt.Sprintf("%s: the tags of a switch chip come first (DSA conduit, %s)", ReasonNotRead, n.tagging)
	case n.link() == linkUnknown:
		return fmt.Sprintf("%s (%s, ARPHRD %d)", ReasonNotRead, cmp.Or(hardwareNames[n.hardware], "unknown kind"), n.hardware)
	}
	return ""
}

// switchTagging returns the kind of the tags that a switch chip puts in front of each frame of an interface (DSA, Documentation/
// networking/dsa/configuration.rst), or "". The interface is then the conduit of the ports of the switch. classNet is /sys/class/net.
func switchTagging(classNet, name string) string {
	b, err := os.ReadFile(filepath.Join(classNet, name, "dsa", "tagging"))
	tagging := strings.TrimSpace(string(b))
	if err != nil || tagging == "none" {
		return ""
	}
	return tagging
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
	n.tagging = switchTagging("/sys/class/net", name)
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
