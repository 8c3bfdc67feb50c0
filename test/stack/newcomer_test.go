package stack_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewcomer makes the mistakes of a new user in .env: `make up` fails and says what to correct, and then works. Then it
// does without the clone, and at two sites.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	needDocker(t, "make")
	e := newEngine(t)
	e.importImages()
	if err := os.MkdirAll(filepath.Join(e.home, "test"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Makefile", "test/versions"} {
		run(t, ".", nil, "cp", filepath.Join(root, name), filepath.Join(e.home, name))
	}
	for _, tt := range []struct{ name, line, want string }{
		{"WrongInterface", "GONETMON_INTERFACE=mon9",
			"gonetmon is unhealthy:\ngonetmon: http://127.0.0.1:8080/healthz?interfaces: 503 Service Unavailable: " +
				"GONETMON_INTERFACE: mon9: no such interface; those that exist: lan0, mon0\n"},
		{"MisspelledVariable", "GRAFANA_PASWORD=hush",
			"gonetmon: GRAFANA_PASWORD: no such variable; did you mean GRAFANA_PASSWORD?"},
		{"MissingFile", "GONETMON_NAMES_FILE=hosts", "config/gonetmon/hosts is /etc/gonetmon/hosts\n"},
		{"UnknownZone", "TZ=Europe/Berln", `gonetmon: TZ="Europe/Berln": no such time zone; for example TZ=Europe/Berlin`},
	} {
		e.step(tt.name, func() {
			e.dotenv(tt.line)
			if out, err := e.try("make", "up"); err == nil || !strings.Contains(out, tt.want) || strings.Contains(out, "hush") {
				e.t.Errorf("%v, no %q in:\n%s", err, tt.want, out)
			}
		})
	}
	e.step("CorrectedFile", func() {
		e.dotenv("GONETMON_NAMES_FILE=/etc/gonetmon/hosts")
		out, err := e.try("make", "up")
		if err == nil || strings.Count(out, "gonetmon: GONETMON_NAMES_FILE=/etc/gonetmon/hosts: ") != 1 {
			e.t.Errorf("%v, not the lines of one start in:\n%s", err, out)
		}
		write(e.t, filepath.Join(e.home, "config/gonetmon/hosts"), "192.168.2.9 printer\n")
		e.must("make", "up")
	})
	e.step("TakenPort", func() {
		e.dotenv("GONETMON_INTERFACE=mon0")
		e.must("docker", "compose", "down")
		var foreign net.Listener
		var err error
		e.host.Do(func() { foreign, err = net.Listen("tcp", "127.0.0.1:9090") })
		if err != nil {
			e.t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"status":"success","data":{"web.page-title":"Prometheus Time Series Collection"}}`))
		})}
		go func() { _ = server.Serve(foreign) }()
		defer func() { _ = server.Close() }()
		const taken = "PROMETHEUS_PORT=9090: another program uses this port; for example, in .env, PROMETHEUS_PORT=9091"
		if out, err := e.try("make", "up"); err == nil || !strings.Contains(out, taken) {
			e.t.Errorf("%v, no %q in:\n%s", err, taken, out)
		}
		e.eventually("Grafana says that its source is a stranger", func() (string, bool) {
			all := e.container("grafana").State.Health.Log
			return fmt.Sprint(all), len(all) > 0 && strings.HasPrefix(all[len(all)-1].Output,
				"PROMETHEUS_PORT: the program at http://127.0.0.1:9090 is not gonetmon's Prometheus, so the dashboards show nothing; "+
					"for example, in .env, PROMETHEUS_PORT=9091")
		})
	})
	e.step("Corrected", func() {
		e.dotenv("GONETMON_INTERFACE=mon0", "TZ=Asia/Kathmandu", "COMPOSE_PROFILES=alerts", "PROMETHEUS_PORT=9191")
		e.must("make", "up")
		log := e.must("docker", "compose", "logs", "gonetmon")
		if !strings.Contains(log, "+05:45 level=INFO msg=listening interface=mon0") {
			e.t.Errorf("no time in the zone of TZ: %s", log)
		}
		config := e.must("docker", "compose", "exec", "-T", "gonetmon", "/gonetmon", "config")
		if want := "# Now: 192.168.2.0/24,fe80::/10\nGONETMON_CIDR=auto\n"; !strings.Contains(config, want) {
			e.t.Errorf("no %q in %s", want, config)
		}
	})
	e.step("Down", func() {
		e.dotenv("GONETMON_INTERFACE=mon0")
		e.must("make", "down")
		if left := e.must("docker", "ps", "-aq"); left != "" {
			e.t.Errorf("containers after make down: %s", e.must("docker", "ps", "-a"))
		}
	})
	e.startStandalones()
	e.step("TwoSites", e.forwardTwoSites)
}
