package main

import (
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const header = "Registry,Assignment,Organization Name,Organization Address\n"

func TestRegistry_ReadFile(t *testing.T) {
	want := registry{
		{24, 0x001788}:    "Philips Lighting BV",
		{28, 0xC85CE27}:   "SYNERGY",
		{36, 0x70B3D5AB0}: "ACE",
	}
	for _, tt := range []struct{ name, file, in, err string }{
		{"csv", "oui.csv", header + "MA-L,001788,Philips Lighting BV,\"High Tech Campus 45, Eindhoven\"\n" +
			"MA-M,C85CE27,\"SYNERGY, Inc.\",\n" + "MA-S,70B3D5AB0,ACE,\n" +
			"MA-L,70B3D5,IEEE Registration Authority,\nMA-L,0050C1,Private,\nMA-L,AA0003,DIGITAL EQUIPMENT CORPORATION,\n", ""},
		{"json", "index.json", `{"001788": "Philips Lighting BV\nHigh Tech Campus 45", "C85CE27": "SYNERGY, Inc.\nFaridabad",
			"70B3D5AB0": "ACE", "70B3D5": "IEEE Registration Authority\n445 Hoes Lane", "0050C1": "Private", "AA0003": "DEC"}`, ""},
		{"other columns", "a.csv", "a,b,c,d\n", `not a registry of the IEEE: columns ["a" "b" "c" "d"]`},
		{"no digits", "a.csv", header + "MA-L,00178x,Philips,\n", `"00178x" is not a prefix of 24, 28 or 36 bits`},
		{"other length", "a.csv", header + "MA-L,00178800,Philips,\n", `"00178800" is not a prefix of 24, 28 or 36 bits`},
		{"too few columns", "a.csv", header + "MA-L,001788\n", "record on line 2: wrong number of fields"},
		{"empty", "a.csv", "", "EOF"},
		{"not JSON", "a.json", "[]", "json: cannot unmarshal array into Go value of type map[string]string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(file, []byte(tt.in), 0o600); err != nil {
				t.Fatal(err)
			}
			got := registry{}
			err := got.readFile(file)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error is %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(prefix{})); diff != "" {
				t.Errorf("registry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRun_BadArguments(t *testing.T) {
	for _, tt := range []struct {
		name, date, from string
		files            []string
	}{
		{"nothing", "", "", nil},
		{"no files", "2026-08-26", "here", nil},
		{"no source", "2026-08-26", "", []string{"oui.csv"}},
		{"bad date", "26.08.2026", "here", []string{"oui.csv"}},
		{"missing file", "2026-08-26", "here", []string{filepath.Join(t.TempDir(), "oui.csv")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "vendor.bin")
			if err := run(out, tt.date, tt.from, tt.files); err == nil {
				t.Error("no error")
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a file was written")
			}
		})
	}
}

func TestRegistry_Pack(t *testing.T) {
	bin, err := registry{{24, 5}: "b", {24, 3}: "a", {24, 9}: "b", {36, 200}: "a"}.pack("test")
	if err != nil {
		t.Fatal(err)
	}
	line, packed, _ := bytes.Cut(bin, []byte("\n"))
	if got, want := string(line), "gonetmon vendors 1: test"; got != want {
		t.Errorf("title is %q, want %q", got, want)
	}
	got, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"\x03\x03\x02\x04", "\x00", "\x01\xc8\x01", // prefixes of 24, 28 and 36 bits
		"\x00\x00\x02\x01", // a, b, b again, a again
		"\x02\x04", "a\nb\n",
	}, "")
	if string(got) != want {
		t.Errorf("unpacked to %q, want %q", got, want)
	}
}
