package main

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write .env.example, the table of docs/configuration.md and the manual's list of variables")

// environment makes the variables of the test the only ones.
func environment(t *testing.T, variables ...string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, prefix+"_") {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Setenv(name, value) })
		}
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

func TestLoadConfig(t *testing.T) {
	tests := []struct {
		name      string
		variables []string
		want      map[string]string // what differs from the defaults
		wrong     string            // or the error
	}{
		{"nothing set", nil, nil, ""},
		{"all empty, as compose passes them", []string{"GONETMON_INTERFACE=", "GONETMON_CIDR= ", "GONETMON_PORT=", "GONETMON_DNS_SERVERS=", "GONETMON_RING_SIZE="}, nil, ""},
		{"another program's PORT", []string{"PORT=1", "CIDR=x"}, nil, ""},
		{"lists", []string{"GONETMON_INTERFACE=eth1, eth2", "GONETMON_CIDR=192.168.2.17/24 fe80::/10", "GONETMON_DNS_SERVERS=192.168.2.1,[::1]:5353,fe80::1%eth0"},
			map[string]string{"GONETMON_INTERFACE": "eth1,eth2", "GONETMON_CIDR": "192.168.2.0/24,fe80::/10", "GONETMON_DNS_SERVERS": "192.168.2.1:53,[::1]:5353,[fe80::1%eth0]:53"}, ""},
		{"others", []string{"GONETMON_ADDR=[::]", "GONETMON_PORT= 81 ", "GONETMON_REPORT_INTERVAL=90m", "GONETMON_MAX_HOSTS=5", "GONETMON_RING_SIZE=1024 KiB", "GONETMON_KEEP_PRIVILEGES=True", "GONETMON_LOG_LEVEL=WARN"},
			map[string]string{"GONETMON_ADDR": "::", "GONETMON_PORT": "81", "GONETMON_REPORT_INTERVAL": "1h30m", "GONETMON_MAX_HOSTS": "5", "GONETMON_RING_SIZE": "1MiB", "GONETMON_KEEP_PRIVILEGES": "true", "GONETMON_LOG_LEVEL": "warn"}, ""},
		{"off", []string{"GONETMON_DNS_SERVERS=none", "GONETMON_REPORT_INTERVAL=0"}, map[string]string{"GONETMON_DNS_SERVERS": "none", "GONETMON_REPORT_INTERVAL": "0s"}, ""},
		{"comments behind values, as systemd passes them", []string{"GONETMON_INTERFACE=eth1 # the mirror", "GONETMON_CIDR=192.168.2.0/24\t# ours", "GONETMON_PORT= # as it is", "GONETMON_NAMES_FILE=/etc/a#b", "GONETMON_ADDR=\f# found by FuzzConfig"},
			map[string]string{"GONETMON_INTERFACE": "eth1", "GONETMON_CIDR": "192.168.2.0/24", "GONETMON_NAMES_FILE": "/etc/a#b"}, ""},
		{"a typo", []string{"GONETMON_INTERFAC=eth1"}, nil, `GONETMON_INTERFAC="eth1": no such variable; did you mean GONETMON_INTERFACE? ` + "`gonetmon config` lists all"},
		{"a typo, empty", []string{"GONETMON_CIDRS="}, nil, "GONETMON_CIDR?"},
		{"a long name", []string{"GONETMON_INTERFACE=averylonginterface"}, nil, `GONETMON_INTERFACE="averylonginterface": "averylonginterface" can't be the name of an interface (at most 15 letters, no / and no :, and no # at the beginning); for example GONETMON_INTERFACE=eth1`},
		{"a comment in a list", []string{"GONETMON_INTERFACE=eth1,#eth2"}, nil, `"#eth2" can't be the name of an interface`}, // found by FuzzConfig
		{"auto and another", []string{"GONETMON_INTERFACE=auto,eth1"}, nil, `"auto" can't stand beside others`},
		{"twice", []string{"GONETMON_INTERFACE=eth1,eth1"}, nil, `"eth1" stands there twice`},
		{"only commas", []string{"GONETMON_INTERFACE=,"}, nil, "is empty"},
		{"no prefix length", []string{"GONETMON_CIDR=192.168.2.1"}, nil, `GONETMON_CIDR="192.168.2.1": "192.168.2.1" has no prefix length; for example GONETMON_CIDR=192.168.2.0/24,fe80::/10`},
		{"no prefix", []string{"GONETMON_CIDR=192.168.2.0/33"}, nil, `"192.168.2.0/33" is not a prefix`},
		{"a mapped prefix", []string{"GONETMON_CIDR=::ffff:192.168.2.0/120"}, nil, "write it as IPv4"},
		{"auto and a prefix", []string{"GONETMON_CIDR=192.168.2.0/24,auto"}, nil, "can't stand beside"},
		{"no address", []string{"GONETMON_ADDR=localhost"}, nil, `GONETMON_ADDR="localhost": not an IP address; for example GONETMON_ADDR=0.0.0.0`},
		{"no port", []string{"GONETMON_PORT=http"}, nil, `GONETMON_PORT="http": not a port number (0 to 65535); for example GONETMON_PORT=8081`},
		{"port too high", []string{"GONETMON_PORT=65536"}, nil, "not a port number"},
		{"no server", []string{"GONETMON_DNS_SERVERS=dns.lan"}, nil, `"dns.lan" is not an IP address, or an address and a port`},
		{"server with port 0", []string{"GONETMON_DNS_SERVERS=1.1.1.1:0"}, nil, "has port 0"},
		{"none and a server", []string{"GONETMON_DNS_SERVERS=none,1.1.1.1"}, nil, "can't stand beside"},
		{"host names", []string{"GONETMON_HOST_NAMES=Gonetmon.Example.org., nas.fritz.box"}, map[string]string{"GONETMON_HOST_NAMES": "gonetmon.example.org,nas.fritz.box"}, ""},
		{"host name with a port", []string{"GONETMON_HOST_NAMES=nas.fritz.box:8080"}, nil, `GONETMON_HOST_NAMES="nas.fritz.box:8080": "nas.fritz.box:8080" is not a host name (without http:// and port); for example GONETMON_HOST_NAMES=gonetmon.example.org`},
		{"host name and none", []string{"GONETMON_HOST_NAMES=none,nas.fritz.box"}, nil, "can't stand beside"},
		{"no duration", []string{"GONETMON_REPORT_INTERVAL=60"}, nil, "not a duration (a number and s, m or h); for example GONETMON_REPORT_INTERVAL=5m"},
		{"duration too short", []string{"GONETMON_REPORT_INTERVAL=10ms"}, nil, "less than 1s"},
		{"negative duration", []string{"GONETMON_REPORT_INTERVAL=-1m"}, nil, "less than 1s"},
		{"names", []string{"GONETMON_NAMES=mdns, file", "GONETMON_NAMES_FILE= /etc/hosts", "GONETMON_STRIP_DOMAIN=.Lan,home.arpa", "GONETMON_FORGET_AFTER=90d"},
			map[string]string{"GONETMON_NAMES": "mdns,file", "GONETMON_NAMES_FILE": "/etc/hosts", "GONETMON_STRIP_DOMAIN": "lan,home.arpa", "GONETMON_FORGET_AFTER": "90d"}, ""},
		{"names off", []string{"GONETMON_NAMES_FILE=none", "GONETMON_STRIP_DOMAIN=none", "GONETMON_FORGET_AFTER=0"},
			map[string]string{"GONETMON_STRIP_DOMAIN": "none", "GONETMON_FORGET_AFTER": "0s"}, ""},
		{"age in hours", []string{"GONETMON_FORGET_AFTER=36h"}, map[string]string{"GONETMON_FORGET_AFTER": "36h"}, ""},
		{"age in hours that are days", []string{"GONETMON_FORGET_AFTER=720h"}, nil, ""},
		{"no source", []string{"GONETMON_NAMES=ptr,netbios"}, nil, `GONETMON_NAMES="ptr,netbios": "netbios" is none of file, ptr, dhcp, mdns; for example GONETMON_NAMES=file,dhcp,mdns`},
		{"a file that is not used", []string{"GONETMON_NAMES=dhcp,mdns", "GONETMON_NAMES_FILE=/etc/hosts"}, nil, `GONETMON_NAMES_FILE="/etc/hosts": is not used, as GONETMON_NAMES=dhcp,mdns does not contain file; for example GONETMON_NAMES=file,dhcp,mdns`},
		{"no domain", []string{"GONETMON_STRIP_DOMAIN=my domain!"}, nil, `"domain!" is not a domain; for example GONETMON_STRIP_DOMAIN=home.arpa,lan`},
		{"words in capitals", []string{"GONETMON_INTERFACE=Auto", "GONETMON_DNS_SERVERS=NONE", "GONETMON_HOST_NAMES=None"},
			map[string]string{"GONETMON_DNS_SERVERS": "none"}, ""}, // the others are the standard
		{"None and a host name", []string{"GONETMON_HOST_NAMES=None 0"}, nil, `"None" can't stand beside others`}, // found by FuzzConfig
		{"a domain that reads like a word", []string{"GONETMON_STRIP_DOMAIN=.auto"}, nil, `".auto" is not a domain`},
		{"auto and a domain", []string{"GONETMON_STRIP_DOMAIN=auto,lan"}, nil, `"auto" can't stand beside others`},
		{"no days", []string{"GONETMON_FORGET_AFTER=xd"}, nil, `GONETMON_FORGET_AFTER="xd": not a number of days; for example GONETMON_FORGET_AFTER=90d`},
		{"no age", []string{"GONETMON_FORGET_AFTER=30"}, nil, `not a duration of at least 1s (a number and d, h, m or s), nor 0`},
		{"no hosts", []string{"GONETMON_MAX_HOSTS=0"}, nil, "not a number from 1 to 1048576"},
		{"no size", []string{"GONETMON_RING_SIZE=8MB"}, nil, "not a size (a number, with KiB, MiB or GiB behind it)"},
		{"size too small", []string{"GONETMON_RING_SIZE=1"}, nil, "not from 512KiB to 1GiB"},
		{"size too large", []string{"GONETMON_RING_SIZE=9999999999GiB"}, nil, "not from 512KiB to 1GiB"},
		{"size that would be 1 MiB after an overflow", []string{"GONETMON_RING_SIZE=-18014398509480960KiB"}, nil, "not from 512KiB to 1GiB"},
		{"domain twice, written otherwise", []string{"GONETMON_STRIP_DOMAIN=lan,.Lan."}, nil, `".Lan." stands there twice`},
		{"prefix twice, written otherwise", []string{"GONETMON_CIDR=192.168.2.1/24,192.168.2.0/24"}, nil, `"192.168.2.0/24" stands there twice`},
		{"server twice, written otherwise", []string{"GONETMON_DNS_SERVERS=1.1.1.1,1.1.1.1:53"}, nil, `"1.1.1.1:53" stands there twice`},
		{"host name twice, written otherwise", []string{"GONETMON_HOST_NAMES=nas.example,NAS.example"}, nil, `"NAS.example" stands there twice`},
		{"neither", []string{"GONETMON_KEEP_PRIVILEGES=yes"}, nil, `GONETMON_KEEP_PRIVILEGES="yes": neither true nor false; for example GONETMON_KEEP_PRIVILEGES=true`},
		{"no level", []string{"GONETMON_LOG_LEVEL=loud"}, nil, "not debug, info, warn or error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environment(t, tt.variables...)
			c, err := loadConfig()
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("got error %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, v := range c.variables() {
				if v.value != v.standard {
					got[v.name] = v.value
				}
			}
			if len(got) == 0 {
				got = nil
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// What `gonetmon config` prints can be read again, and says the same.
func TestConfigPrint(t *testing.T) {
	environment(t, "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=192.168.2.1:53")
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := c.print(&first); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for line := range strings.Lines(first.String()) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			variables = append(variables, line)
		}
	}
	environment(t, variables...)
	if c, err = loadConfig(); err != nil {
		t.Fatal(err)
	}
	if err := c.print(&second); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first.String(), second.String()); d != "" {
		t.Errorf("(-first +second):\n%s", d)
	}
}

// Each example in the table of variables is a good value.
func TestConfigExamples(t *testing.T) {
	for _, v := range (&config{}).variables() {
		t.Run(v.name, func(t *testing.T) {
			environment(t, v.name+"="+v.example)
			if _, err := loadConfig(); err != nil {
				t.Error(err)
			}
			if v.desc == "" || v.standard == "" || v.example == "" || v.example == v.standard {
				t.Errorf("%+v", v)
			}
		})
	}
}

// .env.example and the table of docs/configuration.md are what the program says of itself; -update writes them.
func TestConfigDocumented(t *testing.T) {
	environment(t)
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	var env, table bytes.Buffer
	if err := c.example(&env); err != nil {
		t.Fatal(err)
	}
	if err := c.markdown(&table); err != nil {
		t.Fatal(err)
	}
	const envPath, tablePath = "../../../.env.example", "../docs/configuration.md"
	const head, tail = "<!-- generated by gonetmon config --markdown -->\n", "<!-- end -->\n"
	page, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := bytes.Index(page, []byte(head))+len(head), bytes.Index(page, []byte(tail))
	if begin < len(head) || end < begin {
		t.Fatalf("%s has no table between %q and %q", tablePath, head, tail)
	}
	if *update {
		if err := os.WriteFile(envPath, env.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(tablePath, slices.Concat(page[:begin], table.Bytes(), page[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	written, err := os.ReadFile(envPath)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(env.String(), string(written)); d != "" {
		t.Errorf(".env.example is not current, run go test ./app/cmd/gonetmon -run Documented -update (-want +got):\n%s", d)
	}
	if d := cmp.Diff(table.String(), string(page[begin:end])); d != "" {
		t.Errorf("%s is not current, run go test ./app/cmd/gonetmon -run Documented -update (-want +got):\n%s", tablePath, d)
	}
}
