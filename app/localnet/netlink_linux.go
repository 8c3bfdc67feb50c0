package localnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxDumps is how often to ask when a change interrupts the answer, which may then lack something.
const maxDumps = 5

// A Netlink is a Kernel by rtnetlink(7). It needs no privileges, except to bring an interface up.
type Netlink struct {
	requests *netlink.Conn
	events   *netlink.Conn
	changes  chan struct{}
	closing  chan struct{} // closed by Close
	reading  sync.WaitGroup
}

// OpenNetlink opens the sockets, and begins to watch for changes.
func OpenNetlink() (*Netlink, error) {
	n := &Netlink{changes: make(chan struct{}, 1), closing: make(chan struct{})}
	var err error
	if n.requests, err = netlink.Dial(unix.NETLINK_ROUTE, nil); err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	n.events, err = netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink socket: %w", err), n.requests.Close())
	}
	n.reading.Go(n.watch)
	return n, nil
}

// watch reports changes until the socket is closed. What they are is not used: the caller asks for the current state instead.
func (n *Netlink) watch() {
	for {
		_, err := n.events.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // an overflow counts as a change
			select {
			case <-n.closing:
				return
			case <-time.After(time.Second):
			}
		}
		select {
		case n.changes <- struct{}{}:
		default:
		}
	}
}

// Changes receives a value after a change.
func (n *Netlink) Changes() <-chan struct{} { return n.changes }

// Close ends watching.
func (n *Netlink) Close() error {
	close(n.closing)
	err := errors.Join(n.events.Close(), n.requests.Close())
	n.reading.Wait()
	return err
}

// BringUp sets IFF_UP, which needs CAP_NET_ADMIN.
func (n *Netlink) BringUp(index int) error {
	data := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(data[4:], uint32(index))
	binary.NativeEndian.PutUint32(data[8:], unix.IFF_UP)
	binary.NativeEndian.PutUint32(data[12:], unix.IFF_UP) // the flags that change
	header := netlink.Header{Type: unix.RTM_NEWLINK, Flags: netlink.Request | netlink.Acknowledge}
	_, err := n.requests.Execute(netlink.Message{Header: header, Data: data})
	return err
}

// Snapshot lists the links, addresses and routes.
func (n *Netlink) Snapshot() (*Snapshot, error) {
	s := &Snapshot{}
	return s, errors.Join(
		n.dump(unix.RTM_GETLINK, unix.AF_UNSPEC, unix.SizeofIfInfomsg, s.addLink),
		n.dump(unix.RTM_GETADDR, unix.AF_UNSPEC, unix.SizeofIfAddrmsg, s.addAddress),
		n.dump(unix.RTM_GETROUTE, unix.AF_INET, unix.SizeofRtMsg, s.addRoute),
		n.dump(unix.RTM_GETROUTE, unix.AF_INET6, unix.SizeofRtMsg, s.addRoute),
	)
}

// dump asks for all of one kind, whose messages begin with a header of some bytes, the family first.
func (n *Netlink) dump(kind netlink.HeaderType, family byte, header int,
	add func(header []byte, a *netlink.AttributeDecoder)) error {
	request := netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, header)}
	request.Data[0] = family
	var messages []netlink.Message
	for range maxDumps {
		var err error
		if messages, err = n.requests.Execute(request); err != nil {
			return fmt.Errorf("rtnetlink request %d: %w", kind, err)
		}
		if !slices.ContainsFunc(messages, func(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 }) {
			break
		}
	}
	for _, m := range messages {
		if len(m.Data) < header {
			continue
		}
		if a, err := netlink.NewAttributeDecoder(m.Data[header:]); err == nil {
			add(m.Data[:header], a)
		}
	}
	return nil
}

// addLink takes a struct ifinfomsg and its attributes.
func (s *Snapshot) addLink(header []byte, a *netlink.AttributeDecoder) {
	l := Link{
		Index:    int(int32(binary.NativeEndian.Uint32(header[4:]))),
		Hardware: binary.NativeEndian.Uint16(header[2:]),
		Flags:    binary.NativeEndian.Uint32(header[8:]),
	}
	elsewhere := false
	for a.Next() {
		switch a.Type() {
		case unix.IFLA_IFNAME:
			l.Name = a.String()
		case unix.IFLA_PROP_LIST:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					if a.Type() == unix.IFLA_ALT_IFNAME {
						l.AltNames = append(l.AltNames, a.String())
					}
				}
				return nil
			})
		case unix.IFLA_LINKINFO:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					switch {
					case a.Type() == unix.IFLA_INFO_KIND:
						l.Kind = a.String()
					case a.Type() == unix.IFLA_INFO_DATA && (l.Kind == "macvlan" || l.Kind == "macvtap"):
						a.Nested(l.addMacvlan)
					}
				}
				return nil
			})
		case unix.IFLA_MASTER:
			l.Master = int(a.Uint32())
		case unix.IFLA_LINK:
			l.Parent = int(a.Uint32())
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		}
	}
	if elsewhere {
		l.Parent = 0
	}
	s.Links = append(s.Links, l)
}

// addMacvlan takes the attributes of a macvlan (linux/if_link.h).
func (l *Link) addMacvlan(a *netlink.AttributeDecoder) error {
	const mode, passthru = 1, 8 // IFLA_MACVLAN_MODE, MACVLAN_MODE_PASSTHRU
	for a.Next() {
		if a.Type() == mode {
			l.Passthru = a.Uint32() == passthru
		}
	}
	return nil
}

// addAddress takes a struct ifaddrmsg and its attributes. On a point-to-point link IFA_ADDRESS is that of the other end.
func (s *Snapshot) addAddress(header []byte, a *netlink.AttributeDecoder) {
	var local, address netip.Addr
	for a.Next() {
		switch a.Type() {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(a.Bytes())
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(a.Bytes())
		}
	}
	if !local.IsValid() {
		local = address
	}
	if p := netip.PrefixFrom(local, int(header[1])); p.IsValid() {
		s.Addresses = append(s.Addresses, Address{int(binary.NativeEndian.Uint32(header[4:])), p})
	}
}

// addRoute takes a struct rtmsg and its attributes, and keeps what a Route is. Reject routes are not unicast.
func (s *Snapshot) addRoute(header []byte, a *netlink.AttributeDecoder) {
	table := uint32(header[4])
	addr := netip.IPv4Unspecified()
	if header[0] == unix.AF_INET6 {
		addr = netip.IPv6Unspecified()
	}
	var r Route
	for a.Next() {
		switch a.Type() {
		case unix.RTA_TABLE:
			table = a.Uint32()
		case unix.RTA_DST:
			if d, ok := netip.AddrFromSlice(a.Bytes()); ok {
				addr = d
			}
		case unix.RTA_OIF:
			r.Links = append(r.Links, int(a.Uint32()))
		case unix.RTA_PRIORITY:
			r.Metric = a.Uint32()
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			r.Gateway = true
		case unix.RTA_MULTIPATH: // a list of struct rtnexthop
			for hops := a.Bytes(); len(hops) >= unix.SizeofRtNexthop; {
				r.Links = append(r.Links, int(binary.NativeEndian.Uint32(hops[4:])))
				size := (int(binary.NativeEndian.Uint16(hops)) + 3) &^ 3
				hops = hops[min(max(size, unix.SizeofRtNexthop), len(hops)):]
			}
		}
	}
	r.Destination = netip.PrefixFrom(addr, int(header[1]))
	cloned := binary.NativeEndian.Uint32(header[8:])&unix.RTM_F_CLONED != 0
	if header[7] != unix.RTN_UNICAST || table != unix.RT_TABLE_MAIN || cloned || !r.Destination.IsValid() {
		return
	}
	if r.Destination.Bits() <= 1 || addr.Is6() && !r.Gateway {
		s.Routes = append(s.Routes, r)
	}
}
