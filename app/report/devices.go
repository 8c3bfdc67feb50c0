package report

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

// listed returns the devices that have an address or have had traffic, sorted by name.
func listed(s *device.Snapshot) (all []*device.Device) {
	for i := range s.Devices {
		if d := &s.Devices[i]; len(d.Hosts) > 0 || d.Totals.Bytes() > 0 {
			all = append(all, d)
		}
	}
	return all
}

// maxReasons is how many lines of evidence a table has below a device. A device can have a thousand IPv6 addresses.
const maxReasons = 20

// WriteDevices writes a table of the devices that have an address or have had traffic, and of their usage since the start,
// highest first. Below each device it writes up to 20 of its lines of why (Registry.Why), which may be nil.
func WriteDevices(w io.Writer, s *device.Snapshot, why map[string][]string) {
	t := table{titles: []string{"device", "source", "mac", "vendor", "kind", "addresses", "in", "out"}, left: 6}
	var sum traffic.Totals
	add := func(d *device.Device) {
		sum.Add(&d.Totals)
		t.add(printable(d.Name, maxName), printable(d.Source, maxName), d.MAC.String(), printable(d.Vendor, maxVendor),
			printable(d.Kind, maxVendor), addresses(d.Hosts, maxAddresses),
			inBytes(d.Totals.Received().Bytes), inBytes(d.Totals.Sent().Bytes))
	}
	devices := listed(s)
	slices.SortStableFunc(devices, func(a, b *device.Device) int {
		return cmp.Compare(b.Totals.Bytes(), a.Totals.Bytes())
	})
	for _, d := range devices {
		add(d)
		t.note(reasons(why[d.Name]))
	}
	others := []*device.Device{
		overflow(s), {Name: "(forgotten)", Totals: s.Forgotten}, {Name: "(not named yet)", Totals: s.Waiting},
	}
	for _, rest := range others {
		if rest.Totals.Bytes() > 0 {
			add(rest)
		}
	}
	heading := "no devices"
	if len(t.rows) > 0 {
		heading = headingOf(len(devices), sum.Received().Bytes, sum.Sent().Bytes)
	}
	t.write(w, period(s.Time, s.Time.Sub(s.Start))+"  "+heading)
}

// reasons returns the lines of evidence of a device that are written, and how many more there are.
func reasons(why []string) (lines []string) {
	for _, line := range why[:min(len(why), maxReasons)] {
		lines = append(lines, printable(line, maxReason))
	}
	if more := len(why) - maxReasons; more > 0 {
		lines = append(lines, "and "+strconv.Itoa(more)+" more")
	}
	return lines
}

// addresses returns as many as fit into a column, at least one, and how many more there are: "192.168.1.20 fd00::20 +2".
func addresses(hosts []netip.Addr, maxWidth int) string {
	var b strings.Builder
	for i, a := range hosts {
		text := a.String()
		if i > 0 && b.Len()+1+len(text) > maxWidth {
			return b.String() + " +" + strconv.Itoa(len(hosts)-i)
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(text)
	}
	return b.String()
}

// The JSON of WriteDevicesJSON: its names, and the order of the fields.
type (
	devicesJSON struct {
		Devices []deviceJSON `json:"devices"`
	}
	deviceJSON struct {
		Device string   `json:"device"`
		Source string   `json:"source"`
		MAC    string   `json:"mac"`    // "" if not known
		Vendor string   `json:"vendor"` // "" if not known
		Kind   string   `json:"kind"`   // "" if not known
		Hosts  []string `json:"hosts"`  // sorted as text
		Why    []string `json:"why,omitzero"`
		usageJSON
		Scopes scopesJSON `json:"scopes"`
	}
	scopesJSON struct {
		Internet  usageJSON `json:"internet"`
		LAN       usageJSON `json:"lan"`
		Multicast usageJSON `json:"multicast"` // has no receiver: in is 0
	}
	usageJSON struct {
		InBytes    uint64 `json:"in_bytes"`
		OutBytes   uint64 `json:"out_bytes"`
		InPackets  uint64 `json:"in_packets"`
		OutPackets uint64 `json:"out_packets"`
	}
)

// WriteDevicesJSON writes the devices of WriteDevices as indented JSON, sorted by name, with a line break at the end. Unless why
// (Registry.Why) is nil, each device has all its lines of it.
func WriteDevicesJSON(w io.Writer, s *device.Snapshot, why map[string][]string) error {
	all := devicesJSON{Devices: []deviceJSON{}}
	for _, d := range listed(s) {
		hosts := make([]string, len(d.Hosts))
		for i, a := range d.Hosts {
			hosts[i] = a.String()
		}
		slices.Sort(hosts)
		var reasons []string
		if why != nil {
			reasons = append([]string{}, why[d.Name]...) // [] in JSON if there are none
		}
		in, out := &d.Totals.In, &d.Totals.Out
		all.Devices = append(all.Devices, deviceJSON{
			Device: d.Name, Source: d.Source, MAC: d.MAC.String(), Vendor: d.Vendor, Kind: d.Kind, Hosts: hosts, Why: reasons,
			usageJSON: usageOf(d.Totals.Received(), d.Totals.Sent()),
			Scopes: scopesJSON{
				Internet:  usageOf(in[traffic.ScopeInternet], out[traffic.ScopeInternet]),
				LAN:       usageOf(in[traffic.ScopeLAN], out[traffic.ScopeLAN]),
				Multicast: usageOf(traffic.Count{}, out[traffic.ScopeMulticast]),
			},
		})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(all)
}

// NewDevices returns a handler that answers with the JSON of WriteDevicesJSON, with the lines of why.
func NewDevices(snapshot func() *device.Snapshot, why func() map[string][]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		_ = WriteDevicesJSON(w, snapshot(), why()) // it fails only if the client has gone
	})
}

func usageOf(in, out traffic.Count) usageJSON {
	return usageJSON{InBytes: in.Bytes, OutBytes: out.Bytes, InPackets: in.Packets, OutPackets: out.Packets}
}
