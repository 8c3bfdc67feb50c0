package stack_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// An alert is part of what Alertmanager sends to a webhook.
type alert struct {
	Status              string
	Labels, Annotations map[string]string
}

// deliverAlert gives Alertmanager a receiver, and Prometheus a rule that always fires, by files of the user. The alert must
// arrive.
func (e *engine) deliverAlert() {
	t := e.t
	arrived := make(chan alert, 100)
	hook := httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Alerts []alert }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("Alertmanager sends no JSON: %v", err)
		}
		for _, a := range message.Alerts {
			if a.Labels["alertname"] == "Own" {
				arrived <- a
			}
		}
	})}}
	var err error
	e.host.Do(func() { hook.Listener, err = net.Listen("tcp", "127.0.0.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	hook.Start()
	defer hook.Close()

	const own = "config/alertmanager/alertmanager.yml"
	write(t, filepath.Join(e.home, own), read(t, "prometheus/alertmanager.yml"))
	e.edit(own, "receiver: nobody", "receiver: phone")
	e.edit(own, "group_wait: 30s", "group_wait: 1s")
	e.edit(own, "  # - name: phone", "  - name: phone")
	e.edit(own, "  #   webhook_configs:\n  #     - url: https://example.org/hook", "    webhook_configs:\n      - url: "+hook.URL)
	e.compose("restart", "alertmanager")
	e.eventually("Alertmanager uses the user's file", func() (string, bool) {
		_, text := e.get("http://127.0.0.1:19093/api/v2/status")
		return text, strings.Contains(text, "receiver: phone")
	})
	write(t, filepath.Join(e.home, "config/prometheus/rules.yml"), `
groups:
  - name: own
    interval: 1s
    rules:
      - alert: Own
        expr: up{job="gonetmon", instance="home"}
        labels:
          severity: critical
        annotations:
          summary: "{{ $labels.instance }} is here"
`)
	want := alert{
		Status:      "firing",
		Labels:      map[string]string{"alertname": "Own", "instance": "home", "job": "gonetmon", "severity": "critical"},
		Annotations: map[string]string{"summary": "home is here"},
	}
	select {
	case got := <-arrived:
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v; want %+v", got, want)
		}
	case <-time.After(2 * time.Minute):
		_, prometheus := e.get("http://127.0.0.1:19090/api/v1/alerts")
		_, alertmanager := e.get("http://127.0.0.1:19093/api/v2/alerts")
		t.Errorf("no alert arrived within two minutes.\nPrometheus: %s\nAlertmanager: %s\n%s", prometheus, alertmanager,
			e.must("docker", "compose", "logs", "--tail=20", "prometheus", "alertmanager"))
	}
	if log := e.must("docker", "compose", "logs", "alertmanager"); strings.Contains(log, "level=WARN") {
		t.Errorf("Alertmanager warns: %s", log)
	}
}
