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
	maxRows      = 500 // devices that are shown
	maxAddresses = 2   // of a device
	maxListed    = 30  // of a device, when one asks for all
	refresh      = 5   // seconds
)

// A view is what the layout fills in: text, as it shall be read.
type view struct {
	Style     template.CSS
	Version   string
	Refresh   int    // seconds; 0: never
	Toggle    string // the query for the other
	Time      string
	Since     string
	Span      string
	Notices   []notice
	In, Out   string  // now
	InMost    *leader // nil: nothing
	OutMost   *leader
	Total     string
	Packets   string
	Scopes    []part
	Sort      string
	Sorts     []link
	Rows      []row
	Idle      []row
	More      string // how many devices are not shown
	MoreTotal string
	Health    health
}

// A link is a way to sort.
type link struct {
	Name, Text, Query string
	Now               bool
}

// A part is a part of a bar: from X on, and as wide as Width, in percent.
type part struct {
	Class, Name, Bytes, Share string
	X, Width                  float64
}

// A leader is the device that has most of something now.
type leader struct{ Name, Rate string }

// A row is one device.
type row struct {
	Name, Domain     string // "tv" and ".fritz.box"
	Source           string // where the name comes from; "" if there is none
	Lack             string // what it has not got: a name, an address
	Vendor           string // "" if not known
	MAC              string // of a device without a name; "" if not known
	Addresses        []string
	More             int    // addresses
	Title            string // the vendor, the MAC, and all addresses if there are more
	In, Out          string
	InNow, OutNow    string // "" if nothing
	Total, Share     string
	Internet, LAN    string
	InternetBar, Bar part
	Last             string
	Active           bool
}

func (p *page) view(query url.Values) *view {
	s := p.cfg.Snapshot()
	v := &view{
		Style: template.CSS(pageCSS), Version: p.cfg.Version,
		Time: s.Time.Format("15:04:05"), Since: clock(s.Start, s.Time), Span: span(s.Time.Sub(s.Start)),
	}
	v.ways(query)
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

// ways sets how the page is sorted and whether it refreshes itself, and the links to the other ways.
func (v *view) ways(query url.Values) {
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
	for _, way := range [][2]string{{byTotal, "total"}, {"now", "now"}, {"name", "name"}} {
		v.Sorts = append(v.Sorts, link{Name: way[0], Text: way[1], Query: to(way[0], paused), Now: v.Sort == way[0]})
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
		v.Scopes = append(v.Scopes, part{Class: traffic.Scope(scope).String(), Name: name, Bytes: inBytes(bytes),
			Share: percent(bytes, total.Bytes), X: x, Width: w})
		x += w
	}
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(int(10_000*float64(part)/float64(whole))) / 100
}

func used(d *device.Device) uint64 { return d.Totals.Sent().Bytes + d.Totals.Received().Bytes }

// A place is where a device stands on the page.
type place struct {
	number int     // of the device
	total  uint64  // bytes
	now    float64 // bytes per second
}

// devices fills the rows: first the devices that had traffic, in the order asked for, then those that had none, by name.
func (v *view) devices(s *device.Snapshot) {
	var all, most uint64
	var in, out, inMost, outMost float64
	places := make([]place, 0, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		n := used(d)
		all, most = all+n, max(most, n)
		in, out = in+d.InRate, out+d.OutRate
		if d.InRate > inMost {
			inMost, v.InMost = d.InRate, &leader{short(d), inBits(d.InRate)}
		}
		if d.OutRate > outMost {
			outMost, v.OutMost = d.OutRate, &leader{short(d), inBits(d.OutRate)}
		}
		places = append(places, place{len(places), n, d.InRate + d.OutRate})
	}
	v.In, v.Out = inBits(in), inBits(out)
	slices.SortStableFunc(places, func(a, b place) int { // they come sorted by name
		now, total := cmp.Compare(b.now, a.now), cmp.Compare(b.total, a.total)
		switch {
		case a.total == 0 || b.total == 0:
			return total
		case v.Sort == "name":
			return 0
		case v.Sort == "now":
			return cmp.Or(now, total)
		}
		return cmp.Or(total, now)
	})
	shown := map[int]int{} // places of the devices, by number
	var left uint64
	for i, p := range places {
		if i < maxRows {
			shown[p.number] = i
		} else {
			left += p.total
		}
	}
	if more := len(places) - len(shown); more > 0 {
		v.More, v.MoreTotal = grouped(uint64(more)), inBytes(left)
	}
	rows := make([]row, len(shown))
	number := 0
	for i := range s.Devices {
		d := &s.Devices[i]
		if i, ok := shown[number]; ok {
			rows[i] = rowOf(d, all, most)
		}
		number++
	}
	active := slices.IndexFunc(places[:len(rows)], func(p place) bool { return p.total == 0 })
	if active < 0 {
		active = len(rows)
	}
	v.Rows, v.Idle = rows[:active], rows[active:]
}

var sourceWords = map[string]string{
	names.SourceFile: "name from your hosts file", names.SourcePTR: "name from DNS", names.SourceDHCP: "name from DHCP",
	names.SourceMDNS: "name from mDNS",
}

func rowOf(d *device.Device, all, most uint64) row {
	r := row{Name: short(d), Vendor: d.Vendor, Source: sourceWords[d.Source], Active: d.InRate+d.OutRate > 0}
	switch {
	case len(d.Hosts) == 0:
		r.Lack = "no address now"
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
	r.Title = titleOf(d, r.More > 0)
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
	r.InternetBar.Width = share(internet, most)
	r.Bar.X, r.Bar.Width = r.InternetBar.Width, share(total-internet, most)
	r.Last = ago(d.Idle)
	return r
}

// short is the name of a device without its domain.
func short(d *device.Device) string {
	if dot := strings.IndexByte(d.Name, '.'); dot > 0 && d.Source != names.SourceAddress {
		return d.Name[:dot]
	}
	return d.Name
}

// titleOf is what is shown of a device when one points at it.
func titleOf(d *device.Device, addresses bool) string {
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
