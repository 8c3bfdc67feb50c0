package stack_test

import (
	"fmt"
	"path/filepath"
	"strings"
)

// update changes what an update changes, one by one. `docker compose up -d` alone must make each take effect, and restart no
// other service. Files of the user take effect by themselves.
func (e *engine) update() {
	t := e.t
	loaded := func(page, want string) {
		t.Helper()
		e.eventually(page+" has "+want, func() (string, bool) {
			status, text := e.get("http://127.0.0.1:19090/api/v1/" + page)
			return fmt.Sprintf("%d %.2000s", status, text), strings.Contains(text, want)
		})
	}
	e.must("docker", "compose", "exec", "-T", "prometheus", "touch", "/prometheus/kept")
	e.must("docker", "compose", "exec", "-T", "grafana", "touch", "/var/lib/grafana/kept")
	pids := map[string]int{}
	for _, service := range []string{"gonetmon", "prometheus", "grafana", "alertmanager"} {
		pids[service] = e.container(service).State.Pid
	}
	// changed updates, and expects that only this service is a new one.
	changed := func(service string) {
		t.Helper()
		e.compose("up", "-d", "--wait")
		for name, before := range pids {
			if pids[name] = e.container(name).State.Pid; (pids[name] != before) != (name == service) {
				t.Errorf("after a change of %s: %s was process %d, and is %d", service, name, before, pids[name])
			}
		}
	}

	changed("none")
	e.edit("prometheus/rules/alerts.yml", "alert: GonetmonDown", "alert: GonetmonGone")
	changed("prometheus")
	loaded("rules", "GonetmonGone")
	e.edit("prometheus/prometheus.yml", "scrape_interval: 15s", "scrape_interval: 14s")
	changed("prometheus")
	loaded("status/config", "scrape_interval: 14s")
	e.edit("grafana/dashboards/usage.json", `"title": "`, `"title": "Changed `)
	changed("grafana")
	if got := e.must("docker", "compose", "exec", "-T", "grafana", "grep", "-c", `"title": "Changed `,
		"/etc/grafana/dashboards/usage.json"); got != "1" {
		t.Errorf("%s lines of the dashboard have changed", got)
	}
	e.edit("app/config/describe.go", "compose.yaml sets it from", "CHANGED sets it from")
	changed("gonetmon")
	const line = "CHANGED sets it"
	if got := e.must("docker", "compose", "exec", "-T", "gonetmon", "/gonetmon", "config"); !strings.Contains(got, line) {
		t.Errorf("gonetmon is not new: %s", got)
	}
	e.edit(".env", "GRAFANA_PASSWORD=b1-c2 d3", "GRAFANA_PASSWORD='e$f #4'")
	changed("grafana")
	if got := e.must("docker", "compose", "exec", "-T", "grafana", "cat", "/var/lib/grafana/password"); got != "e$f #4" {
		t.Errorf("the password is %q", got)
	}
	e.must("docker", "compose", "exec", "-T", "prometheus", "ls", "/prometheus/kept")
	e.must("docker", "compose", "exec", "-T", "grafana", "ls", "/var/lib/grafana/kept")

	write(t, filepath.Join(e.home, "config/prometheus/scrape.yml"), read(t, "config/prometheus/scrape.yml.example"))
	e.deliverAlert()
	loaded("targets", `"instance":"cellar","job":"gonetmon"`)
}
