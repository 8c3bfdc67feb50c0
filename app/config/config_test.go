package config

import (
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
)

// setEnvironment makes these variables the only ones of gonetmon.
func setEnvironment(t *testing.T, variables ...string) {
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

// split returns the parts of a list that "; " separates, as variables of gonetmon. Those with a slash are of others.
func split(list string) (variables []string) {
	for part := range strings.SplitSeq(list, "; ") {
		if other, ok := strings.CutPrefix(part, "/"); ok {
			variables = append(variables, other)
		} else if part != "" {
			variables = append(variables, prefix+"_"+part)
		}
	}
	return variables
}

func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		name, variables string
		want            string // what differs from the defaults
	}{
		{"nothing set", "", ""},
		{"all empty, as compose passes them", "INTERFACE=; CIDR= ; PORT=; DNS_SERVERS=; RING_SIZE=", ""},
		{"another program's variables", "/PORT=1; /CIDR=x", ""},
		{"lists", "INTERFACE=eth1, eth2; CIDR=192.168.2.17/24 fe80::/10; DNS_SERVERS=192.168.2.1,[::1]:5353,fe80::1%eth0",
			"INTERFACE=eth1,eth2; CIDR=192.168.2.0/24,fe80::/10; DNS_SERVERS=192.168.2.1:53,[::1]:5353,[fe80::1%eth0]:53"},
		{"numbers", "ADDR=[::]; PORT= 81 ; REPORT_INTERVAL=90m; MAX_HOSTS=5; RING_SIZE=1024 KiB",
			"ADDR=::; PORT=81; REPORT_INTERVAL=1h30m; MAX_HOSTS=5; RING_SIZE=1MiB"},
		{"off", "DNS_SERVERS=none; REPORT_INTERVAL=0; NAMES_FILE=none; STRIP_DOMAIN=none; FORGET_AFTER=0",
			"DNS_SERVERS=none; STRIP_DOMAIN=none; REPORT_INTERVAL=0s; FORGET_AFTER=0s"},
		{"comments after values, as systemd passes them", "INTERFACE=eth1 # the mirror; CIDR=192.168.2.0/24\t# ours; " +
			"PORT= # as it is; NAMES_FILE=/etc/a#b; ADDR=\f# found by FuzzConfig",
			"INTERFACE=eth1; CIDR=192.168.2.0/24; NAMES_FILE=/etc/a#b"},
		{"quotes", `INTERFACE="eth1"; CIDR='192.168.2.0/24, fe80::/10' # ours; ADDR="[::1]"; PORT=""; NAMES_FILE="/etc/a # b"`,
			"INTERFACE=eth1; CIDR=192.168.2.0/24,fe80::/10; ADDR=::1; NAMES_FILE=/etc/a # b"},
		{"service links of Kubernetes", "/KUBERNETES_SERVICE_HOST=10.0.0.1; PORT=tcp://10.0.0.7:8080; " +
			"PORT_8080_TCP_ADDR=10.0.0.7; SERVICE_HOST=10.0.0.7; SERVICE_PORT_HTTP=8080; WEB_SERVICE_HOST=10.0.0.8; " +
			"WEB_PORT=tcp://10.0.0.8:80; WEB_PORT_80_TCP=tcp://10.0.0.8:80", ""},
		{"a port in Kubernetes", "/KUBERNETES_SERVICE_HOST=10.0.0.1; PORT=8081", "PORT=8081"},
		{"host names", "HOST_NAMES=Gonetmon.Example.org., nas.fritz.box", "HOST_NAMES=gonetmon.example.org,nas.fritz.box"},
		{"a password, as docker compose and systemd pass it", `PASSWORD= "it's" $HOME #1 \\ 'ü' `, "PASSWORD=********"},
		{"TLS", "TLS_CERT=/etc/a.pem; TLS_KEY=/etc/b.pem", "TLS_CERT=/etc/a.pem; TLS_KEY=/etc/b.pem"},
		{"a URL", "GRAFANA_URL=https://Nas.example.org/grafana/", "GRAFANA_URL=https://Nas.example.org/grafana"},
		{"a URL with an IPv6 address", "GRAFANA_URL=http://[fd00::3]:3000", "GRAFANA_URL=http://[fd00::3]:3000"},
		{"as compose puts it together", "GRAFANA_URL=http://:::3000", "GRAFANA_URL=http://[::]:3000"},
		{"names in capitals", "NAMES=File,PTR", "NAMES=file,ptr"},
		{"a day", "REPORT_INTERVAL=1d", "REPORT_INTERVAL=1d"},
		{"an hour that is a day", "REPORT_INTERVAL=24h", "REPORT_INTERVAL=1d"},
		{"a size as Docker writes it", "RING_SIZE=16M", "RING_SIZE=16MiB"},
		{"a size in small letters", "RING_SIZE=1g", "RING_SIZE=1GiB"},
		{"a size in MB", "RING_SIZE=16 MB", "RING_SIZE=16MiB"},
		{"a size in mib", "RING_SIZE=2048 kib", "RING_SIZE=2MiB"},
		{"a size in bytes", "RING_SIZE=1048576", "RING_SIZE=1MiB"},
		{"names", "NAMES=mdns, file; NAMES_FILE= /etc/hosts; STRIP_DOMAIN=.Lan,home.arpa",
			"NAMES=mdns,file; NAMES_FILE=/etc/hosts; STRIP_DOMAIN=lan,home.arpa"},
		{"age in days", "FORGET_AFTER=90d", "FORGET_AFTER=90d"},
		{"age in hours", "FORGET_AFTER=36h", "FORGET_AFTER=36h"},
		{"age in hours that are days", "FORGET_AFTER=720h", ""},
		{"billing", "BILLING_DAY= 31; DATA_CAP=1.2 tb", "BILLING_DAY=31; DATA_CAP=1.2TB"},
		{"a cap without B", "DATA_CAP=500 g", "DATA_CAP=500GB"},
		{"another cap", "DATA_CAP=1500GB", "DATA_CAP=1.5TB"},
		{"words in capitals", "INTERFACE=Auto; DNS_SERVERS=NONE; HOST_NAMES=None; NAMES_FILE=NONE; KEEP_PRIVILEGES=True; " +
			"LOG_LEVEL=WARN", "DNS_SERVERS=none; KEEP_PRIVILEGES=true; LOG_LEVEL=warn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setEnvironment(t, split(tt.variables)...)
			c, err := Load()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range c.variables() {
				if v.value != v.standard {
					got = append(got, v.name+"="+v.value)
				}
			}
			if d := cmp.Diff(split(tt.want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// A value that cannot be used is refused in one line that names the variable, the value and an example.
func TestLoad_Refuses(t *testing.T) {
	for variable, values := range map[string][]string{
		"INTERFACE": {strings.Repeat("a", 128), "eth1,#eth2", "eth0:1", "'eth1", "../eth0", ",", "auto,eth1", "eth1,eth1"},
		"CIDR": {"192.168.2.1", "192.168.2.0/33", "::ffff:192.168.2.0/120", "192.168.2.0/24,auto",
			"192.168.2.1/24,192.168.2.0/24"},
		"ADDR": {
			"localhost", "224.0.0.1", "255.255.255.255", "::ffff:224.0.0.1", `"127.0.0.1`, "192.168.2.0/24",
			"[::1", "::1]", "[127.0.0.1]", "[::1]:8080", "fe80::1", "fe80::1%eth0", "[::1%lo]",
		},
		"PORT":       {"http", "tcp://10.0.0.7:8080", "65536", "-1"},
		"HOST_NAMES": {"nas.fritz.box:8080", "none,nas.fritz.box", "None 0", "nas.example,NAS.example"},
		"DNS_SERVERS": {
			"dns.lan", "1.1.1.1:0", "none,1.1.1.1", "1.1.1.1,1.1.1.1:53", "224.0.0.251", "0.0.0.0", "[::]:53", "fe80::1",
			"[fe80::1]:53", "[::1", "255.255.255.255",
		},
		"TLS_CERT": {"/etc/cert.pem", `"/etc/cert.pem`},
		"TLS_KEY":  {"/etc/key.pem"},
		"GRAFANA_URL": {"192.168.2.3:3000", "grafana", "ftp://nas", "http://", "http://:3000", "http://u:p@nas", "http://nas/?x",
			"http://nas/#x", "http://nas:port", "http://a b"},
		"NAMES":           {"ptr,wins"},
		"NAMES_FILE":      {`"/etc/hosts`, "/etc/hosts'"},
		"STRIP_DOMAIN":    {"my domain!", ".auto", "auto,lan", "lan,.Lan."},
		"REPORT_INTERVAL": {"60", "10ms", "-1m", "1.5d", "-1d", "1w"},
		"FORGET_AFTER":    {"xd", "30", "-1d"},
		"MAX_HOSTS":       {"0", "1048577", "many"},
		"BILLING_DAY":     {"0", "32", "-1", "first", "1.5"},
		"DATA_CAP": {"1TiB", "1200", "0GB", "-1TB", ".GB", "1.2.3TB", "1e3GB",
			"infGB", "0x10GB", "1,5TB", "1001TB", "500kB", "TB"},
		// The last one would be 1 MiB after an overflow.
		"RING_SIZE":       {"8TB", "8I", "8MBB", "8B", "MB", "1.5M", "1", "9999999999GiB", "-18014398509480960KiB"},
		"KEEP_PRIVILEGES": {"yes"},
		"LOG_LEVEL":       {"loud"},
	} {
		name := "GONETMON_" + variable
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				setEnvironment(t, name+"="+value)
				_, err := Load()
				wantError(t, err, name+"=", value, "; for example "+name+"=")
			})
		}
	}
}

// A password may contain anything that can be typed, and no error or output shows it.
func TestLoad_Password(t *testing.T) {
	for value, want := range map[string]string{
		"secret": "secret", "pa$$word": "pa$$word", "# 1": "# 1", "a # b": "a # b", `"a"`: `"a"`,
		"'a": "'a", " a b ": "a b", "é☃": "é☃",
		"none": "", "NONE": "", " ": "",
	} {
		setEnvironment(t, password+"="+value)
		c, err := Load()
		if err != nil || string(c.Password) != want {
			t.Errorf("%q: %q, %v; want %q", value, string(c.Password), err, want)
			continue
		}
		var out strings.Builder
		if err := c.Print(&out, nil); err != nil || want != "" && !strings.Contains(out.String(), "\n#"+password+"="+mask+"\n") {
			t.Errorf("%q is printed as %s, %v", value, out.String(), err)
		}
	}
	for _, value := range []string{"hush\tnow", "hush\nnow", "hush\xff"} {
		setEnvironment(t, password+"="+value)
		_, err := Load()
		wantError(t, err, password+": ", "not printable", "; for example "+password+"=")
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// Quotes and a comment are not part of the time zone either.
func TestLoad_SetsZone(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	for tz, want := range map[string]string{
		`"Asia/Tokyo"`: "Asia/Tokyo", "Europe/Berlin # ours": "Europe/Berlin", "'' # as it is": "UTC",
	} {
		setEnvironment(t)
		t.Setenv("TZ", tz)
		if _, err := Load(); err != nil || time.Local.String() != want {
			t.Errorf("TZ=%s: %v, %v", tz, time.Local, err)
		}
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q, want one line with %q", err, part)
		}
	}
}

func TestLoad_RefusesUnknownVariable(t *testing.T) {
	for variable, want := range map[string]string{
		"GONETMON_INTERFAC=eth1": "GONETMON_INTERFACE?", "GONETMON_CIDRS=": "GONETMON_CIDR?",
	} {
		setEnvironment(t, variable)
		_, err := Load()
		name, value, _ := strings.Cut(variable, "=")
		wantError(t, err, name+`="`+value+`"`, "did you mean "+want)
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoad_RefusesUnusedNamesFile(t *testing.T) {
	setEnvironment(t, "GONETMON_NAMES=dhcp,mdns", "GONETMON_NAMES_FILE=/etc/hosts")
	_, err := Load()
	wantError(t, err, `GONETMON_NAMES_FILE="/etc/hosts"`, "for example GONETMON_NAMES=file,dhcp,mdns")
}

// Go takes UTC for a zone that it does not know, and says nothing.
func TestLoad_ChecksZone(t *testing.T) {
	for tz, ok := range map[string]bool{
		"": true, "UTC": true, "Europe/Berlin": true, ":Europe/Berlin": true,
		"Europe/Berln": false, "CET-1CEST,M3.5.0,M10.5.0/3": false,
		"/no/such/zone": false, "/etc/passwd": false, "../etc/passwd": false,
	} {
		setEnvironment(t)
		t.Setenv("TZ", tz)
		_, err := Load()
		if ok && err != nil {
			t.Errorf("TZ=%q: %v", tz, err)
		} else if !ok {
			wantError(t, err, "TZ=", tz, "for example TZ=Europe/Berlin")
		}
	}
}
