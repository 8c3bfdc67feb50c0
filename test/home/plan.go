package home

import (
	"time"

	"gonetmon/app/mac"
)

// An ipv6 is how an interface makes the identifiers of its IPv6 addresses.
type ipv6 int

const (
	noIPv6    ipv6 = iota
	eui64          // of its MAC (RFC 4291, appendix A)
	stableIID      // random, another one in each prefix (RFC 7217)
)

// A life is when a device is there.
type life int

const (
	always  life = iota
	worker       // away on working days
	pupil        // away in the morning
	visitor      // there for some hours every other week
)

// A spec describes a network interface.
type spec struct {
	name   string // of the device; those of one name are one
	vendor mac.Addr
	dhcp   string // its name in DHCP; "": it says none
	mdns   string // in mDNS; "": it has none
	ptr    string // in the router's DNS, whatever it calls itself

	v6      ipv6
	privacy bool // it has temporary IPv6 addresses

	life   life
	newMAC int    // days after which a random MAC changes; 0: never
	static int    // the last byte of its static address; 0: it has a lease
	behind string // the extender that it is connected to
	shares string // the device whose MAC it has
	wired  bool   // behind a switch, so that it does not notice a restart of the router
	routed bool   // in another network, behind the router
	quiet  bool   // it does not announce its address
	sleeps bool   // and hands over to the sleep proxy
	roams  bool   // between the router and the first extender
	ssdp   bool

	keepsOptions bool // an extender that leaves the MACs in NDP messages as they are

	beat   time.Duration // between two small messages
	beatTo string        // the device that they go to; "": the internet
	habits []habit
	random bool // the MAC is random
}

const (
	kB = 1000
	mB = 1000 * kB
)

var (
	browse   = habit{20, 7, 24, [2]time.Duration{30 * time.Second, 4 * time.Minute}, 2 * time.Second, 300 * kB, 20 * kB, ""}
	video    = habit{3, 16, 23, [2]time.Duration{10 * time.Minute, 40 * time.Minute}, 5 * time.Second, 3 * mB, 60 * kB, ""}
	film     = habit{1.5, 18, 22, [2]time.Duration{time.Hour, 2 * time.Hour}, 6 * time.Second, 3 * mB, 60 * kB, ""}
	meeting  = habit{1, 8, 16, [2]time.Duration{20 * time.Minute, time.Hour}, 2 * time.Second, 500 * kB, 400 * kB, ""}
	backup   = habit{0.7, 19, 23, [2]time.Duration{3 * time.Minute, 10 * time.Minute}, 2 * time.Second, 60 * kB, 4 * mB, "nas"}
	cloud    = habit{0.5, 2, 4, [2]time.Duration{time.Hour, 2 * time.Hour}, 5 * time.Second, 50 * kB, 2 * mB, ""}
	gaming   = habit{1, 15, 22, [2]time.Duration{time.Hour, 2 * time.Hour}, 3 * time.Second, 150 * kB, 60 * kB, ""}
	download = habit{0.2, 10, 22, [2]time.Duration{10 * time.Minute, 40 * time.Minute}, time.Second, 2 * mB, 40 * kB, ""}
	camera   = habit{12, 0, 24, [2]time.Duration{time.Minute, 3 * time.Minute}, 5 * time.Second, 20 * kB, 700 * kB, ""}
	music    = habit{1.5, 7, 22, [2]time.Duration{30 * time.Minute, 2 * time.Hour}, 10 * time.Second, 400 * kB, 8 * kB, ""}
	update   = habit{0.1, 0, 24, [2]time.Duration{30 * time.Second, 2 * time.Minute}, 2 * time.Second, 500 * kB, 10 * kB, ""}
	archive  = habit{1.5, 19, 22, [2]time.Duration{time.Hour, 2 * time.Hour}, 6 * time.Second, 60 * kB, 3 * mB, "iptv"}
	printing = habit{0.7, 8, 20, [2]time.Duration{5 * time.Second, 30 * time.Second}, 2 * time.Second, 20 * kB, 2 * mB, "printer"}
	casting  = habit{0.5, 17, 22, [2]time.Duration{5 * time.Minute, time.Hour}, 5 * time.Second, 20 * kB, 600 * kB, "chromecast"}
	jellyfin = habit{0.5, 19, 22, [2]time.Duration{time.Hour, 2 * time.Hour}, 6 * time.Second, 60 * kB, 3 * mB, "tv-living"}
)

// Vendors, by the prefix of their MACs.
var (
	apple     = mac.Addr{0xf0, 0x18, 0x98}
	samsung   = mac.Addr{0x8c, 0x79, 0xf5}
	lg        = mac.Addr{0xcc, 0x2d, 0x8c}
	tplink    = mac.Addr{0x50, 0xc7, 0xbf}
	espressif = mac.Addr{0x24, 0x0a, 0xc4}
	amazon    = mac.Addr{0xfc, 0x65, 0xde}
	google    = mac.Addr{0xf4, 0xf5, 0xd8}
	intel     = mac.Addr{0xa4, 0x34, 0xd9}
	hp        = mac.Addr{0x3c, 0xd9, 0x2b}
	sony      = mac.Addr{0xfc, 0x0f, 0xe6}
	avm       = mac.Addr{0x38, 0x10, 0xd5}
	synology  = mac.Addr{0x00, 0x11, 0x32}
	raspberry = mac.Addr{0xdc, 0xa6, 0x32}
	qemu      = mac.Addr{0x52, 0x54, 0x00}
	philips   = mac.Addr{0x00, 0x17, 0x88}
)

// plans returns all interfaces of the home: about 60 devices.
func plans() []*spec {
	all := []*spec{
		{name: "router", vendor: avm, ptr: "router", static: 1, v6: eui64, wired: true},
		{name: "re450", vendor: tplink, dhcp: "RE450", beat: 11 * time.Minute},
		{name: "re305", vendor: tplink, dhcp: "RE305", beat: 13 * time.Minute, keepsOptions: true},
		{name: "apple-tv", vendor: apple, dhcp: "Apple-TV", mdns: "Apple-TV", v6: stableIID, wired: true, beat: 7 * time.Minute,
			habits: []habit{film}},
		{name: "nas", vendor: synology, dhcp: "nas", mdns: "nas", ptr: "nas", wired: true, v6: eui64, beat: 5 * time.Minute,
			habits: []habit{cloud, archive, update}, ssdp: true},
		{name: "nas", vendor: synology, dhcp: "nas", mdns: "nas", ptr: "nas", wired: true, beat: 9 * time.Minute,
			habits: []habit{update}},
		{name: "iptv", vendor: samsung, ptr: "iptv", routed: true},

		{name: "iphone-anna", random: true, newMAC: 14, dhcp: "Annas-iPhone", mdns: "Annas-iPhone", v6: stableIID, privacy: true,
			life: worker, beat: 6 * time.Minute, habits: []habit{browse, video, casting}},
		{name: "pixel-ben", random: true, newMAC: 1, dhcp: "Pixel-8-Ben", v6: stableIID, privacy: true, life: worker,
			beat: 8 * time.Minute, habits: []habit{browse, video, casting}},
		{name: "galaxy-cleo", random: true, newMAC: 7, dhcp: "Cleo-s-S23", v6: stableIID, privacy: true, life: pupil,
			beat: 7 * time.Minute, habits: []habit{browse, video}},
		{name: "iphone-dan", random: true, dhcp: "Dans-iPhone", mdns: "Dans-iPhone", v6: stableIID, privacy: true, life: pupil,
			roams: true, beat: 6 * time.Minute, habits: []habit{browse, video}},
		{name: "iphone-eve", random: true, dhcp: "Eves-iPhone", mdns: "Eves-iPhone", v6: stableIID, privacy: true, life: worker,
			beat: 6 * time.Minute, habits: []habit{browse, video}},
		{name: "work-phone", random: true, v6: stableIID, privacy: true, life: worker, beat: 9 * time.Minute,
			habits: []habit{update}},
		{name: "tablet", vendor: samsung, dhcp: "Galaxy-Tab-S8", v6: stableIID, privacy: true, beat: 9 * time.Minute, quiet: true,
			habits: []habit{browse, video}},

		{name: "macbook", vendor: apple, dhcp: "MacBook-Pro", mdns: "MacBook-Pro", v6: stableIID, privacy: true, sleeps: true,
			beat: 5 * time.Minute, habits: []habit{browse, meeting, backup, printing}},
		{name: "imac", vendor: apple, dhcp: "iMac-Study", mdns: "iMac-Study", v6: stableIID, privacy: true, sleeps: true,
			beat: 5 * time.Minute, habits: []habit{browse, backup, video}},
		{name: "thinkpad", vendor: intel, dhcp: "LAPTOP-7K2QJ4", mdns: "LAPTOP-7K2QJ4", v6: stableIID, privacy: true, life: worker,
			beat: 5 * time.Minute, habits: []habit{browse, meeting, backup, printing}},
		{name: "desktop", vendor: intel, dhcp: "DESKTOP-BEN", mdns: "DESKTOP-BEN", v6: stableIID, privacy: true, wired: true,
			beat: 4 * time.Minute, habits: []habit{browse, gaming, download}},

		{name: "hypervisor", vendor: intel, dhcp: "pve", v6: eui64, wired: true, beat: 8 * time.Minute, habits: []habit{update}},
		{name: "vm-web", vendor: qemu, dhcp: "web", v6: eui64, wired: true, beat: 6 * time.Minute, habits: []habit{update}},
		{name: "vm-home-assistant", vendor: qemu, dhcp: "homeassistant", mdns: "homeassistant", v6: stableIID, wired: true,
			beat: 3 * time.Minute, habits: []habit{update}, ssdp: true},
		{name: "vm-windows", vendor: qemu, dhcp: "WIN-AB12CD", mdns: "WIN-AB12CD", v6: stableIID, privacy: true, wired: true,
			beat: 10 * time.Minute, habits: []habit{download}},
		{name: "dockerhost", vendor: raspberry, dhcp: "dockerhost", mdns: "dockerhost", v6: eui64, wired: true, beat: 9 * time.Minute,
			habits: []habit{update}},
		{name: "pihole", shares: "dockerhost", ptr: "pihole", static: 31, wired: true, quiet: true, beat: 4 * time.Minute,
			habits: []habit{update}},
		{name: "jellyfin", shares: "dockerhost", ptr: "jellyfin", static: 32, wired: true, quiet: true, beat: 8 * time.Minute,
			habits: []habit{update, jellyfin}},
		{name: "monitor", vendor: raspberry, dhcp: "gonetmon", mdns: "gonetmon", v6: eui64, wired: true, beat: 10 * time.Minute},

		{name: "tv-living", vendor: lg, dhcp: "LGwebOSTV", mdns: "LGwebOSTV", v6: eui64, wired: true, beat: 6 * time.Minute,
			habits: []habit{film}, ssdp: true},
		{name: "tv-bedroom", vendor: samsung, dhcp: "Samsung-TV", mdns: "Samsung", v6: stableIID, behind: "re450", quiet: true,
			beat: 6 * time.Minute, habits: []habit{film}, ssdp: true},
		{name: "tv-kids", vendor: google, dhcp: "", mdns: "Android-3", v6: stableIID, privacy: true, beat: 8 * time.Minute,
			habits: []habit{film}},
		{name: "chromecast", vendor: google, dhcp: "Chromecast", mdns: "79d88e83-725c-b71b-bad0-5862d5b22386", v6: stableIID,
			beat: 5 * time.Minute, habits: []habit{video}, ssdp: true},
		{name: "fire-tv", vendor: amazon, dhcp: "amazon-3a5ec2b1f", behind: "re305", beat: 6 * time.Minute, habits: []habit{film}},
		{name: "playstation", vendor: sony, dhcp: "PS5-3F2A91", wired: true, beat: 12 * time.Minute, habits: []habit{gaming, download}},
		{name: "switch", vendor: mac.Addr{0x98, 0xb6, 0xe9}, life: pupil, beat: 15 * time.Minute, habits: []habit{gaming}},

		{name: "printer", vendor: hp, dhcp: "HP3CD92B", mdns: "HP3CD92B", v6: eui64, beat: 20 * time.Minute, ssdp: true},
		{name: "old-printer", vendor: hp, static: 50, behind: "re450", quiet: true, beat: 25 * time.Minute},
		{name: "chromebook", vendor: intel, v6: stableIID, privacy: true, dhcp: "chromebook", behind: "re450", beat: 6 * time.Minute,
			habits: []habit{browse, video}},
		{name: "tablet-kids", vendor: amazon, v6: stableIID, privacy: true, dhcp: "amazon-77ab01c2e", behind: "re305",
			beat: 6 * time.Minute, habits: []habit{browse, video}},
		{name: "echo-garage", vendor: amazon, dhcp: "", behind: "re305", beat: 5 * time.Minute, habits: []habit{music}},
		{name: "echo-kitchen", vendor: amazon, dhcp: "echo-kitchen", beat: 5 * time.Minute, habits: []habit{music}},
		{name: "echo-bath", vendor: amazon, behind: "re450", dhcp: "amazon-91c3f04dd", beat: 5 * time.Minute, habits: []habit{music}},
		{name: "sonos", vendor: mac.Addr{0x94, 0x9f, 0x3e}, dhcp: "SonosZP", mdns: "Sonos-949F3E", beat: 7 * time.Minute,
			habits: []habit{music}, ssdp: true},
		{name: "hue", vendor: philips, dhcp: "Philips-hue", mdns: "ecb5fafffe0a1b2c", v6: eui64, wired: true, beat: 6 * time.Minute,
			beatTo: "vm-home-assistant", ssdp: true},
		{name: "thermostat", vendor: mac.Addr{0x18, 0xb4, 0x30}, dhcp: "", v6: stableIID, beat: 10 * time.Minute},
		{name: "doorbell", vendor: amazon, dhcp: "Ring-0a1b2c", behind: "re305", beat: 8 * time.Minute, habits: []habit{camera}},
		{name: "cam-garden", vendor: tplink, dhcp: "C110(EU)", behind: "re450", quiet: true, beat: 4 * time.Minute,
			habits: []habit{camera}},
		{name: "cam-garage", vendor: tplink, dhcp: "C110(EU)", beat: 4 * time.Minute, habits: []habit{camera}},
		{name: "plug-washer", vendor: tplink, dhcp: "HS110(EU)", beat: 9 * time.Minute},
		{name: "vacuum", vendor: mac.Addr{0x64, 0x90, 0xc1}, dhcp: "roborock-vacuum-a15", beat: 12 * time.Minute},
		{name: "washer", vendor: lg, dhcp: "LG_Smart_Laundry2_open", beat: 20 * time.Minute},
		{name: "solar", vendor: espressif, static: 60, beat: 5 * time.Minute, habits: []habit{update}},
	}
	for _, room := range []string{"bath", "attic", "cellar", "garden"} {
		behind := ""
		if room == "garden" {
			behind = "re450"
		}
		all = append(all, &spec{name: "shelly-" + room, vendor: espressif, dhcp: "shelly", beat: 5 * time.Minute, behind: behind,
			beatTo: "vm-home-assistant"})
	}
	for _, room := range []string{"hall", "roof", "pond"} {
		all = append(all, &spec{name: "esp-" + room, vendor: espressif, dhcp: "espressif", beat: 7 * time.Minute})
	}
	for i, name := range []string{"Ritas-iPhone", "Tom-s-A54", "", "DESKTOP-GAST", "iPad-von-Ida", "Oma-Pixel"} {
		guest := &spec{name: "guest-" + string(rune('a'+i)), random: true, dhcp: name, v6: stableIID, privacy: true,
			life: visitor, beat: 7 * time.Minute, habits: []habit{{30, 9, 24, browse.last, browse.every, browse.in, browse.out, ""}}}
		if name == "" { // after a restart its row has the name of its address, which somebody else had before
			guest.habits = []habit{update}
		}
		all = append(all, guest)
	}
	return all
}
