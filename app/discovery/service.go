package discovery

import (
	"net/netip"
	"slices"
	"strings"

	"gonetmon/app/mac"
)

// An instance is a service instance (RFC 6763): what a host offers, under a name that people see.
type instance struct {
	label   string // "Living Room"
	service string // "_airplay._tcp"
	hosts   []netip.Addr
	text    []string
}

// services emits the names of service instances, and the kinds of the devices that have them. It ignores instances of which the
// message does not say where they are: its sender may speak for another device.
func (d *Decoder) services(m *message, msg *dnsMessage) {
	var seen []Fact
	for _, in := range instances(msg) {
		f := Fact{Kind: ServiceName, Protocol: MDNS, MAC: m.src, Addr: in.hosts[0], By: m.from}
		if f.Own = slices.Contains(in.hosts, m.from); f.Own {
			f.Addr = m.from
		}
		emit := func(kind Kind, name string) {
			if f.Kind, f.Name = kind, name; kind == DeviceKind && !f.Own {
				f.MAC = mac.Addr{} // of another device
			}
			if name != "" && !slices.Contains(seen, f) {
				seen = append(seen, f)
				d.emit(f)
			}
		}
		if raw := in.name(); raw != "" {
			if name, ok := d.clean(MDNS, strings.ReplaceAll(raw, ".", "-")); ok {
				emit(ServiceName, name)
			}
		}
		emit(DeviceKind, in.kind())
	}
}

// instances returns the service instances that a message has with an address.
func instances(msg *dnsMessage) (all []instance) {
	hosts, texts := map[string][]netip.Addr{}, map[string][]string{}
	for i := range msg.records {
		r := &msg.records[i]
		switch addr := msg.addr(r); {
		case r.ttl == 0:
		case r.typ == dnsTXT:
			texts[nameKey(r.name)] = msg.text(r)
		case isUnicast(addr):
			hosts[nameKey(r.name)] = append(hosts[nameKey(r.name)], addr)
		}
	}
	for i := range msg.records {
		r := &msg.records[i]
		if r.typ != dnsSRV || r.ttl == 0 || len(r.name) != 4 || !isLocal(r.name) {
			continue
		}
		if at := hosts[nameKey(msg.target(r))]; len(at) > 0 {
			service := strings.ToLower(r.name[1] + "." + r.name[2])
			all = append(all, instance{r.name[0], service, at, texts[nameKey(r.name)]})
		}
	}
	return all
}

// nameKey returns a name in a form that can be compared: the case does not matter.
func nameKey(labels []string) string { return strings.ToLower(strings.Join(labels, "\x00")) }

// value returns the value of a key in the TXT record, or "". Keys are case-insensitive (RFC 6763, 6.4).
func (in *instance) value(key string) string {
	for _, s := range in.text {
		if k, v, found := strings.Cut(s, "="); found && strings.EqualFold(k, key) {
			return v
		}
	}
	return ""
}

// name returns what people call the device, or "".
func (in *instance) name() string {
	if in.isForOthers() {
		return ""
	}
	switch in.service {
	case "_googlecast._tcp": // whose label is the model and a UUID
		return in.value("fn")
	case "_amzn-wplay._tcp":
		return in.value("n")
	case "_raop._tcp", "_sonos._tcp": // 7828CA05FACC@Living Room
		_, name, _ := strings.Cut(in.label, "@")
		return name
	case "_airplay._tcp", "_companion-link._tcp", "_androidtvremote2._tcp", "_hap._tcp", "_smb._tcp", "_afpovertcp._tcp",
		"_ipp._tcp", "_ipps._tcp", "_printer._tcp", "_pdl-datastream._tcp":
		return in.label
	}
	return ""
}

// kind returns what the device is, or "".
func (in *instance) kind() string {
	for _, key := range []string{"model", "md", "am", "rpMd", "vendor", "manufacturer"} {
		if kind := kindOf(in.value(key), modelKinds); kind != "" {
			return kind
		}
	}
	if in.isForOthers() {
		return ""
	}
	return serviceKinds[in.service]
}

// isForOthers reports whether the instance is a print server's, or one of several speakers that play together.
func (in *instance) isForOthers() bool {
	return strings.HasPrefix(in.value("rp"), "printers/") || in.value("md") == "Google Cast Group"
}
