// Package browser tests gonetmon's page in Chromium, with the real daemon and with a simulated home, and makes pictures of it.
package browser

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/notice"
	"gonetmon/app/rdns"
	"gonetmon/app/store"
	"gonetmon/app/traffic"
	"gonetmon/app/usage"
	"gonetmon/app/web"
)

const (
	kept       = 75 // days for which the simulated home has been watched
	steps      = 60 // of the last ten minutes
	stepLength = 10 * time.Second
)

// A profile says what a device of a simulated home is, and how it uses the network.
type profile struct {
	name, source, kind, vendor string
	mac                        string
	addrs                      string  // separated by spaces
	daily, up                  float64 // internet GB received a day, and how much is sent for each byte received
	lan                        float64 // GB a day inside the LAN
	hours                      string  // when it is used: evening, office, always, night
	now, upNow, lanNow         float64 // Mbit/s
	standby                    float64 // GB in three days
	away                       time.Duration
}

// The profiles of a home.
var profiles = []profile{
	{
		"tv-livingroom.fritz.box", names.SourceDHCP, "TV", "LG Electronics", "a8:23:fe:10:52:7c",
		"192.168.178.30 2001:db8:42:1::30", 9.4, .012, .02, "evening", 18.4, .21, 0, .41, 0,
	},
	{
		"ben-laptop.fritz.box", names.SourceDHCP, "", "Intel Corporate", "3c:58:c2:77:0d:41",
		"192.168.178.20 2001:db8:42:1::20 fe80::3e58:c2ff:fe77:d41", 3.1, .22, 6.5, "office", 41.2, 2.3, 88, 0, 0,
	},
	{
		"annas-iphone.fritz.box", names.SourceMDNS, "phone", "", "f2:5a:1c:09:12:34",
		"192.168.178.24 2001:db8:42:1:1c2b:9a55:41d0:8e11", 1.6, .11, .01, "evening", 3.9, .18, 0, .03, 0,
	},
	{
		"nas.fritz.box", names.SourcePTR, "NAS", "Synology", "00:11:32:12:34:56",
		"192.168.178.2 fd00::2", .9, 1.4, 11.2, "night", 1.2, .9, 92, .88, 0,
	},
	{
		"playstation.fritz.box", names.SourceDHCP, "game console", "Sony", "70:66:2a:5e:11:b0",
		"192.168.178.33", 6.2, .03, 0, "evening", 0, 0, 0, .62, 42 * time.Minute,
	},
	{
		"chromecast-bedroom.fritz.box", names.SourceMDNS, "Chromecast", "Google", "1c:f2:9a:61:07:3f",
		"192.168.178.31", 2.2, .014, .03, "evening", 0, 0, 0, .12, 3 * time.Hour,
	},
	{
		"alexa-kitchen.fritz.box", names.SourceDHCP, "speaker", "Amazon Technologies", "68:54:fd:30:aa:18",
		"192.168.178.41 2001:db8:42:1::41", .42, .09, .01, "always", .32, .02, 0, .09, 0,
	},
	{
		"doorbell-cam.fritz.box", names.SourceDHCP, "camera", "Ring", "34:3e:a4:8b:20:c9",
		"192.168.178.52", .06, 14, 0, "always", .02, 1.4, 0, 1.92, 0,
	},
	{
		"homeassistant.fritz.box", names.SourceMDNS, "Home Assistant", "Raspberry Pi Trading", "dc:a6:32:44:b1:05",
		"192.168.178.5", .16, .7, .9, "always", .04, .03, .6, .06, 0,
	},
	{
		"clara-tablet.fritz.box", names.SourceDHCP, "tablet", "", "9e:41:77:2c:6d:50",
		"192.168.178.27 2001:db8:42:1:88c1:2:9:1f", 1.9, .04, 0, "evening", 0, 0, 0, 0, 12 * time.Minute,
	},
	{
		"kids-switch.fritz.box", names.SourceDHCP, "game console", "Nintendo", "98:b6:e9:00:7a:12",
		"192.168.178.34", .8, .05, 0, "evening", 0, 0, 0, .07, 26 * time.Hour,
	},
	{
		"pixel-8.fritz.box", names.SourceMDNS, "phone", "", "7a:02:cf:be:33:90",
		"192.168.178.25 2001:db8:42:1:5d0:7f:1:a2", 1.1, .16, .02, "evening", .71, .09, 0, .02, 0,
	},
	{
		"office-mac.fritz.box", names.SourceMDNS, "computer", "Apple", "14:98:77:3d:f0:62",
		"192.168.178.21 2001:db8:42:1::21", 2.6, .35, 1.2, "office", 6.8, 1.1, 2.4, .21, 0,
	},
	{
		"brother-printer.fritz.box", names.SourcePTR, "printer", "Brother industries", "00:80:92:ce:14:0a",
		"192.168.178.9", .001, .4, .01, "office", 0, 0, 0, 0, 5 * time.Hour,
	},
	{
		"thermostat.fritz.box", names.SourceDHCP, "thermostat", "tado", "ec:e5:12:1b:90:77",
		"192.168.178.71", .004, .7, 0, "always", 0, 0, 0, 0, 28 * time.Second,
	},
	{
		"hue-bridge.fritz.box", names.SourceMDNS, "light", "Philips Lighting", "00:17:88:6a:4b:20",
		"192.168.178.60", .012, .6, .04, "always", 0, 0, .01, .01, 0,
	},
	{
		"sonos-move.fritz.box", names.SourceService, "speaker", "Sonos", "48:a6:b8:90:3e:d1",
		"192.168.178.44", .31, .02, .02, "evening", .29, .01, 0, .02, 0,
	},
	{
		"vacuum.fritz.box", names.SourceDHCP, "vacuum cleaner", "Roborock", "b0:4a:39:72:15:ee",
		"192.168.178.66", .02, 1.1, 0, "always", 0, 0, 0, 0, 2 * time.Hour,
	},
	{
		"garage-esp32.fritz.box", names.SourceDHCP, "", "Espressif", "24:0a:c4:aa:01:9b",
		"192.168.178.61", .001, .8, .002, "always", 0, 0, 0, 0, 9 * time.Minute,
	},
	{
		"solar-inverter.fritz.box", names.SourceDHCP, "inverter", "SMA Solar Technology", "00:40:ad:9a:73:01",
		"192.168.178.63", .008, 3, 0, "office", 0, .01, 0, .01, 0,
	},
	{
		"work-laptop.fritz.box", names.SourceNetBIOS, "computer", "Dell", "d8:9e:f3:08:62:1d",
		"192.168.178.22", 2.9, .31, .1, "office", 12.6, 4.2, .1, 0, 0,
	},
	{
		"ebook.fritz.box", names.SourceDHCP, "e-reader", "Amazon Technologies", "fc:65:de:19:b7:3a",
		"192.168.178.37", .003, .1, 0, "evening", 0, 0, 0, 0, 50 * time.Hour,
	},
	{
		"router.fritz.box", names.SourcePTR, "router", "AVM", "38:10:d5:12:9c:01",
		"192.168.178.1 fd00::1 fe80::3a10:d5ff:fe12:9c01", .03, .5, .4, "always", .02, .01, .05, 0, 0,
	},
	{
		"192.168.178.77", names.SourceAddress, "", "", "de:ad:0c:5f:10:aa",
		"192.168.178.77", .01, .6, 0, "always", 0, 0, 0, 0, 6 * time.Minute,
	},
	{
		"guest-phone.fritz.box", names.SourceDHCP, "phone", "", "52:11:8e:f0:9d:24",
		"192.168.178.90", .2, .1, 0, "evening", 0, 0, 0, 0, 9 * 24 * time.Hour,
	},
}

// A Home is a simulated network that has been watched for weeks.
type Home struct {
	Zone     *time.Location
	Cap      uint64
	Problems []notice.Notice
	Forgets  bool // nothing outlives a restart

	start    time.Time // of its clock
	began    time.Time // when the clock was started
	profiles []profile
	books    []usage.History // of the devices
	network  usage.History
}

// NewHome returns a home of n devices at a moment, from which its clock goes on. Beyond the first, devices are copies.
func NewHome(n int, at time.Time) *Home {
	h := &Home{Zone: at.Location(), Cap: 2_000e9, start: at, began: time.Now()}
	for i := range n {
		p := profiles[i%len(profiles)]
		if i >= len(profiles) {
			p.name = fmt.Sprintf("%s-%d.%s", strings.Split(p.name, ".")[0], i, "fritz.box")
			p.addrs = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
			p.source = names.SourceDHCP
		}
		h.profiles = append(h.profiles, p)
	}
	for i, p := range h.profiles {
		h.books = append(h.books, h.fill(p, rand.New(rand.NewPCG(14, uint64(i)))))
	}
	for _, b := range h.books {
		h.network.Hours = merge(h.network.Hours, b.Hours)
		h.network.Days = merge(h.network.Days, b.Days)
		h.network.Periods = merge(h.network.Periods, b.Periods)
	}
	return h
}

// merge adds slots of a device to those of the network.
func merge(sum, slots []usage.Slot) []usage.Slot {
	for _, s := range slots {
		i, found := slices.BinarySearchFunc(sum, s, func(a, b usage.Slot) int { return a.Start.Compare(b.Start) })
		if found {
			sum[i].Add(s.Bytes)
		} else {
			sum = slices.Insert(sum, i, s)
		}
	}
	return sum
}

// weight says how much of a day's traffic an hour has.
func weight(hours string, hour int) float64 {
	bump := func(middle, width float64) float64 {
		d := math.Abs(float64(hour) - middle)
		d = min(d, 24-d)
		return math.Exp(-d * d / (2 * width * width))
	}
	switch hours {
	case "evening":
		return (bump(20, 1.8)*.9 + bump(8, 1)*.2 + .02) / 5.2
	case "office":
		return (bump(10, 1.5) + bump(15, 2) + .02) / 9
	case "night":
		return (bump(2.5, 1.2) + bump(19, 2)*.2 + .05) / 5.2
	}
	return 1.0 / 24
}

// fill simulates the past of a device, hour by hour.
func (h *Home) fill(p profile, random *rand.Rand) (b usage.History) {
	now := h.start
	lag := func() float64 { return math.Exp(random.NormFloat64() * .55) }
	day := time.Date(now.Year(), now.Month(), now.Day()-kept, 0, 0, 0, 0, h.Zone)
	for ; !day.After(now); day = day.AddDate(0, 0, 1) {
		today := lag()
		if weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday; weekend != (p.hours == "office") {
			today *= 1.25
		} else if weekend {
			today *= .15
		}
		next := day.AddDate(0, 0, 1)
		for from := day; from.Before(next); from = from.Add(time.Hour) {
			end := from.Add(time.Hour)
			share := min(1, max(0, now.Sub(from).Hours()))
			idle := now.Sub(from) < p.away+time.Hour/2
			if share == 0 || idle && p.away > 0 {
				continue
			}
			received := 1e9 * p.daily * today * lag() * weight(p.hours, from.Hour()) * share
			sent := received * p.up * lag()
			lan := 1e9 * p.lan * today * lag() * weight(p.hours, from.Hour()) * share
			moved := usage.Bytes{InternetIn: uint64(received), InternetOut: uint64(sent),
				LANIn: uint64(lan * .3), LANOut: uint64(lan * .7)}
			if now.Sub(end) < 71*time.Hour {
				b.Hours = append(b.Hours, usage.Slot{Start: from, End: end, Bytes: moved})
			}
			month := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, h.Zone)
			b.Days = add(b.Days, usage.Slot{Start: day, End: next, Bytes: moved})
			b.Periods = add(b.Periods, usage.Slot{Start: month, End: month.AddDate(0, 1, 0), Bytes: moved})
		}
	}
	first := slices.IndexFunc(b.Days, func(s usage.Slot) bool { return now.Sub(s.Start) < 62*24*time.Hour })
	b.Days = b.Days[max(first, 0):]
	return b
}

// add adds to the last slot, or appends a new one.
func add(slots []usage.Slot, s usage.Slot) []usage.Slot {
	if n := len(slots); n > 0 && slots[n-1].Start.Equal(s.Start) {
		slots[n-1].Add(s.Bytes)
		return slots
	}
	return append(slots, s)
}

func (h *Home) now() time.Time { return h.start.Add(time.Since(h.began)) }

// rate lets a rate of Mbit/s sway, and returns it in bytes per second.
func rate(mbit float64, at time.Time, phase int) float64 {
	t := float64(at.UnixMilli())/1000 + 7*float64(phase)
	return mbit * 125_000 * max(.04, 1+.45*math.Sin(t/41)+.3*math.Sin(t/17)+.2*math.Sin(t/5.3)+.25*math.Sin(t/2.1))
}

// snapshot returns the devices now.
func (h *Home) snapshot() *device.Snapshot {
	now := h.now()
	s := &device.Snapshot{Time: now, Start: h.start.Add(-9 * 24 * time.Hour / 2), Limit: 4096}
	for i, p := range h.profiles {
		d := device.Device{ID: uint64(i + 1), Name: p.name, Source: p.source, Kind: p.kind, Vendor: p.vendor,
			First: h.start.AddDate(0, 0, -kept).Add(time.Duration(i) * 7 * time.Minute), Last: now.Add(-p.away), Idle: p.away}
		d.MAC, _ = mac.Parse(p.mac)
		for a := range strings.FieldsSeq(p.addrs) {
			d.Hosts = append(d.Hosts, netip.MustParseAddr(a))
		}
		for _, hour := range h.books[i].Hours {
			d.Totals.In[traffic.ScopeInternet].Bytes += hour.InternetIn
			d.Totals.Out[traffic.ScopeInternet].Bytes += hour.InternetOut
			d.Totals.In[traffic.ScopeLAN].Bytes += hour.LANIn
			d.Totals.Out[traffic.ScopeLAN].Bytes += hour.LANOut
		}
		d.InternetInRate, d.InternetOutRate = rate(p.now, now, i), rate(p.upNow, now, i+3)
		lan := rate(p.lanNow, now, i+5)
		d.InRate, d.OutRate = d.InternetInRate+.2*lan, d.InternetOutRate+.8*lan
		s.Hosts += len(d.Hosts)
		s.Devices = append(s.Devices, d)
	}
	slices.SortFunc(s.Devices, func(a, b device.Device) int { return strings.Compare(a.Name, b.Name) })
	return s
}

func last(slots []usage.Slot, start time.Time) usage.Bytes {
	if n := len(slots); n > 0 && slots[n-1].Start.Equal(start) {
		return slots[n-1].Bytes
	}
	return usage.Bytes{}
}

func (h *Home) usage() usage.Summary {
	now := h.start
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, h.Zone)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, h.Zone)
	s := usage.Summary{Time: h.now(), Since: h.start.AddDate(0, 0, -kept), Cap: h.Cap, Devices: map[uint64]usage.Use{},
		Day: usage.Span{Start: day, End: day.AddDate(0, 0, 1)}, Period: usage.Span{Start: month, End: month.AddDate(0, 1, 0)}}
	for i, b := range h.books {
		use := usage.Use{Today: last(b.Days, day), Period: last(b.Periods, month), Standby: uint64(h.profiles[i].standby * 1e9)}
		s.Devices[uint64(i+1)] = use
		s.Network.Today.Add(use.Today)
		s.Network.Period.Add(use.Period)
	}
	gone := now.Sub(s.Period.Start).Hours() / s.Period.End.Sub(s.Period.Start).Hours()
	s.Projected = uint64(float64(s.Network.Period.Internet()) / gone)
	return s
}

func (h *Home) recent(of func(at time.Time) (received, sent float64)) usage.Recent {
	end := h.now().Truncate(stepLength)
	r := usage.Recent{Step: stepLength, End: end}
	for i := range steps {
		received, sent := of(end.Add(-time.Duration(steps-1-i) * stepLength))
		r.In, r.Out = append(r.In, received), append(r.Out, sent)
	}
	return r
}

func (h *Home) rates(i int, at time.Time) (received, sent float64) {
	p := h.profiles[i]
	return rate(p.now, at, i), rate(p.upNow, at, i+3)
}

// Handler serves the page and the API as gonetmon does.
func (h *Home) Handler() http.Handler {
	prefixes := func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.168.178.0/24")} }
	why := func() map[string][]string {
		all := map[string][]string{}
		for _, p := range h.profiles {
			for a := range strings.FieldsSeq(p.addrs) {
				all[p.name] = append(all[p.name], a+": "+p.mac+" sends from it")
			}
			all[p.name] = append(all[p.name], p.mac+" calls itself "+strings.Split(p.name, ".")[0]+" in DHCP")
		}
		return all
	}
	meters := func() []meter.Status {
		return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Frames: 41_203_117, Attached: 1, Up: true}}}
	}
	advice := func() []notice.Notice { return h.Problems }
	snapshot := func() *device.Snapshot {
		s := h.snapshot()
		for _, d := range s.Devices {
			s.Network[traffic.IPv4][traffic.ScopeInternet].Bytes += d.Totals.Bytes()
		}
		return s
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", web.NewAssets())
	mux.Handle("GET /{$}", web.NewPage(web.Config{
		Snapshot: snapshot, Meters: meters, Facts: func() (s discovery.Stats) { return s }, ControlDrops: func() uint64 { return 0 },
		Names: func() rdns.Stats { return rdns.Stats{} }, Prefixes: prefixes, Advice: advice, Why: why, Version: "v1.2.3",
	}))
	mux.Handle("/api/", api.New(api.Config{
		Snapshot: snapshot, Meters: meters, Prefixes: prefixes, Advice: advice, Why: why, Ready: func() error { return nil },
		Usage:          h.usage,
		History:        func(id uint64) usage.History { return h.books[id-1] },
		NetworkHistory: func() usage.History { return h.network },
		Recent: func(id uint64) usage.Recent {
			return h.recent(func(at time.Time) (float64, float64) { return h.rates(int(id)-1, at) })
		},
		NetworkRecent: func() usage.Recent {
			return h.recent(func(at time.Time) (received, sent float64) {
				for i := range h.profiles {
					a, b := h.rates(i, at)
					received, sent = received+a, sent+b
				}
				return received, sent
			})
		},
		Store:  func() store.Status { return store.Status{Kept: !h.Forgets, Saved: h.now()} },
		Backup: func(io.Writer) error { return nil }, Zone: h.Zone, BillingDay: 1,
		GrafanaURL: "http://127.0.0.1:3000", Version: "v1.2.3",
	}))
	return mux
}
