package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

const (
	widestVendor    = 24 // columns of a table
	widestAddresses = 39 // likewise; one IPv6 address fits, and is always shown
)

// known says whether a device is one that WriteDevices and WriteDevicesJSON list: it has an address or has moved something.
func known(d *device.Device) bool { return len(d.Hosts) > 0 || totalBytes(&d.Totals) > 0 }

// totalBytes returns the bytes sent and received.
func totalBytes(t *traffic.Totals) uint64 { return t.Sent().Bytes + t.Received().Bytes }

// WriteDevices writes a table of the devices that have an address or have moved something, and of what they have moved since the
// start, what uses most first.
func WriteDevices(w io.Writer, s *device.Snapshot) {
	var listed []*device.Device
	for i := range s.Devices {
		if d := &s.Devices[i]; known(d) {
			listed = append(listed, d)
		}
	}
	slices.SortStableFunc(listed, func(a, b *device.Device) int { // they come sorted by name
		return cmp.Compare(totalBytes(&b.Totals), totalBytes(&a.Totals))
	})
	var all traffic.Totals
	var cells [][]string
	for _, d := range listed {
		all.Add(&d.Totals)
		cells = append(cells, []string{printable(d.Name, widestName), printable(d.Source, widestName), d.MAC.String(), printable(d.Vendor, widestVendor),
			addresses(d.Hosts), inBytes(d.Totals.Received().Bytes), inBytes(d.Totals.Sent().Bytes)})
	}
	for _, rest := range []struct {
		name   string
		totals *traffic.Totals
	}{{beyondLimit, &s.Overflow}, {"(forgotten)", &s.Forgotten}, {"(not named yet)", &s.Waiting}} {
		if totalBytes(rest.totals) > 0 {
			all.Add(rest.totals)
			cells = append(cells, []string{rest.name, "", "", "", "", inBytes(rest.totals.Received().Bytes), inBytes(rest.totals.Sent().Bytes)})
		}
	}
	b := bufio.NewWriterSize(w, outputBuffer)
	_, _ = fmt.Fprintf(b, "%s  ", period(s.Time, s.Time.Sub(s.Start)))
	if len(cells) == 0 {
		_, _ = b.WriteString("no devices\n")
	} else {
		_, _ = fmt.Fprintf(b, "%s  in %s  out %s\n", devices(len(listed)), inBytes(all.Received().Bytes), inBytes(all.Sent().Bytes))
		titles := []string{"device", "source", "mac", "vendor", "addresses", "in", "out"}
		columns(b, 5, titles, len(cells), func(i int) []string { return cells[i] })
	}
	_ = b.Flush()
}

// addresses are as many as fit in a column, and how many more there are: "192.168.1.20 fd00::20 +2".
func addresses(hosts []netip.Addr) string {
	var b strings.Builder
	for i, a := range hosts {
		text := a.String()
		if i > 0 && b.Len()+1+len(text) > widestAddresses {
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
		MAC    string   `json:"mac"`    // "" if it is not known
		Vendor string   `json:"vendor"` // likewise
		Hosts  []string `json:"hosts"`  // sorted as text
		movedJSON
		Scopes scopesJSON `json:"scopes"`
	}
	scopesJSON struct {
		Internet  movedJSON `json:"internet"`
		LAN       movedJSON `json:"lan"`
		Multicast movedJSON `json:"multicast"` // what is sent to many has no receiver: in is 0
	}
	movedJSON struct {
		InBytes    uint64 `json:"in_bytes"`
		OutBytes   uint64 `json:"out_bytes"`
		InPackets  uint64 `json:"in_packets"`
		OutPackets uint64 `json:"out_packets"`
	}
)

// WriteDevicesJSON writes the devices of WriteDevices as JSON, sorted by name, with a line break at the end.
func WriteDevicesJSON(w io.Writer, s *device.Snapshot) error {
	all := devicesJSON{Devices: []deviceJSON{}}
	for i := range s.Devices {
		d := &s.Devices[i]
		if !known(d) {
			continue
		}
		hosts := make([]string, len(d.Hosts))
		for i, a := range d.Hosts {
			hosts[i] = a.String()
		}
		slices.Sort(hosts)
		in, out := &d.Totals.In, &d.Totals.Out
		all.Devices = append(all.Devices, deviceJSON{
			Device: d.Name, Source: d.Source, MAC: d.MAC.String(), Vendor: d.Vendor, Hosts: hosts,
			movedJSON: moved(d.Totals.Received(), d.Totals.Sent()),
			Scopes: scopesJSON{
				Internet:  moved(in[traffic.ScopeInternet], out[traffic.ScopeInternet]),
				LAN:       moved(in[traffic.ScopeLAN], out[traffic.ScopeLAN]),
				Multicast: moved(traffic.Count{}, out[traffic.ScopeMulticast]),
			},
		})
	}
	return writeJSON(w, all)
}

func moved(in, out traffic.Count) movedJSON {
	return movedJSON{InBytes: in.Bytes, OutBytes: out.Bytes, InPackets: in.Packets, OutPackets: out.Packets}
}

// writeJSON writes v as all JSON of this room is written: indented, nothing escaped that need not be, a line break at the end.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
