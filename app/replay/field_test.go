package replay_test

import (
	"cmp"
	"context"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
	"gonetmon/test/captures"
)

// Captures of what users of such programs have reported, and the devices in them, each as "NAME ADDRESS...", which may have more
// addresses. A name may have a * for any part. Other devices may have only addresses of the router, or none.
var fieldCaptures = map[string]string{
	"names/extender-1-ptr":           "extender.lan 192.168.1.5; tv.lan 192.168.1.30",
	"names/extender-3-slow":          "192.168.1.30 192.168.1.30; 192.168.1.31 192.168.1.31; 192.168.1.32 192.168.1.32",
	"names/extender-1-leased":        "esp-0 192.168.1.30; 192.168.1.5 192.168.1.5",
	"names/extender-2-leased":        "esp-0 192.168.1.30; esp-1 192.168.1.31; 192.168.1.5 192.168.1.5",
	"names/extender-mdns-ties":       "lgwebostv 192.168.50.21 fe80::44f1:ac58:b4b0:e100; re450 192.168.50.20",
	"names/bridge-one-leased-client": "denon-avr 192.168.50.21; wet610n 192.168.50.20",
	"names/sleep-proxy-known":        "macbook 192.168.1.10; apple-tv 192.168.1.20",
	"names/sleep-proxy-known-50s": "living-room 192.168.50.20 fe80::1cab:ea03:86e6:ff0d; " +
		"imac-study 192.168.50.21 fe80::44f1:ac58:b4b0:e100",
	"names/sleep-proxy-known-700s": "living-room 192.168.50.20 fe80::1cab:ea03:86e6:ff0d; " +
		"imac-study 192.168.50.21 fe80::44f1:ac58:b4b0:e100",
	"names/sleep-proxy-active": "apple-tv 192.168.1.20 2001:db8:1::a1 2001:db8:1::b2 2001:db8:1::c3; " +
		"macbook 192.168.1.10",
	"names/address-changes-fast":           "192.168.1.8* 192.168.1.82",
	"names/three-addresses-then-normal":    "192.168.1.8* 192.168.1.82 2001:db8:1::a1 2001:db8:1::b2",
	"names/mdns-relay-only-main-vlan-copy": "cast 192.168.20.21",
	"names/mdns-relay-keeps-source":        "cast 192.168.20.21",
	"names/mdns-docker0-router-fe80-1": "nas 192.168.1.11; octopi 192.168.1.12; " +
		"192.168.1.1 192.168.1.1 fe80::1",
	"names/address-reuse-mdns":         "annas-phone 192.168.1.51; 192.168.1.50 192.168.1.50",
	"names/address-reuse-mdns-gone":    "192.168.1.50 192.168.1.50",
	"names/address-reuse-mdns-renamed": "thermostat 192.168.1.50",
	"names/address-reuse-ptr-stale":    "thermostat 192.168.1.50",
	"names/guest-on-bens-address":      "192.168.50.20 192.168.50.20",
	"names/same-name-turns":            "iphone* 192.168.1.10; iphone* 192.168.1.11",
	"names/ptr-wildcard-nomac": "10.0.0.20 10.0.0.20; 10.0.1.21 10.0.1.21; 10.0.2.22 10.0.2.22; 10.0.0.23 10.0.0.23; " +
		"10.0.1.24 10.0.1.24; 10.0.2.25 10.0.2.25",
	"names/ptr-wildcard-macs": "dev0 192.168.1.20; dev1 192.168.1.21; dev2 192.168.1.22; " +
		"dev3 192.168.1.23; dev4 192.168.1.24; dev5 192.168.1.25",
	"names/ptr-isp-ipv6":        "alexa-kitchen 192.168.1.10 2003:e1:1234:5600::aaaa 2003:e1:1234:5600::bbbb",
	"names/ptr-isp-ipv6-first":  "tv.fritz.box 192.168.1.10 2003:e1:1234:5600::aaaa",
	"names/ptr-generic-v4":      "alexa-kitchen 192.168.1.10",
	"names/ptr-localhost":       "192.168.1.10 192.168.1.10; 192.168.1.11 192.168.1.11",
	"names/dhcp-rename":         "kitchen-plug 192.168.1.50",
	"names/mdns-rename-goodbye": "ha-prod 192.168.1.50",
	"names/mdns-chromecast":     "living-room-speak* 192.168.1.21",
	"names/proxy-ndp-src-target": "192.168.1.10 192.168.1.10 2001:db8:1::aaaa; * 2001:db8:1::c0; " +
		"* 2001:db8:1::c1; * 2001:db8:1::c2",
	"corpus/two-link-locals":       "fe80::* fe80::1e5f:2bff:feaa:fd4e fe80::1c52:50ff:fe18:7210",
	"corpus/three-link-locals":     "fe80::* fe80::1e5f:2bff:feaa:fd4e fe80::1c52:50ff:fe18:7210 fe80::c64:6ff:fe1d:a56f",
	"corpus/parentheses":           "hs110-eu 10.10.10.20",
	"corpus/llmnr":                 "gaosheng-pc 10.211.3.99 fe80::455a:2ec5:1b82:9f9f",
	"corpus/mdns-cut":              "hue 192.168.1.141",
	"corpus/mdns-reverse-ptr":      "tangent 172.16.238.1",
	"corpus/discover-from-address": "tl-sg116e 192.168.0.1",
	"corpus/ad-domain":             "dc1.contoso.local fe80::2420:6e35:589:63fe",
	"names/pass/ipvlan-2-noname":   "192.168.1.5 192.168.1.5 192.168.1.6",
	"names/pass/ipvlan-2-ptr":      "nas.lan 192.168.1.5; pihole.lan 192.168.1.6",
	"names/pass/ipvlan-4":          "* 192.168.1.5; * 192.168.1.6; * 192.168.1.7; * 192.168.1.8",
	"names/pass/mdns-relay-two":    "cast 192.168.20.21; hue 192.168.20.22",
	"names/pass/same-name-three": "galaxy-xcover-4* 192.168.1.40; galaxy-xcover-4* 192.168.1.41; " +
		"galaxy-xcover-4* 192.168.1.42",
	"names/pass/temp-180-slow": "192.168.1.10 192.168.1.10 2001:db8:1::1:abcd",
	"names/pass/vrrp": "192.168.1.2 192.168.1.2; 192.168.1.3 192.168.1.3; " +
		"192.168.1.30 192.168.1.30; 192.168.1.1 192.168.1.1",
	"names/pass/address-reuse-dhcp": "192.168.1.50 192.168.1.50",
}

// routers are addresses of the routers in them.
var routers = []string{"192.168.1.1", "fe80::1", "192.168.50.1", "10.10.10.1"}

// The devices of these captures are those that were there, also if it takes the daemon days and DNS.
func TestRegistry_FieldCaptures(t *testing.T) {
	t.Parallel()
	expected, _ := captures.Expected(t)
	dir, named := os.LookupEnv("TEST_FIELD")
	if !named {
		dir = filepath.Join(expected, "..", "field")
	}
	if _, err := os.Stat(dir); err != nil {
		if named {
			t.Fatalf("TEST_FIELD: %v", err)
		}
		t.Skipf("needs captures of what users have reported, which are not part of this repository; TEST_FIELD names their folder: %v", err)
	}
	for name, want := range fieldCaptures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devices := followed(t, filepath.Join(dir, name+".pcap"), filepath.Join(dir, name+".ptr"))
			for row := range strings.SplitSeq(want, "; ") {
				f := strings.Fields(row)
				i := slices.IndexFunc(devices, func(d device.Device) bool {
					return !slices.ContainsFunc(f[1:], func(a string) bool { return !slices.Contains(d.Hosts, netip.MustParseAddr(a)) })
				})
				if i < 0 {
					t.Errorf("no device has %v", f[1:])
					continue
				}
				if ok, err := path.Match(f[0], devices[i].Name); !ok || err != nil {
					t.Errorf("%v is called %s, want %s (%v)", f[1:], devices[i].Name, f[0], err)
				}
				devices = slices.Delete(devices, i, i+1)
			}
			for _, d := range devices {
				if slices.ContainsFunc(d.Hosts, func(a netip.Addr) bool { return !slices.Contains(routers, a.String()) }) {
					t.Errorf("there is also %s with %v", d.Name, d.Hosts)
				}
			}
		})
	}
}

// A follower lends the frames of a file, and lets a registry live in their time as in the daemon.
type follower struct {
	*capture.File
	registry *device.Registry
	decoder  *discovery.Decoder
	table    *traffic.Table
	lan      *localnet.Tracker
	now      time.Time // of the last Update
	answers  map[netip.Addr]string
	wildcard string
	asked    []netip.Addr
	known    map[netip.Addr]bool
}

// followed returns the devices in a capture, ten seconds after its end. The file of answers, if there is one, has lines of an
// address or *, a name or -, and perhaps the time that the answer takes, which is ignored.
func followed(t *testing.T, capturePath, answersPath string) []device.Device {
	t.Helper()
	file, err := capture.OpenFile(capturePath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	f := &follower{File: file, decoder: discovery.NewDecoder(),
		lan:     localnet.NewTracker(localnet.Config{Prefixes: localnet.Private, Announced: true}),
		answers: map[netip.Addr]string{}, known: map[netip.Addr]bool{}}
	f.table = traffic.NewTable(f.lan.Current(), 4096)
	cfg := device.Config{Tables: []*traffic.Table{f.table}, Limit: 4096, AwaitNames: true}
	if answers, err := os.ReadFile(answersPath); err == nil {
		cfg.Names = f
		for line := range strings.Lines(string(answers)) {
			if w := strings.Fields(line); w[0] == "*" {
				f.wildcard = w[1]
			} else {
				f.answers[netip.MustParseAddr(w[0])], _ = names.Canonical(w[1])
			}
		}
	}
	f.registry = device.NewRegistry(cfg)
	if err := meter.New(f, f.table).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.pass(f.Info().Last.Add(10 * time.Second))
	return slices.Clone(f.registry.Snapshot().Devices)
}

// pass updates the registry once a second.
func (f *follower) pass(until time.Time) {
	if f.now.IsZero() {
		f.now = until
	}
	for until.Sub(f.now) >= time.Second {
		f.now = f.now.Add(time.Second)
		f.registry.Update(f.now)
	}
}

func (f *follower) Next(batch []capture.Frame) (int, error) {
	n, err := f.File.Next(batch[:1])
	if err != nil {
		return 0, err
	}
	now := f.Info().Last
	f.pass(now)
	var facts []discovery.Fact
	f.decoder.Decode(batch[0].Link, batch[0].Data, func(fact discovery.Fact) {
		facts = append(facts, fact)
		if fact.Kind == discovery.OnLinkPrefix {
			f.lan.Announce(now, fact.Prefix, fact.Lifetime)
			f.table.SetPrefixes(f.lan.Current())
		}
	})
	f.registry.Learn(now, facts)
	return n, nil
}

func (f *follower) More() bool { return false }

func (f *follower) Want(a netip.Addr) {
	if !f.known[a] {
		f.Refresh(a)
	}
}

func (f *follower) Refresh(a netip.Addr) {
	f.known[a] = true
	f.asked = append(f.asked, a)
}

func (f *follower) Drain(found func(netip.Addr, string)) {
	for _, a := range f.asked {
		found(a, cmp.Or(f.answers[a], f.wildcard))
	}
	f.asked = nil
}
