package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakes makes the mistakes of a new user in .env: `make up` fails and says what to correct, and then works.
func TestMistakes(t *testing.T) {
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
			"gonetmon is running unhealthy:\ngonetmon: http://127.0.0.1:8080/healthz?interfaces: 503 Service Unavailable: " +
				"GONETMON_INTERFACE: mon9: no such interface; those that exist: lan0, mon0\n"},
		{"MisspelledVariable", "GRAFANA_PASWORD=hush",
			"gonetmon: GRAFANA_PASWORD: no such variable; did you mean GRAFANA_PASSWORD?"},
		{"MissingFile", "GONETMON_NAMES_FILE=config/hosts", "docker/names/hosts is /etc/gonetmon/hosts\n"},
		{"UnknownZone", "TZ=Europe/Berln", `gonetmon: TZ="Europe/Berln": no such time zone; for example TZ=Europe/Berlin`},
	} {
		e.step(tt.name, func() {
			e.dotenv(tt.line)
			if out, err := e.try("make", "up"); err == nil || !strings.Contains(out, tt.want) || strings.Contains(out, "hush") {
				e.t.Errorf("%v, no %q in:\n%s", err, tt.want, out)
			}
		})
	}
	e.step("Corrected", func() {
		e.dotenv("GONETMON_INTERFACE=mon0", "TZ=Asia/Kathmandu", "COMPOSE_PROFILES=alerts")
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
}
