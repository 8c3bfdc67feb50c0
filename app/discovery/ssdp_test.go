package discovery

import (
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

func TestDecoder_SSDP(t *testing.T) {
	notify := func(headers ...string) []byte { return testnet.SSDPNotify(phone, phone4, headers...) }
	text := func(from uint16, lines ...string) []byte {
		return testnet.Datagram(testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone4, Dst: laptop4}, from, 50000, 4,
			[]byte(strings.Join(lines, "\r\n")))
	}
	own := func(kind string) []Fact {
		return []Fact{{Kind: DeviceKind, MAC: phone, Addr: phone4, By: phone4, Name: kind, Own: true}}
	}
	const sonos = "SERVER: Linux UPnP/1.0 Sonos/57.3-79200 (ZPS9)"
	runDecodeTests(t, SSDP, []decodeTest{
		{name: "server", frame: notify(sonos, "NT: urn:schemas-upnp-org:device:MediaRenderer:1"), want: own("Sonos")},
		{name: "server in lower case", frame: notify("Server:Linux/3.14.0 UPnP/1.0 IpBridge/1.26.0"), want: own("Hue bridge")},
		{name: "type", frame: notify("SERVER: x UPnP/1.0", "NT: urn:schemas-upnp-org:device:InternetGatewayDevice:1"),
			want: own("router")},
		{name: "server before type", frame: notify("SERVER: Synology/DSM/192.168.2.8", "NT: urn:schemas-upnp-org:device:Printer:1"),
			want: own("NAS")},
		{name: "unique name", frame: notify("USN: uuid:1::urn:schemas-upnp-org:device:Printer:1"), want: own("printer")},
		{name: "nothing", frame: notify("SERVER: Linux", "NT: upnp:rootdevice")},
		{name: "response", frame: text(1900, "HTTP/1.1 200 OK", "ST: roku:ecp", "Server: Roku/9.4.0 UPnP/1.0 Roku/9.4.0", "", ""),
			want: own("Roku")},
		{name: "response from another port", frame: text(40000, "HTTP/1.1 200 OK", sonos, "", "")},
		{name: "response that refuses", frame: text(1900, "HTTP/1.1 404 Not Found", sonos, "", "")},
		{name: "search", frame: text(1900, "M-SEARCH * HTTP/1.1", "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1", "", "")},
		{name: "own location", frame: notify(sonos, "LOCATION: http://192.168.2.8:1400/xml/device_description.xml"),
			want: own("Sonos")},
		{name: "location with a name", frame: notify(sonos, "LOCATION: http://phone.lan/x"), want: own("Sonos")},
		{name: "relayed", frame: notify(sonos, "LOCATION: http://192.168.2.7:1400/xml/device_description.xml"),
			want: []Fact{{Kind: DeviceKind, Addr: laptop4, By: phone4, Name: "Sonos"}}},
		{name: "relayed, IPv6", frame: notify(sonos, "LOCATION: http://[2001:db8::7]/x"),
			want: []Fact{{Kind: DeviceKind, Addr: laptop6, By: phone4, Name: "Sonos"}}},
		{name: "header beyond the 64th", frame: notify(strings.Repeat("X: y\r\n", 64) + sonos)},
		{name: "no text", frame: text(1900, "\x00\xff")},
	})
}
