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
	"gonetmon/app/notice"
	"gonetmon/app/traffic"
)

const (
	maxRows      = 500 // devices on the page
	maxAddresses = 2   // of a device, in its row
	maxListed    = 30  // of a device, in its tooltip
	maxReasons   = 8   // lines of evidence in the row of a device
	refresh      = 5   // seconds
)

// A view is the input of the template.
type view struct {
	App         bool     // with JavaScript the page is the app
	Modules     []string // scripts that the app imports
	Style       template.CSS
	Version     string
	Refresh     int    // seconds; 0: never
	Toggle      string // query that turns the refresh on or off
	Time        string
	Since       string
	Span        string
	Heard       meter.Health // of the interface that is heard worst
	Notices     []notice.Notice
	In, Out     float64        // current rates
	TopReceiver *device.Device // with the highest current rate; nil if there is no traffic
	TopSender   *device.Device
	Total       traffic.Count // of the network
	Scopes      []segment
	Sort        string
	Sorts       []link
	Why         link   // shows the evidence, or hides it
	Devices     uint64 // bytes of all devices
	Rows        []row  // devices with traffic
	Idle        []row  // devices without
	More        int    // devices that are not shown
	MoreBytes   uint64
	Health      health
}

// A link leads to the page in another order.
type link struct {
	Name, Text, Query string
	Current           bool
}

// A segment is a part of a bar. X and Width are in percent.
type segment struct {
	Class, Name string
	Bytes       uint64
	X, Width    float64
}

// A row is one device.
type row struct {
	*device.Device
	Short, Domain        string // "tv" and ".fritz.box"
	NameFrom             string // where the name is from; "" if there is none
	Lack                 string // what the device does not have: a name or an address
	ShownMAC             string // only without a name; "" if unknown
	Addresses            []string
	More                 int    // number of further addresses
	Kind                 string // of the device, unless the vendor says it
	Why                  []string
	MoreWhy              int     // number of further lines of Why
	Title                string  // the vendor, the MAC, and all addresses if there are more
	Total, Internet, LAN uint64  // bytes
	InternetBar, LANBar  float64 // in percent
}

func (p *page) view(query url.Values) *view {
	s := p.cfg.Snapshot()
	v := &view{
		Style: template.CSS(pageCSS), Modules: p.modules, Version: p.cfg.Version,
		Time: s.Time.Format("15:04:05"), Since: clock(s.Start, s.Time), Span: span(s.Time.Sub(s.Start)),
	}
	v.App = len(query) == 0
	v.setLinks(query)
	v.network(&s.Network)
	v.devices(s)
	if v.Why.Current {
		explain(v.Rows, v.Idle, p.cfg.Why())
	}
	meters, prefixes := p.cfg.Meters(), p.cfg.Prefixes()
	v.Health = p.health(s, meters, prefixes)
	v.Heard = meter.Worst(meters)
	v.Notices = notice.All(s, meters, prefixes, p.cfg.Advice())
	return v
}

// setLinks sets the order, the refresh and whether evidence is shown, and the links that change them.
func (v *view) setLinks(query url.Values) {
	const byTotal = "total"
	v.Sort = byTotal
	if sort := query.Get("sort"); sort == "now" || sort == "name" {
		v.Sort = sort
	}
	paused, why := query.Has("pause"), query.Has("why")
	to := func(sort string, paused, why bool) string {
		q := url.Values{}
		q.Set("sort", sort) // always: without a query the page is the app
		if paused {
			q.Set("pause", "1")
		}
		if why {
			q.Set("why", "1")
		}
		return "?" + q.Encode()
	}
	v.Toggle = to(v.Sort, !paused, why)
	v.Why = link{Text: "show evidence", Query: to(v.Sort, paused, !why), Current: why}
	if why {
		v.Why.Text = "hide evidence"
	}
	for _, l := range []link{{Name: byTotal, Text: "total"}, {Name: "now", Text: "current rate"}, {Name: "name", Text: "name"}} {
		l.Query, l.Current = to(l.Name, paused, why), v.Sort == l.Name
		v.Sorts = append(v.Sorts, l)
	}
	if !paused {
		v.Refresh = refresh
	}
}

func (v *view) network(n *traffic.Network) {
	v.Total = n.Total()
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
		w := share(bytes, v.Total.Bytes)
		v.Scopes = append(v.Scopes, segment{Class: traffic.Scope(scope).String(), Name: name, Bytes: bytes, X: x, Width: w})
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

// devices fills the rows: first the devices with traffic, in the order of v.Sort, then those without, by name.
func (v *view) devices(s *device.Snapshot) {
	var largest uint64
	sorted := make([]*device.Device, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		sorted[i] = d
		v.Devices, largest = v.Devices+d.Totals.Bytes(), max(largest, d.Totals.Bytes())
		v.In, v.Out = v.In+d.InRate, v.Out+d.OutRate
		if d.InRate > 0 && (v.TopReceiver == nil || d.InRate > v.TopReceiver.InRate) {
			v.TopReceiver = d
		}
		if d.OutRate > 0 && (v.TopSender == nil || d.OutRate > v.TopSender.OutRate) {
			v.TopSender = d
		}
	}
	slices.SortStableFunc(sorted, func(a, b *device.Device) int { // the snapshot is sorted by name
		rate, total := cmp.Compare(b.InRate+b.OutRate, a.InRate+a.OutRate), cmp.Compare(b.Totals.Bytes(), a.Totals.Bytes())
		switch {
		case a.Totals.Bytes() == 0 || b.Totals.Bytes() == 0:
			return total
		case v.Sort == "name":
			return 0
		case v.Sort == "now":
			return cmp.Or(rate, total)
		}
		return cmp.Or(total, rate)
	})
	for _, d := range sorted[min(len(sorted), maxRows):] {
		v.More, v.MoreBytes = v.More+1, v.MoreBytes+d.Totals.Bytes()
	}
	for _, d := range sorted[:len(sorted)-v.More] {
		if r := newRow(d, largest); d.Totals.Bytes() > 0 {
			v.Rows = append(v.Rows, r)
		} else {
			v.Idle = append(v.Idle, r)
		}
	}
}

var sourceWords = map[string]string{
	names.SourceFile: "name from your hosts file", names.SourcePTR: "name from DNS", names.SourceDHCP: "name from DHCP",
	names.SourceMDNS: "name from mDNS", names.SourceService: "name of an mDNS service", names.SourceLLMNR: "name from LLMNR",
	names.SourceNetBIOS: "name from NetBIOS",
}

// newRow returns the row of a device. largest is the traffic of the device with the most.
func newRow(d *device.Device, largest uint64) row {
	internet := d.Totals.Out[traffic.ScopeInternet].Bytes + d.Totals.In[traffic.ScopeInternet].Bytes
	lan := d.Totals.Bytes() - internet
	r := row{Device: d, Short: short(d), NameFrom: sourceWords[d.Source], Total: d.Totals.Bytes(), Internet: internet, LAN: lan,
		InternetBar: share(internet, largest), LANBar: share(lan, largest)}
	switch {
	case len(d.Hosts) == 0:
		r.Lack = "no address"
	case d.Source == names.SourceAddress:
		r.Lack = "no name"
		if mac := d.MAC.String(); mac != d.Name {
			r.ShownMAC = mac
		}
	}
	if !strings.HasPrefix(d.Vendor, d.Kind) {
		r.Kind = d.Kind
	}
	r.Domain = d.Name[len(r.Short):]
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
	return r
}

// explain adds to rows of devices which evidence gives them their addresses.
func explain(rows, idle []row, why map[string][]string) {
	for _, list := range [][]row{rows, idle} {
		for i := range list {
			r := &list[i]
			all := why[r.Name]
			r.Why = all[:min(len(all), maxReasons)]
			r.MoreWhy = len(all) - len(r.Why)
		}
	}
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
	var texts []string
	for _, a := range hosts[:min(len(hosts), maxListed)] {
		texts = append(texts, a.String())
	}
	if len(hosts) > maxListed {
		texts = append(texts, "…")
	}
	return strings.Join(texts, " ")
}
