package discovery

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

// announceService returns what the phone, at phone.local, says of a service instance; text are the strings of its TXT record.
func announceService(instance string, text ...string) *dns.Msg {
	_, service, _ := strings.Cut(strings.ReplaceAll(instance, `\.`, " "), "._")
	header := func(name string, typ uint16) dns.RR_Header {
		return dns.RR_Header{Name: name + ".local.", Rrtype: typ, Class: dns.ClassINET, Ttl: 120}
	}
	m := new(dns.Msg)
	m.Response = true
	m.Answer = []dns.RR{&dns.PTR{Hdr: header("_"+service, dns.TypePTR), Ptr: instance + ".local."}}
	m.Extra = []dns.RR{
		&dns.TXT{Hdr: header(instance, dns.TypeTXT), Txt: text},
		&dns.SRV{Hdr: header(instance, dns.TypeSRV), Port: 80, Target: "phone.local."},
		testnet.Record{Name: "phone.local", Addr: phone4}.RR(120, true),
	}
	return m
}

func TestDecoder_Services(t *testing.T) {
	edit := func(m *dns.Msg, change func(m *dns.Msg)) *dns.Msg {
		change(m)
		return m
	}
	service := Fact{Kind: ServiceName, MAC: phone, Addr: phone4, By: phone4, Own: true}
	named, kind := func(name string) Fact {
		f := service
		f.Name = name
		return f
	}, func(kind string) Fact {
		f := service
		f.Kind, f.Name = DeviceKind, kind
		return f
	}
	always := []Fact{{Kind: Announced, MAC: phone, Addr: phone4},
		{Kind: AddrName, MAC: phone, Addr: phone4, By: phone4, Name: "phone", Own: true}}
	var tests []decodeTest
	for _, tt := range []struct {
		name    string
		m       *dns.Msg
		want    []Fact
		refused int
	}{
		{"cast", announceService("Chromecast-f0a1b2c3d4e5f60718293a4b5c6d7e8f._googlecast._tcp", "id=f0", "md=Chromecast Ultra",
			"fn=Living Room TV"), []Fact{named("living-room-tv"), kind("Chromecast")}, 0},
		{"cast of another maker", announceService("x._googlecast._tcp", "FN=Kitchen", "md=Soundbar"), []Fact{named("kitchen")}, 0},
		{"cast group", announceService("x._googlecast._tcp", "fn=Downstairs", "md=Google Cast Group"), nil, 0},
		{"cast without a name", announceService("x._googlecast._tcp", "fn"), nil, 0},
		{"AirPlay", announceService(`Anna’s\ TV._airplay._tcp`, "model=AppleTV6,2"), []Fact{named("anna-s-tv"), kind("Apple TV")}, 0},
		{"AirPlay, audio", announceService(`7828CA05FACC@Living\ Room._raop._tcp`, "am=AudioAccessory5,1"),
			[]Fact{named("living-room"), kind("HomePod")}, 0},
		{"Sonos", announceService(`Sonos-7828CA05FACC@Bath._sonos._tcp`), []Fact{named("bath"), kind("Sonos")}, 0},
		{"Sonos without a room", announceService(`sonosRINCON_7828CA05FACC._sonos._tcp`), []Fact{kind("Sonos")}, 0},
		{"printer", announceService(`Brother\ HL-L2350DW._ipp._tcp`, "rp=ipp/print"),
			[]Fact{named("brother-hl-l2350dw"), kind("printer")}, 0},
		{"printer of a print server", announceService(`Brother\ \@\ nas._ipp._tcp`, "rp=printers/brother"), nil, 0},
		{"HomeKit", announceService(`Philips\ hue\ -\ 2476FF._hap._tcp`, "md=BSB002"), []Fact{named("philips-hue-2476ff")}, 0},
		{"file server", announceService("DISKSTATION._smb._tcp"), []Fact{named("diskstation")}, 0},
		{"NAS", announceService("DISKSTATION._http._tcp", "vendor=Synology", "model=DS918+"), []Fact{kind("NAS")}, 0},
		{"AirPlay of another maker", announceService("Den._airplay._tcp", "model=Roku Ultra", "manufacturer=Roku"),
			[]Fact{named("den"), kind("Roku")}, 0},
		{"Fire TV", announceService("amzn.dmgr:ABC._amzn-wplay._tcp", "n=Bedroom"), nil, 0}, // more labels than an instance has
		{"Fire TV, escaped", announceService(`amzn\.dmgr:ABC._amzn-wplay._tcp`, "n=Bedroom"),
			[]Fact{named("bedroom"), kind("Fire TV")}, 0},
		{"service of no interest", announceService("sonos7828CA05FACC._spotify-connect._tcp", "CPath=/spotifyzc"), nil, 0},
		{"dot in the label", announceService(`Dr\.\ Bob._airplay._tcp`), []Fact{named("dr-bob")}, 0},
		{"label of signs", announceService(`\?._airplay._tcp`), nil, 1},
		{"upper case", announceService(`Hall._AirPlay._TCP`), []Fact{named("hall")}, 0},
		{"withdrawn", edit(announceService("Hall._airplay._tcp"), func(m *dns.Msg) { m.Extra[1].Header().Ttl = 0 }), nil, 0},
		{"without SRV", edit(announceService("Hall._airplay._tcp"), func(m *dns.Msg) {
			m.Extra = append(m.Extra[:1], m.Extra[2])
		}), nil, 0},
		{"without TXT", edit(announceService("Hall._sonos._tcp"), func(m *dns.Msg) { m.Extra = m.Extra[1:] }),
			[]Fact{kind("Sonos")}, 0},
		{"two of one device", edit(announceService(`Hall._airplay._tcp`), func(m *dns.Msg) {
			m.Extra = append(m.Extra, announceService("Hall._companion-link._tcp").Extra[1])
		}), []Fact{named("hall")}, 0},
		{"TXT cut", edit(announceService("x._googlecast._tcp"), func(m *dns.Msg) {
			m.Extra[0] = &dns.RFC3597{Hdr: *m.Extra[0].Header(), Rdata: "06666e3d746f7079636865"}
		}), []Fact{named("top")}, 0},
	} {
		tests = append(tests, decodeTest{name: tt.name, frame: testnet.MDNS(phone, phone4, tt.m),
			want: append(always[:2:2], tt.want...), refused: tt.refused})
	}
	noAddress := announceService("Hall._sonos._tcp")
	noAddress.Extra = noAddress.Extra[:2]
	runDecodeTests(t, MDNS, append(tests,
		decodeTest{name: "without the address", frame: testnet.MDNS(phone, phone4, noAddress), want: always[:1]},
		decodeTest{name: "relayed", frame: testnet.MDNS(router, routerLL, announceService("Hall._sonos._tcp")), want: []Fact{
			{Kind: Announced, MAC: router, Addr: routerLL},
			{Kind: AddrName, MAC: router, Addr: phone4, By: routerLL, Name: "phone"},
			{Kind: DeviceKind, Addr: phone4, By: routerLL, Name: "Sonos"},
		}},
	))
}
