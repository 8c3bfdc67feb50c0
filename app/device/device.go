// Package device is who is who: it joins addresses into devices, by their MAC and by their name, and keeps each device's
// counters. It knows nothing of frames, of how names are found, or of who reads the numbers.
package device

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// A Device is what a person would call one thing, at the moment of a Snapshot.
type Device struct {
	Name    string         // unique: a name, a name with an address behind it if another device has the name too, or an IP address
	Source  string         // where the name comes from
	MAC     mac.Addr       // of its interface, or the first of several; zero if it is not known
	Vendor  string         // who made the interface; "" if that is not known
	Hosts   []netip.Addr   // its addresses, sorted; none if all have moved to another device. Not to be changed
	Totals  traffic.Totals // since the start
	First   time.Time      // when it first sent or received; zero if it has not
	Last    time.Time      // when it last did
	Idle    time.Duration  // since it last did, whatever the clock was set to meanwhile, to half a second
	InRate  float64        // bytes per second now, averaged over some seconds
	OutRate float64
}

// A Snapshot is what is known at one moment. It does not change and must not be changed, and all of it is of the same packets: what the devices, the
// overflow, the waiting and the forgotten have sent and received together is what all hosts have.
type Snapshot struct {
	Time      time.Time // of the snapshot
	Start     time.Time // of the counting
	Devices   []Device  // sorted by name
	Network   traffic.Network
	Overflow  traffic.Totals // of the hosts beyond the limit, together
	Waiting   traffic.Totals // of the devices that are not shown yet, because their names are being found out
	Forgotten traffic.Totals // of the devices that have been forgotten
	Hosts     int            // known
	Limit     int            // of hosts
	Tables    []TableUsage   // how full each table of the registry is
}

// NumAddressed counts the devices that have an address.
func (s *Snapshot) NumAddressed() (n int) {
	for i := range s.Devices {
		if len(s.Devices[i].Hosts) > 0 {
			n++
		}
	}
	return n
}

// TableUsage is how full a table of the registry is.
type TableUsage struct {
	Name        string
	Used, Limit int // entries
}
