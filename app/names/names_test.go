package names

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func TestCanonical(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	long253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	for _, tt := range []struct {
		name, in, want string
		ok             bool
	}{
		{"plain", "nas.lan", "nas.lan", true},
		{"trailing dot", "nas.lan.", "nas.lan", true},
		{"upper case", "NAS.Lan.", "nas.lan", true},
		{"one letter", "a", "a", true},
		{"underscore and dash", "_x-1._tcp.local", "_x-1._tcp.local", true},
		{"number", "4711", "4711", true},
		{"number and letter", "4711.lan", "4711.lan", true},
		{"reverse name", "4.3.2.1.in-addr.arpa.", "4.3.2.1.in-addr.arpa", true},
		{"label of 63", label63, label63, true},
		{"253 bytes", long253 + ".", long253, true},

		{"empty", "", "", false},
		{"root", ".", "", false},
		{"dots", "..", "", false},
		{"two trailing dots", "a..", "", false},
		{"leading dot", ".a", "", false},
		{"empty label", "a..b", "", false},
		{"label of 64", label63 + "a", "", false},
		{"254 bytes", long253 + "b", "", false},
		{"IPv4 address", "192.168.1.1", "", false},
		{"IPv4 address with dot", "192.168.1.1.", "", false},
		{"padded IPv4 address", "192.168.001.001", "", false},
		{"short IPv4 address", "127.1", "", false},
		{"IPv6 address", "fe80::1", "", false},
		{"space", "a b", "", false},
		{"quote", `a"b`, "", false},
		{"escaped quote", `a\"b`, "", false},
		{"escaped newline", `a\010b`, "", false},
		{"newline", "a\nb", "", false},
		{"trailing newline", "a\n", "", false},
		{"NUL", "a\x00b", "", false},
		{"ESC", "\x1b[31mred", "", false},
		{"script", "<script>alert(1)</script>", "", false},
		{"template", "{{.}}", "", false},
		{"format", "%s", "", false},
		{"slash", "../etc/passwd", "", false},
		{"invalid UTF-8", "a\xff\xfeb", "", false},
		{"right to left", "a\u202eb", "", false},
		{"Kelvin sign", "\u212a", "", false},
		{"umlaut", "küche", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := Canonical(tt.in); got != tt.want || ok != tt.ok {
				t.Errorf("Canonical(%q) = %q, %v, want %q, %v", tt.in, got, ok, tt.want, tt.ok)
			}
		})
	}
}

var canonicalForm = regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)

// checkCanonical fails unless name is in canonical form.
func checkCanonical(t *testing.T, name string) {
	t.Helper()
	if !canonicalForm.MatchString(name) || len(name) > 253 {
		t.Errorf("%q is not canonical", name)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		t.Errorf("%q is an address", name)
	}
	if again, ok := Canonical(name); !ok || again != name {
		t.Errorf("Canonical(%q) = %q, %v: not the same again", name, again, ok)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"nas.lan.", "NAS", "1.2.3.4", "::1", `a\010`, "<script>", "a..b", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if name, ok := Canonical(in); ok {
			checkCanonical(t, name)
		} else if name != "" {
			t.Errorf("Canonical(%q) = %q, refused", in, name)
		}
	})
}
