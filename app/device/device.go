// Package device is who is who: it joins addresses into devices and keeps each device's counters. It knows nothing of frames,
// of how names are found, or of who reads the numbers.
package device

import (
	"net/netip"
	"time"

	"gonetmon/app/traffic"
)

// Where the name of a device comes from.
const (
	SourcePTR     = "ptr"     // the reverse DNS
	SourceAddress = "address" // there is none: the address itself
)

// A Device is what a person would call one thing, at the moment of a Snapshot.
type Device struct {
	Name    string         // unique: a host name, or an IP address
	Source  string         // where the name comes from: SourcePTR, SourceAddress
	Hosts   []netip.Addr   // its addresses, sorted; none if all have moved to another device. Not to be changed
	Totals  traffic.Totals // since the start
	First   time.Time      // when it first sent or received; zero if it has not
	Last    time.Time      // when it last did
	InRate  float64        // bytes per second now, averaged over some seconds
	OutRate float64
}

// A Snapshot is what is known at one moment. It does not change, and all of it is of the same packets.
type Snapshot struct {
	Time     time.Time // of the snapshot
	Start    time.Time // of the counting
	Devices  []Device  // sorted by name
	Network  traffic.Network
	Overflow traffic.Totals // of the hosts beyond the limit, together
	Waiting  traffic.Totals // of the hosts that are not shown yet, because their first name lookup goes on
	Hosts    int            // known
	Limit    int            // of hosts
}
