package capture

import (
	"cmp"
	"fmt"

	"golang.org/x/sys/unix"
)

// link returns the LINKTYPE of the frames that a SOCK_RAW packet socket reads from the interface.
func (i Interface) link() uint16 {
	if i.Conduit {
		return linkUnknown
	}
	return linkOf(i.Hardware)
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
func (i Interface) notRead() string {
	switch {
	case i.Index == 0:
		return ""
	case i.Conduit:
		return ReasonNotRead + ": the tags of a switch chip come first (DSA conduit)"
	case i.link() == linkUnknown:
		return fmt.Sprintf("%s (%s, ARPHRD %d)", ReasonNotRead, cmp.Or(hardwareNames[i.Hardware], "unknown kind"), i.Hardware)
	}
	return ""
}
