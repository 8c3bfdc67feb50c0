package metrics

import (
	"runtime"
	"slices"
	"strconv"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

// deviceFamilies are those that have series for every device: all of the page that grows with their number.
var deviceFamilies = [...]deviceFamily{
	{"node_bytes_total", counter, "Bytes of IP packets that the device has sent and received.",
		func(l *lines, d *device.Device) { l.series(both(&d.Totals), "device", d.Name) }},
	{"gonetmon_device_bytes_total", counter,
		"Bytes of IP packets, by direction as the device sees it (in: download, out: upload) and by where they came from or went: " +
			"internet, lan (another device here) or multicast (many at once).",
		func(l *lines, d *device.Device) {
			l.directions(d, func(c traffic.Count) uint64 { return c.Bytes })
		}},
	{"gonetmon_device_packets_total", counter,
		"IP packets, by direction as the device sees it and by where they came from or went.",
		func(l *lines, d *device.Device) {
			l.directions(d, func(c traffic.Count) uint64 { return c.Packets })
		}},
	{"gonetmon_device_info", gauge,
		"Always 1: tells by its labels which addresses a device has, the hardware address and the maker of its interface if they are " +
			"known, and where its name comes from (file: your hosts file, ptr: DNS, dhcp, mdns, address: it has none).",
		(*lines).info},
	{"gonetmon_device_first_seen_timestamp_seconds", gauge,
		"When the device sent or received its first packet since gonetmon started, in seconds since 1970.",
		func(l *lines, d *device.Device) { l.seen(d, d.First) }},
	{"gonetmon_device_last_seen_timestamp_seconds", gauge,
		"When the device sent or received its latest packet, in seconds since 1970.",
		func(l *lines, d *device.Device) { l.seen(d, d.Last) }},
}

type deviceFamily struct {
	name, kind, help string
	write            func(*lines, *device.Device)
}

func (f *deviceFamily) head() (name, kind, help string) { return f.name, f.kind, f.help }

// seen writes when a device was seen, if it was.
func (l *lines) seen(d *device.Device, at time.Time) {
	if !at.IsZero() {
		l.device(d.Name)
		l.moment(at)
	}
}

func (l *lines) info(d *device.Device) {
	mac := d.MAC.String()
	for _, ip := range d.Hosts {
		l.device(d.Name)
		l.b = append(l.b, `,ip="`...)
		l.b = ip.AppendTo(l.b)
		l.b = append(l.b, '"')
		l.label(',', "mac", mac)
		l.label(',', "vendor", d.Vendor)
		l.label(',', "source", d.Source)
		l.value(1)
	}
}

// directed are the ends of the labels of a device's series, first those of what it has sent, by scope.
var directed = func() (ends [5]string) {
	for i := range ends {
		direction, scope := "out", i
		if i >= 3 {
			direction, scope = "in", i-3
		}
		ends[i] = `,direction="` + direction + `",scope="` + traffic.Scope(scope).String() + `"`
	}
	return ends
}()

func (l *lines) directions(d *device.Device, unit func(traffic.Count) uint64) {
	counts := [...]traffic.Count{d.Totals.Out[0], d.Totals.Out[1], d.Totals.Out[2], d.Totals.In[0], d.Totals.In[1]}
	begin := len(l.b)
	l.device(d.Name)
	end := len(l.b)
	for i, c := range counts {
		if i > 0 {
			l.b = append(l.b, l.b[begin:end]...)
		}
		l.b = append(l.b, directed[i]...)
		l.b = append(l.b, "} "...)
		l.b = strconv.AppendUint(l.b, unit(c), 10)
		l.b = append(l.b, '\n')
	}
	l.spill()
}

func (l *lines) network(s *device.Snapshot) {
	l.family("network_bytes_total", counter, "Bytes of all IP packets on the network, each packet counted once.")
	l.series(s.Network.Total().Bytes)
	l.family("gonetmon_network_bytes_total", counter,
		"Bytes of all IP packets, each counted once, by version of IP and by scope: internet, lan (between devices here), "+
			"multicast (to many at once) or other (no end of it is here).")
	for f := range s.Network {
		for scope, c := range s.Network[f] {
			l.series(c.Bytes, "family", traffic.Family(f).String(), "scope", traffic.Scope(scope).String())
		}
	}
	l.family("gonetmon_network_packets_total", counter, "IP packets, each counted once, by version of IP and by scope.")
	for f := range s.Network {
		for scope, c := range s.Network[f] {
			l.series(c.Packets, "family", traffic.Family(f).String(), "scope", traffic.Scope(scope).String())
		}
	}
	l.family("gonetmon_devices", gauge, "Devices that have an address now.")
	l.series(uint64(s.NumAddressed()))
	l.family("gonetmon_hosts", gauge, "Addresses of the network that are known.")
	l.series(uint64(s.Hosts))
	l.family("gonetmon_hosts_limit", gauge, "Addresses that can be known at most.")
	l.series(uint64(s.Limit))
	l.family("gonetmon_overflow_bytes_total", counter,
		"Bytes of IP packets, sent and received, of addresses beyond the limit. They belong to no device.")
	l.series(both(&s.Overflow))
	l.family("gonetmon_waiting_bytes", gauge,
		"Bytes of IP packets, sent and received, of new devices that are not shown yet because their names are being found out.")
	l.series(both(&s.Waiting))
	l.family("gonetmon_forgotten_bytes_total", counter,
		"Bytes of IP packets, sent and received, of devices that were forgotten (GONETMON_FORGET_AFTER) or made room for others. "+
			"With node_bytes_total, gonetmon_overflow_bytes_total and gonetmon_waiting_bytes it adds up to all that was sent and received.")
	l.series(both(&s.Forgotten))
}

// tables writes how full is what is remembered. The names that were looked up have the limit of the hosts.
func (l *lines) tables(s *device.Snapshot, asked *rdns.Stats) {
	all := s.Tables
	if asked != nil {
		all = append(slices.Clip(all), device.TableUsage{Name: "dns", Used: asked.Cached, Limit: s.Limit})
	}
	l.family("gonetmon_table_entries", gauge,
		"Entries of the tables in which gonetmon remembers: hosts (addresses with traffic), neighbours (addresses only heard of), "+
			"macs, devices (names with counters) and dns (addresses that were looked up).")
	for _, t := range all {
		l.series(uint64(max(t.Used, 0)), "table", t.Name)
	}
	l.family("gonetmon_table_limit", gauge, "Entries that the table can have at most.")
	for _, t := range all {
		l.series(uint64(max(t.Limit, 0)), "table", t.Name)
	}
}

func both(t *traffic.Totals) uint64 { return t.Sent().Bytes + t.Received().Bytes }

func (l *lines) capture(meters []meter.Status) {
	meters = merge(meters)
	if len(meters) == 0 {
		return
	}
	l.frames(meters)
	if meters[0].Interface == "" {
		return // the frames are a file's
	}
	l.family("gonetmon_capture_up", gauge, "1 if gonetmon hears the interface, 0 if not.")
	for i := range meters {
		up := uint64(0)
		if meters[i].Up {
			up = 1
		}
		l.series(up, "interface", meters[i].Interface)
	}
	l.family("gonetmon_capture_packets_total", counter,
		"Frames taken from the interface. One may stand for several on the wire, which gonetmon_frames_total counts.")
	for i := range meters {
		l.series(meters[i].Frames, "interface", meters[i].Interface)
	}
	l.family("gonetmon_capture_drops_total", counter,
		"Frames lost because gonetmon was too slow to take them (GONETMON_RING_SIZE gives it more time). They are in no other number.")
	for i := range meters {
		l.series(meters[i].Drops, "interface", meters[i].Interface)
	}
	l.family("gonetmon_capture_attached_total", counter,
		"Times that gonetmon began to listen to the interface: more than 1 if the interface went away and came back.")
	for i := range meters {
		l.series(meters[i].Attached, "interface", meters[i].Interface)
	}
}

// frames are those of all meters together.
func (l *lines) frames(meters []meter.Status) {
	var all meter.Classes
	for i := range meters {
		for c := range all {
			all[c].Frames += meters[i].Classes[c].Frames
			all[c].Bytes += meters[i].Classes[c].Bytes
		}
	}
	l.family("gonetmon_frames_total", counter, "Frames on the wire, by what was in them.")
	for c := range all {
		l.series(all[c].Frames, "class", packet.Class(c).String())
	}
	l.family("gonetmon_frame_bytes_total", counter, "Bytes of the frames on the wire, link headers included, the checksum at their end not.")
	for c := range all {
		l.series(all[c].Bytes, "class", packet.Class(c).String())
	}
}

// merge joins the meters of one interface, which is up if all of them are, as an interface can have one series only.
func merge(meters []meter.Status) (merged []meter.Status) {
	for _, m := range meters {
		i := slices.IndexFunc(merged, func(o meter.Status) bool { return o.Interface == m.Interface })
		if i < 0 {
			merged = append(merged, m)
			continue
		}
		o := &merged[i]
		o.Up = o.Up && m.Up
		o.Frames += m.Frames
		o.Drops += m.Drops
		o.Attached += m.Attached
		for c := range o.Classes {
			o.Classes[c].Frames += m.Classes[c].Frames
			o.Classes[c].Bytes += m.Classes[c].Bytes
		}
	}
	return merged
}

// lookups writes what was asked of DNS servers.
func (l *lines) lookups(s *rdns.Stats) {
	l.family("gonetmon_dns_queries_total", counter, "Questions sent to DNS servers for the names of devices.")
	l.series(s.Queries)
	l.family("gonetmon_dns_failures_total", counter,
		"Lookups of names that failed, by reason. That an address has no name is no failure.")
	for reason, n := range s.Failures {
		l.series(n, "reason", rdns.Reason(reason).String())
	}
	l.family("gonetmon_dns_queries_in_flight", gauge, "Lookups that wait for an answer now.")
	l.series(uint64(max(s.InFlight, 0)))
	l.family("gonetmon_dns_queue", gauge, "Lookups that wait for their turn now.")
	l.series(uint64(max(s.Queued, 0)))
}

func (l *lines) build(version, revision string) {
	l.family("gonetmon_build_info", gauge, "Always 1: tells by its labels which gonetmon this is.")
	l.series(1, "version", version, "revision", revision, "goversion", runtime.Version())
}
