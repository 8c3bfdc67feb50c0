package discovery_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/discovery"
	"gonetmon/app/names"
	"gonetmon/test/captures"
)

// An entry is a name in a capture: of a MAC in DHCP, of an address in mDNS.
type entry struct{ File, Owner, Name string }

// refused holds the entries of names.tsv that are no facts, and why.
var refused = map[entry]string{
	{"malformed.pcap", "df:e0:ed:01:6e:bd", "d002465"}: "df:… is the MAC of a group: that frame is fuzzed",
}

// fromNetBIOS holds the names of NetBIOS in the captures, which names.tsv does not have.
var fromNetBIOS = []entry{
	{"home-mdns-cast.pcap", "192.168.1.43", "desktop-rb5t12g"},
	{"home-roku-ra.pcap", "10.0.0.227", "lp-b043053-w764"},
	{"malformed.pcap", "192.168.1.41", "lab111"},
	{"netbeui-llc.pcap", "192.168.239.129", "mdjr98"},
}

// The names in the captures are those of names.tsv, and of NetBIOS.
func TestDecoder_Captures(t *testing.T) {
	dir, tallies := captures.Expected(t)
	want := readEntries(t, filepath.Join(dir, "names.tsv"))
	for _, e := range fromNetBIOS {
		want[e] = true
	}
	got := map[entry]bool{}
	for file := range tallies {
		d := discovery.NewDecoder()
		for _, frame := range captures.Frames(t, filepath.Join(dir, file)) {
			d.Decode(frame.Link, frame.Data, func(f discovery.Fact) {
				switch f.Kind {
				case discovery.MACName:
					got[entry{file, f.MAC.String(), f.Name}] = true
				case discovery.AddrName:
					got[entry{file, f.Addr.String(), f.Name}] = true
				}
			})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func readEntries(t *testing.T, path string) map[entry]bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	table := csv.NewReader(f)
	table.Comma = '\t'
	rows, err := table.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	entries := map[entry]bool{}
	for _, row := range rows[1:] {
		name, ok := names.Canonical(strings.TrimSuffix(row[3], ".local"))
		if !ok {
			t.Errorf("%s is not canonical", row[3])
		}
		owner := row[2]
		if row[1] == "mdns" {
			owner = row[4]
		}
		if e := (entry{row[0], owner, name}); refused[e] == "" {
			entries[e] = true
		}
	}
	return entries
}
