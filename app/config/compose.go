package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// composeNames are the variables that the compose files use and gonetmon does not. They come with all lines of .env.
var composeNames = []string{
	"GONETMON_IMAGE", "GONETMON_VERSION", "GONETMON_CONFIG_DIR", "GRAFANA_ADDR", "GRAFANA_PORT", "GRAFANA_PASSWORD",
	"PROMETHEUS_PORT", "PROMETHEUS_RETENTION_TIME", "PROMETHEUS_RETENTION_SIZE", "ALERTMANAGER_PORT", "COMPOSE_PROFILES",
}

// InContainer reports whether this is a container of Docker or Podman.
func InContainer() bool {
	for _, name := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(name); err == nil {
			return true
		}
	}
	return false
}

// checkNames returns an error if a variable of the environment has a name that begins with GONETMON_, in capitals or not, and is
// not known. In a container the environment is .env and little else: there it is also an error if a name is almost that of a
// variable of compose.yaml. Elsewhere such a name may be another program's. Kubernetes sets GRAFANA_PORT and the like for
// services.
func checkNames(known []string, container bool) error {
	all := slices.Concat(known, composeNames)
	container = container && os.Getenv("KUBERNETES_SERVICE_HOST") == ""
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if slices.Contains(all, name) {
			continue
		}
		meant, capitals := "", strings.ToUpper(name)
		if strings.HasPrefix(capitals, prefix+"_") {
			meant = nearest(capitals, all)
		} else if i := slices.IndexFunc(composeNames, func(c string) bool { return misspelled(capitals, c) }); container && i >= 0 {
			meant = composeNames[i]
		}
		if meant == "" {
			continue
		}
		what := fmt.Sprintf("%s=%q", name, value)
		if strings.Contains(meant, "PASSWORD") || strings.Contains(capitals, "PASS") {
			what = name
		}
		return fmt.Errorf("%s: no such variable; did you mean %s? docs/configuration.md lists them all", what, meant)
	}
	return nil
}

// misspelled reports whether name is so much like known that nothing else can be meant: two letters differ, but not the
// first one of PORT in GRAFANA_PORT, as in GRAFANA_HOST; or the end is missing.
func misspelled(name, known string) bool {
	_, rest, _ := strings.Cut(known, "_")
	first := strings.TrimSuffix(known, rest) + rest[:1]
	return strings.HasPrefix(name, first) && (distance(name, known) <= 2 || strings.HasPrefix(known, name))
}
