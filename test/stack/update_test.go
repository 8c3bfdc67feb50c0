package stack_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// update changes what an update changes, one by one. `docker compose up -d` alone must make each take effect, and restart no
// other service. Files of the user take effect by themselves.
func (e *engine) update() {
	t := e.t
	edit := func(name, before, after string) {
		t.Helper()
		name = filepath.Join(e.home, name)
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), before) {
			t.Fatalf("%s: no %q: %v", name, before, err)
		}
		write(t, name, strings.Replace(string(b), before, after, 1))
	}
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
	edit("prometheus/rules/alerts.yml", "alert: GonetmonDown", "alert: GonetmonGone")
	changed("prometheus")
	loaded("rules", "GonetmonGone")
	edit("prometheus/prometheus.yml", "scrape_interval: 15s", "scrape_interval: 14s")
	changed("prometheus")
	loaded("status/config", "scrape_interval: 14s")
	edit("grafana/dashboards/usage.json", `"title": "`, `"title": "Changed `)
	changed("grafana")
	if got := e.must("docker", "compose", "exec", "-T", "grafana", "grep", "-c", `"title": "Changed `,
		"/etc/grafana/dashboards/usage.json"); got != "1" {
		t.Errorf("%s lines of the dashboard have changed", got)
	}
	edit("app/config/describe.go", "compose.yaml sets it from", "CHANGED sets it from")
	changed("gonetmon")
	const line = "CHANGED sets it"
	if got := e.must("docker", "compose", "exec", "-T", "gonetmon", "/gonetmon", "config"); !strings.Contains(got, line) {
		t.Errorf("gonetmon is not new: %s", got)
	}
	edit(".env", "GRAFANA_PASSWORD=b1-c2 d3", "GRAFANA_PASSWORD='e$f #4'")
	changed("grafana")
	if got := e.must("docker", "compose", "exec", "-T", "grafana", "cat", "/var/lib/grafana/password"); got != "e$f #4" {
		t.Errorf("the password is %q", got)
	}
	e.must("docker", "compose", "exec", "-T", "prometheus", "ls", "/prometheus/kept")
	e.must("docker", "compose", "exec", "-T", "grafana", "ls", "/var/lib/grafana/kept")

	write(t, filepath.Join(e.home, "config/prometheus/scrape.yml"), read(t, "config/prometheus/scrape.yml.example"))
	write(t, filepath.Join(e.home, "config/prometheus/rules.yml"),
		"groups: [{name: own, rules: [{alert: Own, expr: vector(1), annotations: {summary: own, description: own}}]}]\n")
	loaded("targets", `"instance":"cellar","job":"gonetmon"`)
	loaded("rules", `"name":"Own"`)
	write(t, filepath.Join(e.home, "config/alertmanager/alertmanager.yml"), read(t, "prometheus/alertmanager.yml"))
	e.compose("restart", "alertmanager")
	const flag = "--config.file=/etc/alertmanager/own/alertmanager.yml"
	if log := e.must("docker", "compose", "logs", "alertmanager"); !strings.Contains(log, flag) {
		t.Errorf("Alertmanager does not use the user's file: %s", log)
	}
}
