package names

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type entries map[string]string

// entriesOf returns the entries of hosts as text.
func entriesOf(h *Hosts) entries {
	text := entries{}
	for addr, name := range h.Addrs {
		text[addr.String()] = name
	}
	for mac, name := range h.MACs {
		text[mac.String()] = name
	}
	return text
}

func TestParseHosts(t *testing.T) {
	tv := entries{"192.168.2.20": "tv"}
	for _, tt := range []struct {
		name, in string
		want     entries
		errs     []string // how the errors begin
	}{
		{"empty", "", nil, nil},
		{"blank lines", "\n  \n\t\r\n\n", nil, nil},
		{"IPv4", "192.168.2.20 tv\n", tv, nil},
		{"IPv6", "2001:DB8::20 tv\n", entries{"2001:db8::20": "tv"}, nil},
		{"MAC", "B0:C5:54:01:9A:EF camera\nb0-c5-54-01-9a-f0 camera2\n",
			entries{"b0:c5:54:01:9a:ef": "camera", "b0:c5:54:01:9a:f0": "camera2"}, nil},
		{"random MAC", "da:a1:19:00:00:01 phone", entries{"da:a1:19:00:00:01": "phone"}, nil},
		{"no newline at the end", "192.168.2.20 tv", tv, nil},
		{"aliases", "192.168.2.20 tv.lan tv büro\n", entries{"192.168.2.20": "tv.lan"}, nil},
		{"tabs, CR and leading spaces", " \t192.168.2.20\t\ttv \r\n192.168.2.21 nas\r\n",
			entries{"192.168.2.20": "tv", "192.168.2.21": "nas"}, nil},
		{"comments", "# my hosts\n192.168.2.20 tv#x\n#192.168.2.21 nas\n192.168.2.22 # none\n", tv,
			[]string{`line 4: "192.168.2.22" has no name`}},
		{"byte order mark", "\ufeff192.168.2.20 tv\n", tv, nil},
		{"byte order mark in the middle", "192.168.2.20 tv\n\ufeff192.168.2.21 nas\n", tv, []string{`line 2: "\ufeff192.168.2.21" `}},
		{"canonical names", "192.168.2.20 TV.Lan.\n", entries{"192.168.2.20": "tv.lan"}, nil},
		{"the first line wins", "192.168.2.20 tv\n192.168.2.20 nas\n::ffff:192.168.2.20 box\n", tv, nil},
		{"the first good line wins", "192.168.2.20 t!v\n192.168.2.20 tv\n", tv, []string{`line 1: name "t!v": only letters`}},
		{"IPv4-mapped", "::ffff:192.168.2.20 tv\n", tv, nil},
		{"zone", "fe80::1%eth0 router\n", entries{"fe80::1": "router"}, nil},
		{"usual entries of a system", `127.0.0.1	localhost
127.0.1.1	box.lan box
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
255.255.255.255	broadcasthost
fe80::1%lo0	localhost
0.0.0.0 ads.example
0.0.0.0
::ffff:127.0.0.1 x
10.0.0.1 localhost.localdomain
10.0.0.2 app.localhost
10.0.0.3 localhost-3
`, entries{"10.0.0.3": "localhost-3"}, nil},
		{"bad addresses", "192.168.2.300 tv\ntv 192.168.2.20\nb0:c5:54:01:9a tv\n192.168.2.0/24 lan\n", nil,
			[]string{`line 1: "192.168.2.300" `, `line 2: "tv" `, `line 3: "b0:c5:54:01:9a" `, `line 4: "192.168.2.0/24" `}},
		{"MACs of no device", "01:00:5e:00:00:fb mdns\n00:00:00:00:00:00 none\n", nil,
			[]string{`line 1: "01:00:5e:00:00:fb" `, `line 2: "00:00:00:00:00:00" `}},
		{"bad names", "10.0.0.1 room!\n10.0.0.2 10.0.0.3\n10.0.0.4 a..b\n10.0.0.5 <b>\"\x1b[31m\n10.0.0.6 " + strings.Repeat("x",
			100) + "!\n", nil,
			[]string{`line 1: name "room!": only letters`, `line 2: name "10.0.0.3": an IP address`, `line 3: name "a..b": not a valid`,
				`line 4: name "<b>\"\x1b[31m": only letters`, `line 5: name "` + strings.Repeat("x", 64) + `"...: only letters`}},
		{"many bad lines", strings.Repeat("x\n", 13) + "10.0.0.1 a\n", entries{"10.0.0.1": "a"},
			append(slices.Repeat([]string{"line "}, 10), "3 more ")},
		{"binary", "\x00\xff\xfe\n10.0.0.1 \x00\n10.0.0.2\x00 a\n", nil,
			[]string{`line 1: "\x00\xff\xfe" `, `line 2: name "\x00": `, `line 3: "10.0.0.2\x00" `}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts, errs := ParseHosts(strings.NewReader(tt.in))
			if diff := cmp.Diff(tt.want, entriesOf(hosts), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
			checkErrors(t, errs, tt.errs)
		})
	}
}

// checkErrors checks how many errors there are and how each begins.
func checkErrors(t *testing.T, errs []error, begins []string) {
	t.Helper()
	for i, err := range errs {
		if i >= len(begins) || !strings.HasPrefix(err.Error(), begins[i]) {
			t.Errorf("error %q, want one for each of %q", err, begins)
		}
	}
	if len(errs) != len(begins) {
		t.Errorf("%d errors, want %d", len(errs), len(begins))
	}
}

func TestParseHosts_Unreadable(t *testing.T) {
	broken := errors.New("input/output error")
	for _, tt := range []struct {
		name string
		in   io.Reader
		want error
	}{
		{"failing reader", io.MultiReader(strings.NewReader("10.0.0.1 a\nx\n"), iotest.ErrReader(broken)), broken},
		{"endless line", zeros{}, bufio.ErrTooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts, errs := ParseHosts(tt.in)
			if hosts != nil || len(errs) != 1 || !errors.Is(errs[0], tt.want) {
				t.Errorf("ParseHosts = %v, %v, want nil and %v alone", hosts, errs, tt.want)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func FuzzParseHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n192.168.2.20 tv.lan tv # mine\n"))
	f.Add([]byte("\ufeffb0:c5:54:01:9a:ef camera\r\nB0-C5-54-01-9A-F0 camera2\r\n"))
	f.Add([]byte("fe80::1%eth0 router\n::ffff:10.0.0.1 a\n192.168.2.300 b\n10.0.0.1 room!\n01:00:5e:00:00:fb x\n"))
	f.Add(bytes.Repeat([]byte("10.0.0.2 b "), 500))
	f.Fuzz(func(t *testing.T, in []byte) {
		hosts, errs := ParseHosts(bytes.NewReader(in))
		if hosts == nil && len(in) > bufio.MaxScanTokenSize-1 {
			return
		}
		if len(errs) > maxHostsBadLines+2 {
			t.Errorf("%d errors", len(errs))
		}
		for _, err := range errs {
			if text := err.Error(); len(text) > 500 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("error does not fit on a line: %q", text)
			}
		}
		for addr, name := range hosts.Addrs {
			if addr != addr.Unmap().WithZone("") || !isUnicast(addr) {
				t.Errorf("address %s", addr)
			}
			checkCanonical(t, name)
		}
		for mac, name := range hosts.MACs {
			if !mac.IsStation() {
				t.Errorf("MAC %v", mac)
			}
			checkCanonical(t, name)
		}
	})
}
