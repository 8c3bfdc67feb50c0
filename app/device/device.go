// Package device joins addresses into devices by ranked evidence of who has each address, and keeps the counters of each
// device. It knows nothing of frames, of how names are found, or of who reads the counters.
//
// A host is one address. A station is one MAC: one network interface, as in IEEE 802. A group is the hosts that are one
// device. A series is what was counted under one name. Device is what the outside sees of a series and its group.
package device

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// A Device is what a person would call one thing, at the moment of a Snapshot.
type Device struct {
	ID      uint64         // the same under each name that it has had, and after a restart; never 0
	Name    string         // unique: a name, a name with a suffix if another device has the name too, or an IP address
	Source  string         // of the name: one of names.Sources, or names.SourceAddress
	MAC     mac.Addr       // of its interface, or the first of several; zero if not known
	Vendor  string         // of the interface; "" if not known
	Kind    string         // what it is, as "printer" or "Chromecast"; "" if not known
	Hosts   []netip.Addr   // its addresses, sorted; empty if all have moved to another device
	Known   []netip.Addr   // those that it had before the restart, sorted; only without Hosts
	Totals  traffic.Totals // since the start
	First   time.Time      // when it first sent or received, also before the restart; zero if it has not
	Last    time.Time      // when it last did
	Idle    time.Duration  // since then, to half a second; independent of changes to the clock
	InRate  float64        // bytes per second, averaged over some seconds
	OutRate float64

	InternetInRate  float64 // the part of InRate and OutRate that is exchanged with the internet
	InternetOutRate float64
}

// Supersedes reports whether d, rather than o, is the present name of the device that both are: the one with addresses, or else
// the one seen last.
func (d *Device) Supersedes(o *Device) bool {
	return len(o.Hosts) == 0 && (len(d.Hosts) > 0 || d.Last.After(o.Last))
}
