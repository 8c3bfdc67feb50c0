package names

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		// Names that real devices send, in DHCP and multicast DNS.
		"alexa": "alexa", "DESKTOP-4F2K9QL": "desktop-4f2k9ql", "DESKTOP_ABC": "desktop_abc", "nas.fritz.box.": "nas.fritz.box",
		"HS110(EU)": "hs110-eu", "KL130(US)": "kl130-us", "Anna's iPhone": "anna-s-iphone", "Anna’s iPhone": "anna-s-iphone",
		"`Anna` \"MacBook\"": "anna-macbook", "Meross Smart Switch": "meross-smart-switch", "lifx bulb": "lifx-bulb",
		"Galaxy-S10+": "galaxy-s10", "Galaxy S21 Ultra 5G": "galaxy-s21-ultra-5g", "KM-CM-<che": "km-cm-che", "KM-|che": "km-che",
		"TV 📺": "tv", "📺 Wohnzimmer 🛋️": "wohnzimmer", "nul-at-end\x00": "nul-at-end", "nul\x00in\x00it": "nul-in-it",
		"[TV] Samsung Q80 Series (65)": "tv-samsung-q80-series-65", "[LG] webOS TV OLED55C9PLA": "lg-webos-tv-oled55c9pla",
		"HP LaserJet 400 M401n @ kitchen": "hp-laserjet-400-m401n-kitchen", "printer/scanner": "printer-scanner",
		"Living Room": "living-room", "Living  Room": "living-room", "  spaces ": "spaces", "foo - bar": "foo-bar",
		"Bob & Alice": "bob-alice", "a--b": "a--b",
		"ESP_1A2B3C": "esp_1a2b3c", "tasmota_1A2B3C-0123": "tasmota_1a2b3c-0123", "_hidden": "_hidden", "-lead-trail-": "lead-trail",
		"Dr. House": "dr.house", "a..b": "a.b", ".a.": "a", "...x...": "x", "a.-.b": "a.b", "-a-.-b-": "a.b",
		"room 3:  sensor #7": "room-3-sensor-7", "00:11:32:aa:bb:cc": "00-11-32-aa-bb-cc", "C:\\WINDOWS": "c-windows",
		"BRW1234567890AB": "brw1234567890ab", "Chromecast-Ultra": "chromecast-ultra", "50% off!": "50-off", "1+1=2": "1-1-2",
		"user@host": "user-host", "tab\there": "tab-here", "line\r\nfeed": "line-feed", "$(reboot)": "reboot", "{{.Name}}": "name",
		"<script>alert(1)</script>": "script-alert-1-script", "../../etc/passwd": "etc-passwd", "\x1b[31mred": "31mred",
		"%s%n": "s-n",

		// Letters with accents, and without a decomposition.
		"Küche": "kuche", "KÜCHE": "kuche", "Ku\u0308che": "kuche", "Büro-Drucker": "buro-drucker", "Straße": "strasse",
		"Søren's Fårö": "soren-s-faro", "Łódź": "lodz", "Ærø": "aero", "Œuvre": "oeuvre", "Đorđe": "dorde", "Þór": "thor",
		"İstanbul ışık": "istanbul-isik", "Señor José": "senor-jose", "Zoë’s iPad": "zoe-s-ipad", "Nguyễn Văn": "nguyen-van",
		"François-PC": "francois-pc", "Příliš žluťoučký": "prilis-zlutoucky", "ﬁ ½ ™ x": "x", "\u212aelvin": "kelvin",

		// Other scripts leave what is Latin.
		"小米电视": "", "小米TV": "tv", "客厅 TV-2": "tv-2", "телевизор": "", "Αθήνα": "", "مطبخ": "", "😀": "", "日本 (2)": "2",

		// Bytes that are not text.
		"K\xfcche": "k-che", "\xff\xfe": "", "a\xff\xfeb": "a-b", "a\u202eb": "a-b", "a\u200bb": "a-b", "\ufefftv": "tv",
		"e\u0301\u0301\u0301": "e", "\u0301": "",

		// Nobody.
		"": "", ".": "", "-": "", "_": "", "- _ -": "", "___": "",
		"()": "", "localhost": "", "LOCALHOST": "", "localhost.localdomain": "", "localhost6": "", "localhost-2": "",
		"ip6-localhost": "", "ip6-allnodes": "", "_gateway": "", "null": "", "(null)": "",
		"None": "", "<unknown>": "", "unknown.lan": "", "undefined": "", "N/A": "", "no name": "", "x.localhost": "",

		// Addresses, also behind another domain.
		"192.168.1.20": "", "192.168.1.20.": "", " 192.168.1.20 ": "", "192.168.001.020": "", "(192.168.1.20)": "", "127.1": "",
		"192.168.1.20.lan": "", "20.1.168.192.in-addr.arpa": "", "fe80::1": "", "fe80::1%eth0": "", "::ffff:192.0.2.1": "",
		"2001:db8::1": "", "192.168.1.lan": "192.168.1.lan", "192.168.1.x.lan": "192.168.1.x.lan", "4711": "4711",

		// Too long.
		strings.Repeat("b", 64):                   strings.Repeat("b", 63),
		strings.Repeat("c", 255):                  strings.Repeat("c", 63),
		strings.Repeat("d", 62) + "-x":            strings.Repeat("d", 62),
		strings.Repeat("e", 64) + ".lan":          strings.Repeat("e", 63) + ".lan",
		strings.Repeat("abcdefg.", 40):            strings.TrimSuffix(strings.Repeat("abcdefg.", 31), "."),
		"x." + strings.Repeat("é", 1000) + ".end": "x." + strings.Repeat("e", 63) + ".end",
	} {
		got, ok := Clean(in)
		if got != want || ok != (want != "") {
			t.Errorf("Clean(%q) = %q, %v, want %q", in, got, ok, want)
		}
		if ok {
			checkCanonical(t, got)
		}
	}
}

func TestIsPlaceholder(t *testing.T) {
	for _, name := range []string{"localhost", "localhost.localdomain", "localhost4", "ip6-loopback", "_gateway",
		"_gateway.lan", "null",
		"unknown.fritz.box", "-", "_.-", "10.0.0.1.lan", "1.0.0.10.in-addr.arpa", "a.localhost"} {
		if !IsPlaceholder(name) {
			t.Errorf("IsPlaceholder(%q) = false", name)
		}
	}
	for _, name := range []string{"gateway", "gateway.lan", "nas", "local", "nullarbor", "none-such", "unknown-phone",
		"ip6", "host", "0",
		"my-localhost", "10.0.0.x.lan",
		"1234.0.0.1.lan"} {
		if IsPlaceholder(name) {
			t.Errorf("IsPlaceholder(%q) = true", name)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"HS110(EU)", "Küche.", "a..b", "192.168.1.20.lan", "fe80::1", "\xff", "-.-", "小米TV",
		"a-\u0301.b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		name, ok := Clean(in)
		if !ok {
			if name != "" {
				t.Errorf("Clean(%q) = %q, refused", in, name)
			}
			return
		}
		checkCanonical(t, name)
		if again, ok := Clean(name); !ok || again != name {
			t.Errorf("Clean(%q) = %q, %v: not the same again", name, again, ok)
		}
		if canonical, ok := Canonical(in); ok && len(canonical) == len(name) && canonical != name {
			t.Errorf("Clean(%q) = %q, want the canonical %q", in, name, canonical)
		}
	})
}
