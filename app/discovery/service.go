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
// message does not say where they are: whoever sends it may speak for another.
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
	for i := range msg.records {
		r := &msg.records[i]
		if r.typ != dnsSRV || r.ttl == 0 || len(r.name) != 4 || !isLocal(r.name) {
			continue
		}
		in := instance{label: r.name[0], service: strings.ToLower(r.name[1] + "." + r.name[2])}
		host := msg.target(r)
		for i := range msg.records {
			switch o := &msg.records[i]; {
			case o.ttl == 0:
			case o.typ == dnsTXT && sameDNSName(o.name, r.name):
				in.text = msg.text(o)
			case len(host) > 0 && isUnicast(msg.addr(o)) && sameDNSName(o.name, host):
				in.hosts = append(in.hosts, msg.addr(o))
			}
		}
		if len(in.hosts) > 0 {
			all = append(all, in)
		}
	}
	return all
}

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
	for _, key := range []string{"model", "md", "am", "rpMd", "vendor"} {
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

func sameDNSName(a, b []string) bool { return slices.EqualFunc(a, b, strings.EqualFold) }
