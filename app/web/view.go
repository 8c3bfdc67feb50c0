package web

import (
	"cmp"
	"html/template"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

const (
	maxRows      = 500 // devices on the page
	maxAddresses = 2   // of a device, in its row
	maxListed    = 30  // of a device, in its tooltip
	refresh      = 5   // seconds
)

// A view is the input of the template: formatted text.
type view struct {
	Style       template.CSS
	Version     string
	Refresh     int    // seconds; 0: never
	Toggle      string // query that turns the refresh on or off
	Time        string
	Since       string
	Span        string
	Notices     []notice
	In, Out     string // current rates
	TopReceiver *top   // nil if there is no traffic
	TopSender   *top
	Total       string
	Packets     string
	Scopes      []segment
	Sort        string
	Sorts       []link
	Rows        []row  // devices with traffic
	Idle        []row  // devices without
	More        string // number of devices that are not shown; "" if none
	MoreTotal   string
	Health      health
}

// A link leads to the page in another order.
type link struct {
	Name, Text, Query string
	Current           bool
}

// A segment is a part of a bar. X and Width are in percent.
type segment struct {
	Class, Name, Bytes, Share string
	X, Width                  float64
}

// A top is the device with the highest current rate.
type top struct{ Name, Rate string }

// A row is one device.
type row struct {
	Name, Domain  string // "tv" and ".fritz.box"
	Source        string // of the name; "" if there is none
	Lack          string // what the device does not have: a name or an address
	Vendor        string // "" if unknown
	MAC           string // only without a name; "" if unknown
	Addresses     []string
	More          int    // number of further addresses
	Title         string // the vendor, the MAC, and all addresses if there are more
	In, Out       string
	InNow, OutNow string // "" if 0
	Total, Share  string
	Internet, LAN string
	InternetBar   segment
	LANBar        segment
	Last          string
	Active        bool
}

func (p *page) view(query url.Values) *view {
	s := p.cfg.Snapshot()
	v := &view{
		Style: template.CSS(pageCSS), Version: p.cfg.Version,
		Time: s.Time.Format("15:04:05"), Since: clock(s.Start, s.Time), Span: span(s.Time.Sub(s.Start)),
	}
	v.setLinks(query)
	v.network(&s.Network)
	v.devices(s)
	var meters []meter.Status
	if p.cfg.Meters != nil {
		meters = p.cfg.Meters()
	}
	v.Health = p.health(s, meters)
	v.Notices = p.notices(s, meters)
	return v
}

// setLinks sets the order and the refresh, and the links that change them.
func (v *view) setLinks(query url.Values) {
	const byTotal = "total"
	v.Sort = byTotal
	if sort := query.Get("sort"); sort == "now" || sort == "name" {
		v.Sort = sort
	}
	paused := query.Has("pause")
	to := func(sort string, paused bool) string {
		q := url.Values{}
		if sort != byTotal {
			q.Set("sort", sort)
		}
		if paused {
			q.Set("pause", "1")
		}
		return "?" + q.Encode()
	}
	v.Toggle = to(v.Sort, !paused)
	for _, l := range []link{{Name: byTotal, Text: "total"}, {Name: "now", Text: "current rate"}, {Name: "name", Text: "name"}} {
		l.Query, l.Current = to(l.Name, paused), v.Sort == l.Name
		v.Sorts = append(v.Sorts, l)
	}
	if !paused {
		v.Refresh = refresh
	}
}

func (v *view) network(n *traffic.Network) {
	total := n.Total()
	v.Total, v.Packets = inBytes(total.Bytes), grouped(total.Packets)
	names := [traffic.NumScopes]string{"internet", "inside your network", "multicast", "other networks"}
	x := 0.0
	for scope, name := range names {
		var bytes uint64
		for f := range n {
			bytes += n[f][scope].Bytes
		}
		if bytes == 0 && scope > int(traffic.ScopeLAN) {
			continue
		}
		w := share(bytes, total.Bytes)
		v.Scopes = append(v.Scopes, segment{Class: traffic.Scope(scope).String(), Name: name, Bytes: inBytes(bytes),
			Share: percent(bytes, total.Bytes), X: x, Width: w})
		x += w
	}
}

// share returns part of whole in percent.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(int(10_000*float64(part)/float64(whole))) / 100
}

// used returns the bytes that a device has sent and received.
func used(d *device.Device) uint64 { return d.Totals.Sent().Bytes + d.Totals.Received().Bytes }

// devices fills the rows: first the devices with traffic, in the order of v.Sort, then those without, by name.
func (v *view) devices(s *device.Snapshot) {
	var all, largest uint64
	var in, out, maxIn, maxOut float64
	sorted := make([]*device.Device, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		sorted[i] = d
		all, largest = all+used(d), max(largest, used(d))
		in, out = in+d.InRate, out+d.OutRate
		if d.InRate > maxIn {
			maxIn, v.TopReceiver = d.InRate, &top{short(d), inBits(d.InRate)}
		}
		if d.OutRate > maxOut {
			maxOut, v.TopSender = d.OutRate, &top{short(d), inBits(d.OutRate)}
		}
	}
	v.In, v.Out = inBits(in), inBits(out)
	slices.SortStableFunc(sorted, func(a, b *device.Device) int { // the snapshot is sorted by name
		rate, total := cmp.Compare(b.InRate+b.OutRate, a.InRate+a.OutRate), cmp.Compare(used(b), used(a))
		switch {
		case used(a) == 0 || used(b) == 0:
			return total
		case v.Sort == "name":
			return 0
		case v.Sort == "now":
			return cmp.Or(rate, total)
		}
		return cmp.Or(total, rate)
	})
	if more := len(sorted) - maxRows; more > 0 {
		var bytes uint64
		for _, d := range sorted[maxRows:] {
			bytes += used(d)
		}
		v.More, v.MoreTotal = grouped(uint64(more)), inBytes(bytes)
		sorted = sorted[:maxRows]
	}
	for _, d := range sorted {
		if r := newRow(d, all, largest); used(d) > 0 {
			v.Rows = append(v.Rows, r)
		} else {
			v.Idle = append(v.Idle, r)
		}
	}
}

var sourceWords = map[string]string{
	names.SourceFile: "name from your hosts file", names.SourcePTR: "name from DNS", names.SourceDHCP: "name from DHCP",
	names.SourceMDNS: "name from mDNS",
}

// newRow returns the row of a device. all is the traffic of all devices, and largest that of the one with the most.
func newRow(d *device.Device, all, largest uint64) row {
	r := row{Name: short(d), Vendor: d.Vendor, Source: sourceWords[d.Source], Active: d.InRate+d.OutRate > 0}
	switch {
	case len(d.Hosts) == 0:
		r.Lack = "no address"
	case d.Source == names.SourceAddress:
		r.Lack = "no name"
		if mac := d.MAC.String(); mac != d.Name {
			r.MAC = mac
		}
	}
	r.Domain = d.Name[len(r.Name):]
	for _, a := range d.Hosts {
		switch text := a.String(); {
		case text == d.Name:
		case len(r.Addresses) == maxAddresses:
			r.More++
		default:
			r.Addresses = append(r.Addresses, text)
		}
	}
	r.Title = title(d, r.More > 0)
	if d.InRate > 0 {
		r.InNow = inBits(d.InRate)
	}
	if d.OutRate > 0 {
		r.OutNow = inBits(d.OutRate)
	}
	total := used(d)
	if total == 0 {
		return r
	}
	internet := d.Totals.Out[traffic.ScopeInternet].Bytes + d.Totals.In[traffic.ScopeInternet].Bytes
	r.In, r.Out = inBytes(d.Totals.Received().Bytes), inBytes(d.Totals.Sent().Bytes)
	r.Total, r.Share = inBytes(total), percent(total, all)
	r.Internet, r.LAN = inBytes(internet), inBytes(total-internet)
	r.InternetBar.Width = share(internet, largest)
	r.LANBar.X, r.LANBar.Width = r.InternetBar.Width, share(total-internet, largest)
	r.Last = ago(d.Idle)
	return r
}

// short returns the name of a device without its domain.
func short(d *device.Device) string {
	if dot := strings.IndexByte(d.Name, '.'); dot > 0 && d.Source != names.SourceAddress {
		return d.Name[:dot]
	}
	return d.Name
}

// title returns the tooltip of a device.
func title(d *device.Device, addresses bool) string {
	var parts []string
	for _, part := range []string{d.Vendor, d.MAC.String()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if addresses {
		parts = append(parts, listed(d.Hosts))
	}
	return strings.Join(parts, ", ")
}

func listed(hosts []netip.Addr) string {
	var b strings.Builder
	for i, a := range hosts {
		if i == maxListed {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.String())
	}
	return b.String()
}
