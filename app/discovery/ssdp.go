package discovery

import (
	"net/netip"
	"strings"

	"gonetmon/app/mac"
)

// ssdp decodes an advertisement or a response of SSDP (UPnP Device Architecture 2.0, 1.2.2 and 1.3.3): what the device is. It
// ignores searches.
func (d *Decoder) ssdp(m *message, fromPort bool) {
	const maxLines = 64
	lines := strings.SplitN(string(m.payload), "\r\n", maxLines+1)
	isResponse := fromPort && strings.HasPrefix(lines[0], "HTTP/1.1 200")
	if !isResponse && !strings.HasPrefix(lines[0], "NOTIFY ") {
		return
	}
	headers := map[string]string{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		headers[strings.ToUpper(name)] = strings.TrimSpace(value)
	}
	kind := kindOf(headers["SERVER"], ssdpKinds)
	if kind == "" {
		kind = kindOf(headers["NT"]+" "+headers["ST"]+" "+headers["USN"], ssdpKinds)
	}
	if kind == "" {
		return
	}
	f := Fact{Kind: DeviceKind, Protocol: SSDP, MAC: m.src, Addr: m.from, By: m.from, Name: kind, Own: true}
	if at := locationAddr(headers["LOCATION"]); at.IsValid() && at != m.from { // a relay
		f.MAC, f.Addr, f.Own = mac.Addr{}, at, false
	}
	d.emit(f)
}

// locationAddr returns the address in the URL of a device's description, or the zero Addr if it has a name.
func locationAddr(url string) netip.Addr {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	if to, err := netip.ParseAddrPort(host); err == nil {
		return to.Addr().WithZone("")
	}
	addr, _ := netip.ParseAddr(strings.Trim(host, "[]"))
	return addr.WithZone("")
}
