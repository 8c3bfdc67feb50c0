package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// enter runs the entry point of a service as its container does. The container's files are in dir. Its programs are stubs
// that print their arguments and their part of the environment. enter returns the output, and reports whether all went
// well.
func enter(t *testing.T, service, dir string, env ...string) (string, bool) {
	t.Helper()
	const stub = "#!/bin/sh\necho \"$0 $*\"\nenv | grep -E '^(GF_|GRAFANA_|GONETMON_PASS)' | sort\n"
	for _, name := range []string{"prometheus", "alertmanager", "run.sh"} {
		write(t, filepath.Join(dir, name), stub)
	}
	write(t, filepath.Join(dir, "grafana"), "#!/bin/sh\nread -r line\necho \"$* $line\" >>"+dir+"/cli\n")
	write(t, filepath.Join(dir, "require.sh"), strings.NewReplacer(
		"/proc/net/tcp6", filepath.Join(dir, "tcp6"), "/proc/net/tcp", filepath.Join(dir, "tcp"),
	).Replace(read(t, "docker/require.sh")))
	write(t, filepath.Join(dir, "entry.sh"), strings.NewReplacer(
		"/require.sh", filepath.Join(dir, "require.sh"),
		"/etc/prometheus/prometheus.yml", filepath.Join(root, "prometheus/prometheus.yml"),
		"/etc/prometheus/own", filepath.Join(dir, "own"),
		"/etc/alertmanager/own", filepath.Join(dir, "own"),
		"/run/prometheus/password", filepath.Join(dir, "password"),
		"/run/prometheus/prometheus.yml", filepath.Join(dir, "prometheus.yml"),
		"/run.sh", filepath.Join(dir, "run.sh"),
	).Replace(read(t, "docker/"+service+"/entry.sh")))
	for _, name := range []string{"prometheus", "alertmanager", "run.sh", "grafana"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", filepath.Join(dir, "entry.sh"))
	if _, err := exec.LookPath("busybox"); err == nil {
		cmd = exec.Command("busybox", "sh", filepath.Join(dir, "entry.sh")) // as in the containers
	}
	// These three are set in Grafana's image.
	cmd.Env = []string{"GF_PATHS_DATA=" + dir, "GF_PATHS_HOME=/home", "GF_PATHS_CONFIG=/ini",
		"PATH=" + dir + ":" + os.Getenv("PATH")}
	for name, v := range load(t, "alerts", env...).Services[service].Environment {
		if v != nil {
			cmd.Env = append(cmd.Env, name+"="+*v)
		}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

var target = regexp.MustCompile(`(?m)^[^#\n]*targets: \["([^"]*)"\]`)

func TestPrometheusEntryPoint_SetsPorts(t *testing.T) {
	const shippedTargets = "127.0.0.1:9093 127.0.0.1:8080 127.0.0.1:9090"
	tests := []struct{ name, env, targets, flags, refused string }{
		{"as shipped", "", shippedTargets, "127.0.0.1:9090 --web.page-title=gonetmon --storage.tsdb.path=/prometheus " +
			"--storage.tsdb.retention.time=1y --storage.tsdb.retention.size=4GB", ""},
		{"swapped ports", "GONETMON_PORT=9090 PROMETHEUS_PORT=9093 ALERTMANAGER_PORT=8080",
			"127.0.0.1:8080 127.0.0.1:9090 127.0.0.1:9093", "127.0.0.1:9093", ""},
		{"gonetmon everywhere", "GONETMON_ADDR=0.0.0.0", shippedTargets, "", ""},
		{"gonetmon everywhere, IPv6", "GONETMON_ADDR=::", "127.0.0.1:9093 [::1]:8080 127.0.0.1:9090", "", ""},
		{"gonetmon everywhere, IPv6 in brackets", "GONETMON_ADDR=[::]", "127.0.0.1:9093 [::1]:8080 127.0.0.1:9090", "", ""},
		{"gonetmon elsewhere", "GONETMON_ADDR=192.168.2.3", "127.0.0.1:9093 192.168.2.3:8080 127.0.0.1:9090", "", ""},
		{"gonetmon elsewhere, IPv6", "GONETMON_ADDR=fd00::3", "127.0.0.1:9093 [fd00::3]:8080 127.0.0.1:9090", "", ""},
		{"gonetmon elsewhere, IPv6 in brackets", "GONETMON_ADDR=[fd00::3]", "127.0.0.1:9093 [fd00::3]:8080 127.0.0.1:9090", "", ""},
		{"retention", "PROMETHEUS_RETENTION_TIME=30d PROMETHEUS_RETENTION_SIZE=512MB", shippedTargets,
			"127.0.0.1:9090 --web.page-title=gonetmon --storage.tsdb.path=/prometheus " +
				"--storage.tsdb.retention.time=30d --storage.tsdb.retention.size=512MB", ""},
		{"not a port", "PROMETHEUS_PORT=http", "", "", "PROMETHEUS_PORT=http: is not a port; for example PROMETHEUS_PORT=9191"},
		{"too large a port", "PROMETHEUS_PORT=70000", "", "", "PROMETHEUS_PORT=70000: is not a port; for example PROMETHEUS_PORT=9191"},
		{"not a port of gonetmon", "GONETMON_PORT=|", "", "", "GONETMON_PORT=|: is not a port; for example GONETMON_PORT=8081"},
	}
	shipped := read(t, "prometheus/prometheus.yml")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			out, ok := enter(t, "prometheus", dir, strings.Fields(tt.env)...)
			if tt.refused != "" {
				if ok || strings.TrimSpace(out) != tt.refused {
					t.Errorf("started %v, printed %q; want %q", ok, out, tt.refused)
				}
				return
			}
			if !ok || !strings.Contains(out, " --config.file="+dir+"/prometheus.yml --config.auto-reload --web.listen-address="+tt.flags) {
				t.Fatalf("called %s; want %s", out, tt.flags)
			}
			b, err := os.ReadFile(filepath.Join(dir, "prometheus.yml"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string // Alertmanager, gonetmon, Prometheus itself
			for _, m := range target.FindAllStringSubmatch(string(b), -1) {
				got = append(got, m[1])
			}
			if strings.Join(got, " ") != tt.targets {
				t.Errorf("targets %s; want %s", got, tt.targets)
			}
			if tt.env == "" && string(b) != shipped {
				t.Error("the copy differs from the shipped file")
			}
		})
	}
}

// A limit that Prometheus would refuse stops the container with one line. Empty ones are the default.
func TestPrometheusEntryPoint_ChecksRetention(t *testing.T) {
	for _, tt := range []struct {
		name, example string
		good, bad     []string
	}{
		{"PROMETHEUS_RETENTION_TIME", "is not a duration; for example PROMETHEUS_RETENTION_TIME=1y",
			[]string{"", "0", "0d", "1y", "30d", "1y6w", "90m", "5ms", "1w2d3h4m5s6ms", "292y"},
			[]string{"1 year", "30", "1Y", "1.5d", "-1d", "1d1y", "1y1y", "1000y", "forever"}},
		{"PROMETHEUS_RETENTION_SIZE", "is not a size; for example PROMETHEUS_RETENTION_SIZE=4GB",
			[]string{"", "0", "0B", "4GB", "512MB", "1KB", "1.5GB", "4GiB", "1GB512MB", "1TB", "1PB", "7EB"},
			[]string{"4 GB", "4G", "4gb", "4kB", "1024", "GB", "1.5.2GB", "1GiB512MB", "-1GB", "unlimited"}},
	} {
		for _, value := range append(tt.good, tt.bad...) {
			out, ok := enter(t, "prometheus", t.TempDir(), tt.name+"='"+value+"'")
			refused := !ok && out == tt.name+"="+value+": "+tt.example+"\n"
			if slices.Contains(tt.bad, value) != refused || ok == refused {
				t.Errorf("%s=%s: started %v, printed %q", tt.name, value, ok, out)
			}
		}
	}
}

// Prometheus gets gonetmon's password in a file that only it can read, whatever characters it has, and speaks TLS where gonetmon
// does.
func TestPrometheusEntryPoint_PassesAccess(t *testing.T) {
	type job struct {
		JobName   string `yaml:"job_name"`
		Scheme    string
		BasicAuth struct {
			Username     string
			PasswordFile string `yaml:"password_file"`
		} `yaml:"basic_auth"`
		TLS struct {
			Skip bool `yaml:"insecure_skip_verify"`
		} `yaml:"tls_config"`
	}
	for _, tt := range []struct {
		name, password string
		env            []string
		tls            bool
	}{
		{"neither", "", nil, false},
		{"a password", `a|b&c\n"d"$HOME #1`, []string{`GONETMON_PASSWORD='a|b&c\n"d"$HOME #1'`}, false},
		{"TLS", "", []string{"GONETMON_TLS_CERT=/etc/gonetmon/cert.pem"}, true},
		{"no TLS", "", []string{"GONETMON_TLS_CERT=none"}, false},
		{"both", "it's", []string{`GONETMON_PASSWORD="it's"`, "GONETMON_TLS_CERT=/etc/gonetmon/cert.pem"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			out, ok := enter(t, "prometheus", dir, tt.env...)
			if !ok || strings.Contains(out, "GONETMON_PASS") {
				t.Fatalf("started %v, printed %s", ok, out)
			}
			b, err := os.ReadFile(filepath.Join(dir, "prometheus.yml"))
			if err != nil {
				t.Fatal(err)
			}
			var config struct {
				Jobs []job `yaml:"scrape_configs"`
			}
			if err := yaml.Unmarshal(b, &config); err != nil {
				t.Fatal(err)
			}
			want := []job{{JobName: "gonetmon"}, {JobName: "prometheus"}}
			file := filepath.Join(dir, "password")
			if tt.password != "" {
				want[0].BasicAuth.Username, want[0].BasicAuth.PasswordFile = "gonetmon", file
				info, err := os.Stat(file)
				if got, _ := os.ReadFile(file); err != nil || info.Mode() != 0o600 || string(got) != tt.password {
					t.Errorf("password file: %v, %q, %v; want %q", info, got, err, tt.password)
				}
			}
			if tt.tls {
				want[0].Scheme, want[0].TLS.Skip = "https", true
			}
			if !slices.Equal(config.Jobs, want) {
				t.Errorf("jobs %+v, want %+v", config.Jobs, want)
			}
		})
	}
}

// Grafana redirects every Host but its own address, where it can compare them.
func TestGrafanaEntryPoint_ChecksHost(t *testing.T) {
	for addr, want := range map[string]string{
		"": "127.0.0.1", "127.0.0.2": "127.0.0.2", "localhost": "localhost", "192.168.2.3": "192.168.2.3",
		"0.0.0.0": "", "::": "", "::1": "",
	} {
		out, ok := enter(t, "grafana", t.TempDir(), "GRAFANA_ADDR="+addr, "GRAFANA_PASSWORD=b1-c2 d3")
		enforced := strings.Contains(out, "GF_SERVER_DOMAIN="+want+"\nGF_SERVER_ENFORCE_DOMAIN=true\n")
		if !ok || enforced != (want != "") || strings.Contains(out, "ENFORCE_DOMAIN") != enforced {
			t.Errorf("GRAFANA_ADDR=%s: started %v with\n%swant the domain %q", addr, ok, out, want)
		}
	}
}

// Without a password everyone can look and nobody can log in; with one, nobody can look who does not log in.
func TestGrafanaEntryPoint_RequiresPassword(t *testing.T) {
	const noAccount = "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true"
	tests := []struct {
		name    string
		env     []string
		want    string // expected in Grafana's environment
		not     string
		refused string // expected error
	}{
		{"as shipped", nil, noAccount, "GF_SECURITY_ADMIN_PASSWORD", ""},
		{"another loopback address", []string{"GRAFANA_ADDR=127.0.0.2"}, noAccount, "GF_SECURITY_ADMIN_PASSWORD", ""},
		{"loopback, IPv6", []string{"GRAFANA_ADDR=::1"}, noAccount, "GF_SECURITY_ADMIN_PASSWORD", ""},
		{"loopback with a password", []string{"GRAFANA_PASSWORD=b1-c2 d3"}, "GF_SECURITY_ADMIN_PASSWORD=b1-c2 d3", noAccount, ""},
		{"open with a password", []string{"GRAFANA_ADDR=0.0.0.0", "GRAFANA_PASSWORD=b1-c2 d3"}, "GF_SECURITY_ADMIN_PASSWORD=b1-c2 d3",
			noAccount, ""},
		{"open without a password", []string{"GRAFANA_ADDR=0.0.0.0"}, "", "",
			"GRAFANA_ADDR=0.0.0.0, GRAFANA_PASSWORD: other machines can reach Grafana, so set a password; for example, "},
		{"open to one address", []string{"GRAFANA_ADDR=192.168.2.3", "GRAFANA_PASSWORD="}, "", "", "set a password"},
		{"open, IPv6", []string{"GRAFANA_ADDR=::"}, "", "", "set a password"},
		{"a name that looks like loopback", []string{"GRAFANA_ADDR=127.0.0.1.example.org"}, "", "", "set a password"},
		{"open with a known password", []string{"GRAFANA_ADDR=0.0.0.0", "GRAFANA_PASSWORD=admin"}, "", "", "too common"},
		{"a known password in capitals", []string{"GRAFANA_ADDR=0.0.0.0", "GRAFANA_PASSWORD=ChangeMe"}, "", "", "too common"},
		{"loopback with a known password", []string{"GRAFANA_PASSWORD=grafana"}, "", "", "too common"},
		{"not a port", []string{"GRAFANA_PORT=x"}, "", "", "GRAFANA_PORT=x: is not a port; for example GRAFANA_PORT=3001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, ok := enter(t, "grafana", t.TempDir(), tt.env...)
			if tt.refused != "" {
				if ok || strings.Count(out, "\n") != 1 || !strings.Contains(out, tt.refused) {
					t.Errorf("started %v, printed %q; want one line with %q", ok, out, tt.refused)
				}
				return
			}
			passed := strings.Contains(out, "\nGRAFANA_PASSWORD")
			if !ok || !strings.Contains(out, tt.want+"\n") || strings.Contains(out, tt.not) || passed {
				t.Errorf("started %v with\n%swant %s and no %s", ok, out, tt.want, tt.not)
			}
			if looks := strings.Contains(out, "GF_AUTH_ANONYMOUS_ENABLED=true\n"); looks != (tt.want == noAccount) {
				t.Errorf("started with\n%severyone can look: %v", out, looks)
			}
		})
	}
}

// A port that another program listens on stops the container with one line. Sockets of other addresses and of connections do not.
func TestEntryPoints_FindTakenPort(t *testing.T) {
	const head = "  sl  local_address rem_address   st\n"
	v4 := func(local, state string) string {
		return "   0: " + local + " 00000000:0000 " + state + " 00000000:00000000\n"
	}
	v6 := func(local, state string) string {
		return "   1: " + local + " 00000000000000000000000000000000:0000 " + state + " 00000000:00000000\n"
	}
	for _, tt := range []struct{ name, tcp, tcp6, refused string }{
		{"loopback", v4("0100007F:2382", "0A"), "",
			"PROMETHEUS_PORT=9090: another program uses this port; for example, in .env, PROMETHEUS_PORT=9091\n"},
		{"all addresses", v4("00000000:2382", "0A"), "", "PROMETHEUS_PORT=9090: another program uses this port"},
		{"all addresses, IPv6", "", v6("00000000000000000000000000000000:2382", "0A"),
			"PROMETHEUS_PORT=9090: another program uses this port"},
		{"loopback, as a mapped IPv6 address", "", v6("0000000000000000FFFF00000100007F:2382", "0A"),
			"PROMETHEUS_PORT=9090: another program uses this port"},
		{"another address", v4("FA02A8C0:2382", "0A"), "", ""},
		{"another port", v4("0100007F:2383", "0A"), v6("00000000000000000000000000000000:2383", "0A"), ""},
		{"a connection", v4("0100007F:2382", "01"), "", ""},
		{"a connection that has ended", v4("0100007F:2382", "06"), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "tcp"), head+tt.tcp)
			write(t, filepath.Join(dir, "tcp6"), head+tt.tcp6)
			out, ok := enter(t, "prometheus", dir)
			if ok != (tt.refused == "") || !strings.HasPrefix(out, tt.refused) || !ok && strings.Count(out, "\n") != 1 {
				t.Errorf("started %v, printed %q; want %q", ok, out, tt.refused)
			}
		})
	}
	// The example is another port.
	for _, tt := range []struct{ service, name, port, hex, example string }{
		{"grafana", "GRAFANA_PORT", "3001", "0BB9", "3002"},
		{"alertmanager", "ALERTMANAGER_PORT", "9193", "23E9", "9194"},
		{"prometheus", "PROMETHEUS_PORT", "65535", "FFFF", "65534"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "tcp"), head+v4("0100007F:"+tt.hex, "0A"))
		want := tt.name + "=" + tt.port + ": another program uses this port; for example, in .env, " + tt.name + "=" + tt.example + "\n"
		if out, ok := enter(t, tt.service, dir, tt.name+"="+tt.port); ok || out != want {
			t.Errorf("%s: started %v, printed %q; want %q", tt.service, ok, out, want)
		}
	}
}

// A file of the user takes the place of the one in the image.
func TestEntryPoints_PreferOwnFile(t *testing.T) {
	own := func(name, text string) string {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "own"), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "own", name), text)
		return dir
	}
	dir := own("prometheus.yml", `targets: ["127.0.0.1:8080"]`)
	if out, ok := enter(t, "prometheus", dir, "GONETMON_PORT=8081"); !ok {
		t.Fatal(out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "prometheus.yml")); err != nil || string(got) != `targets: ["127.0.0.1:8081"]` {
		t.Errorf("prometheus.yml: %q, %v", got, err)
	}
	dir = own("alertmanager.yml", "")
	for _, tt := range []struct{ dir, want string }{
		{dir, "--config.file=" + dir + "/own/alertmanager.yml --storage.path=/alertmanager --web.listen-address=127.0.0.1:9193 "},
		{t.TempDir(), "--config.file=/etc/alertmanager/alertmanager.yml --storage"},
	} {
		if out, ok := enter(t, "alertmanager", tt.dir, "ALERTMANAGER_PORT=9193"); !ok || !strings.Contains(out, tt.want) {
			t.Errorf("started %v with %s; want %s", ok, out, tt.want)
		}
	}
}

// Where Grafana has its database already, the entry point changes the password there.
func TestGrafanaEntryPoint_ChangesPassword(t *testing.T) {
	for _, tt := range []struct {
		name, env string
		database  bool
		want      string
	}{
		{"first start", "GRAFANA_PASSWORD='a$b #c'", false, ""},
		{"later start", "GRAFANA_PASSWORD='a$b #c'", true,
			"cli --homepath /home --config /ini admin reset-admin-password --password-from-stdin a$b #c\n"},
		{"no password", "GRAFANA_PASSWORD=", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.database {
				write(t, filepath.Join(dir, "grafana.db"), "")
			}
			if out, ok := enter(t, "grafana", dir, tt.env); !ok {
				t.Fatal(out)
			}
			if got, _ := os.ReadFile(filepath.Join(dir, "cli")); string(got) != tt.want {
				t.Errorf("called %q, want %q", got, tt.want)
			}
		})
	}
}

// Grafana's health check asks what needs no login, and names a stranger in the place of Prometheus, with another port.
func TestGrafanaHealth(t *testing.T) {
	for _, tt := range []struct{ title, want string }{
		{"gonetmon", ""},
		{"Prometheus", "PROMETHEUS_PORT: the program at http://127.0.0.1:9191 is not gonetmon's Prometheus, " +
			"so the dashboards show nothing; for example, in .env, PROMETHEUS_PORT=9192\n"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "health.sh"),
			strings.ReplaceAll(read(t, "docker/grafana/health.sh"), "/require.sh", filepath.Join(root, "docker/require.sh")))
		write(t, filepath.Join(dir, "wget"), `#!/bin/sh
case "$*" in
*" http://127.0.0.1:3000/api/health") ;;
*" http://127.0.0.1:9191/api/v1/status/flags") echo '{"web.page-title":"`+tt.title+`"}' ;;
*) echo "unexpected: $*"; exit 1 ;;
esac
`)
		if err := os.Chmod(filepath.Join(dir, "wget"), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", filepath.Join(dir, "health.sh"))
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"),
			"GF_SERVER_HTTP_ADDR=127.0.0.1", "GF_SERVER_HTTP_PORT=3000", "PROMETHEUS_URL=http://127.0.0.1:9191"}
		if out, err := cmd.CombinedOutput(); string(out) != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %v, %q, want %q", tt.title, err, out, tt.want)
		}
	}
}
