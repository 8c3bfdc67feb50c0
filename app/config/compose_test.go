package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A misspelled variable of compose.yaml is found in a container. Elsewhere, or if it is only similar, it may be that of another
// program.
func TestCheckNames(t *testing.T) {
	const none = ""
	for _, tt := range []struct{ variable, want, outside string }{
		{"GRAFANA_PASWORD=hush", "GRAFANA_PASSWORD", none},
		{"GRAFANA_PASS=hush", "GRAFANA_PASSWORD", none},
		{"GRAFANA_ADDRESS=0.0.0.0", none, none}, // three letters differ
		{"GRAFANA_PORTS=3001", "GRAFANA_PORT", none},
		{"GRAFANA_HOST=example.org", none, none},
		{"PROMETHEUS_HOST=example.org", none, none},
		{"GRAFANA_=x", none, none},
		{"PROMETHEUS_RETENTION=90d", "PROMETHEUS_RETENTION_TIME", none},
		{"PROMETEUS_PORT=9191", none, none}, // of another family of names
		{"ALERTMANAGER_PROT=9193", "ALERTMANAGER_PORT", none},
		{"COMPOSE_PROFILE=alerts", "COMPOSE_PROFILES", none},
		{"COMPOSE_FILE=compose.yaml", none, none},
		{"GRAFANA_TOKEN=x", none, none},
		{"GRAFANA_PORT=3001", none, none},
		{"grafana_port=3001", "GRAFANA_PORT", none},
		{"gonetmon_port=8081", "GONETMON_PORT", "GONETMON_PORT"},
		{"GONETMON_PASSWD=hush", "GONETMON_PASSWORD", "GONETMON_PASSWORD"},
		{"GONETMON_INTERFAC=eth1", "GONETMON_INTERFACE", "GONETMON_INTERFACE"},
	} {
		for container, want := range map[bool]string{true: tt.want, false: tt.outside} {
			t.Run(tt.variable, func(t *testing.T) {
				setEnvironment(t, tt.variable)
				err := checkNames(variableNames(), container)
				name, value, _ := strings.Cut(tt.variable, "=")
				switch {
				case want == none && err != nil:
					t.Error(err)
				case want != none:
					wantError(t, err, name, "did you mean "+want+"?")
					if shown := strings.Contains(err.Error(), value); shown == (value == "hush") {
						t.Errorf("in the error %q the value is shown: %v", err, shown)
					}
				}
			})
		}
	}
	setEnvironment(t, "GRAFANA_PORT_3000_TCP=tcp://10.0.0.7:3000", "GRAFANA_POR=1", "KUBERNETES_SERVICE_HOST=10.0.0.1")
	if err := checkNames(variableNames(), true); err != nil {
		t.Error(err)
	}
}

// Every variable in the part of .env.example for compose.yaml is known.
func TestComposeNames(t *testing.T) {
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "for docker compose only")
	all := regexp.MustCompile(`(?m)^#([A-Z_]+)=`).FindAllStringSubmatch(part, -1)
	if !found || len(all) < 8 {
		t.Fatalf("%d variables in .env.example", len(all))
	}
	for _, m := range all {
		if name := m[1]; name != "TZ" && !slices.Contains(composeNames, name) {
			t.Errorf("composeNames has no %s", name)
		}
	}
}
