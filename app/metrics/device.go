package metrics

import (
	"strconv"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

// deviceFamilies have samples for each device. They are all of the page that grows with the network.
var deviceFamilies = [...]struct {
	name, kind, help string
	write            func(*textWriter, *device.Device)
}{
	{"node_bytes_total", counter, "IP bytes sent and received by the device.",
		func(t *textWriter, d *device.Device) { t.deviceSample(d.Totals.Bytes(), "device", d.Name) }},
	{"gonetmon_device_bytes_total", counter,
		"IP bytes of the device by direction (in: download, out: upload) and scope: internet, lan (another local device) or " +
			"multicast.",
		func(t *textWriter, d *device.Device) {
			t.directions(d, func(c traffic.Count) uint64 { return c.Bytes })
		}},
	{"gonetmon_device_packets_total", counter, "IP packets of the device by direction and scope.",
		func(t *textWriter, d *device.Device) {
			t.directions(d, func(c traffic.Count) uint64 { return c.Packets })
		}},
	{"gonetmon_device_info", gauge,
		"One series per address of a device; the value is always 1. Labels: the hardware address, its vendor, and the " +
			"kind of the device (as printer) if known, and the source of the name (file: your hosts file, ptr: DNS, dhcp, mdns, " +
			"service: an mDNS service, llmnr, netbios, address: no name found).",
		(*textWriter).info},
	{"gonetmon_device_first_seen_timestamp_seconds", gauge, "Unix time of the first packet of the device, " +
		"under any name: also before gonetmon started, if that is kept (GONETMON_STATE_DIR).",
		func(t *textWriter, d *device.Device) { t.seen(d, d.First) }},
	{"gonetmon_device_last_seen_timestamp_seconds", gauge, "Unix time of the latest packet of the device.",
		func(t *textWriter, d *device.Device) { t.seen(d, d.Last) }},
}

func (t *textWriter) devices(s *device.Snapshot) {
	for _, family := range deviceFamilies {
		t.startFamily(family.name, family.kind, family.help)
		for i := range s.Devices {
			family.write(t, &s.Devices[i])
		}
	}
}

// directionLabels are the ends of the five series of a device: first those of what it sent, by scope. Nothing is received by
// multicast.
var directionLabels = func() (ends [5]string) {
	for i := range ends {
		direction, scope := "out", traffic.Scope(i)
		if i >= 3 {
			direction, scope = "in", traffic.Scope(i-3)
		}
		ends[i] = `,direction="` + direction + `",scope="` + scope.String() + `"} `
	}
	return ends
}()

// directions writes a sample for each direction and scope. They are most of the page, so the beginning of the series is made
// once.
func (t *textWriter) directions(d *device.Device, value func(traffic.Count) uint64) {
	in, out := &d.Totals.In, &d.Totals.Out
	b := t.appendSeries("device", d.Name)
	b = b[:len(b)-1] // without the brace
	begin := len(b)
	for i, c := range [...]traffic.Count{out[0], out[1], out[2], in[0], in[1]} {
		if i > 0 {
			b = append(b, b[:begin]...)
		}
		b = append(b, directionLabels[i]...)
		b = strconv.AppendUint(b, value(c), 10)
		b = append(b, '\n')
	}
	_, _ = t.Write(b)
}

func (t *textWriter) info(d *device.Device) {
	mac := d.MAC.String()
	for _, ip := range d.Hosts {
		t.deviceSample(1, "device", d.Name, "ip", ip.String(), "mac", mac, "vendor", d.Vendor, "kind", d.Kind,
			"source", d.Source)
	}
}

// seen writes when a device was seen, if it was.
func (t *textWriter) seen(d *device.Device, at time.Time) {
	if !at.IsZero() {
		t.timestamp(at, "device", d.Name)
	}
}
