// Package stack_test tests compose.yaml, the image, and how they use .env: by reading them, and with TEST_DOCKER=1 by running them in a
// Docker engine of its own. `make check` installs what that needs.
package stack_test

import (
	"bytes"
	"context"
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// load reads compose.yaml as `docker compose` does with these lines in .env. Without any there is no .env.
func load(t *testing.T, profile string, env ...string) *types.Project {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), read(t, "compose.yaml"))
	options := []cli.ProjectOptionsFn{cli.WithWorkingDirectory(dir)}
	if len(env) > 0 {
		write(t, filepath.Join(dir, ".env"), strings.Join(env, "\n"))
		options = append(options, cli.WithEnvFiles(), cli.WithDotEnv)
	}
	if profile != "" {
		options = append(options, cli.WithProfiles([]string{profile}))
	}
	o, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, options...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("compose.yaml with .env %q: %v", env, err)
	}
	return p
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// interpolated returns the variables that compose.yaml takes from .env, with their defaults.
func interpolated(t *testing.T) map[string]string {
	t.Helper()
	var tree map[string]any
	if err := yaml.NewDecoder(bytes.NewReader([]byte(read(t, "compose.yaml")))).Decode(&tree); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for name, v := range template.ExtractVariables(tree, template.DefaultPattern) {
		defaults[name] = v.DefaultValue
	}
	return defaults
}

// environments are those in which everything has its default.
func environments(t *testing.T) map[string][]string {
	empty := strings.Fields(strings.Join(slices.Collect(maps.Keys(interpolated(t))), "= ") + "=")
	for _, name := range documented(t) {
		empty = append(empty, name+"=")
	}
	return map[string][]string{
		"no .env":      nil,
		".env.example": strings.Split(read(t, ".env.example"), "\n"),
		"all empty":    empty,
	}
}

func TestCompose_Defaults(t *testing.T) {
	for name, env := range environments(t) {
		t.Run(name, func(t *testing.T) {
			p := load(t, "", env...)
			if got := p.ServiceNames(); !slices.Equal(got, []string{"gonetmon", "grafana", "prometheus"}) {
				t.Errorf("without a profile: %v", got)
			}
			p = load(t, "alerts", env...)
			if got := p.ServiceNames(); !slices.Equal(got, []string{"alertmanager", "gonetmon", "grafana", "prometheus"}) {
				t.Errorf("with the profile alerts: %v", got)
			}
			for _, name := range p.ServiceNames() {
				service := p.Services[name]
				t.Run(name, func(t *testing.T) { expectHardened(t, p, &service) })
			}
			expectDefaults(t, p)
		})
	}
}

var exactTag = regexp.MustCompile(`^[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+$`)

// expectHardened checks what all services have in common.
func expectHardened(t *testing.T, p *types.Project, s *types.ServiceConfig) {
	var add []string
	image := exactTag
	if s.Name == "gonetmon" {
		add = []string{"NET_RAW", "NET_ADMIN", "SETUID", "SETGID"}
		image = regexp.MustCompile(`^gonetmon:local$`) // built here, never pulled
		if s.Build == nil || s.PullPolicy != types.PullPolicyBuild {
			t.Errorf("build %v, pull policy %q", s.Build, s.PullPolicy)
		}
	} else if s.Build != nil {
		t.Error("is built")
	}
	switch {
	case !image.MatchString(s.Image):
		t.Errorf("image %s has no exact tag", s.Image)
	case s.NetworkMode != "host" || len(s.Ports) > 0:
		t.Errorf("network %q, ports %v", s.NetworkMode, s.Ports)
	case s.Restart != types.RestartPolicyUnlessStopped:
		t.Errorf("restart %q", s.Restart)
	case s.Privileged || s.User != "" || s.Pid != "" || s.Ipc != "" || len(s.Devices) > 0:
		t.Errorf("privileged %v, user %q, pid %q, ipc %q, devices %v", s.Privileged, s.User, s.Pid, s.Ipc, s.Devices)
	}
	if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.CapAdd, add) {
		t.Errorf("cap_drop %v, cap_add %v; want ALL, %v", s.CapDrop, s.CapAdd, add)
	}
	if !s.ReadOnly || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
		t.Errorf("read_only %v, security_opt %v", s.ReadOnly, s.SecurityOpt)
	}
	if l := s.Logging; l == nil || l.Driver != "json-file" || l.Options["max-size"] == "" || l.Options["max-file"] == "" {
		t.Errorf("logging %+v", l)
	}
	if s.MemLimit <= 0 || s.MemLimit > 1<<30 || s.PidsLimit <= 0 || s.PidsLimit > 256 {
		t.Errorf("mem_limit %d, pids_limit %d", s.MemLimit, s.PidsLimit)
	}
	if h := s.HealthCheck; h == nil || h.Disable || len(h.Test) < 2 || h.Interval == nil || h.Timeout == nil || h.Retries == nil || h.StartPeriod == nil || h.StartInterval != nil {
		t.Errorf("healthcheck %+v", h) // engines before 25 reject start_interval
	}
	for _, tmp := range s.Tmpfs {
		if !strings.Contains(tmp, "size=") || !strings.Contains(tmp, "uid=") { // runc 1.1 forgets the mode at the second start
			t.Errorf("tmpfs %s has no size or owner", tmp)
		}
	}
	for _, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeBind:
			rel, err := filepath.Rel(p.WorkingDir, v.Source)
			if err != nil || strings.HasPrefix(rel, "..") || !v.ReadOnly {
				t.Errorf("mounts %s, read-only %v", v.Source, v.ReadOnly)
			}
			if _, err := os.Stat(filepath.Join(root, rel)); err != nil {
				t.Error(err)
			}
		case types.VolumeTypeVolume:
			if _, named := p.Volumes[v.Source]; !named || v.Source == "" {
				t.Errorf("volume %q has no name", v.Source)
			}
		default:
			t.Errorf("mounts a %s", v.Type)
		}
	}
}

// expectDefaults checks the services without settings in .env.
func expectDefaults(t *testing.T, p *types.Project) {
	gonetmon, prometheus, grafana, alertmanager := p.Services["gonetmon"], p.Services["prometheus"], p.Services["grafana"], p.Services["alertmanager"]
	if f := gonetmon.EnvFiles; len(f) != 1 || f[0].Path != filepath.Join(p.WorkingDir, ".env") || f[0].Required {
		t.Errorf("gonetmon: env_file %+v", f)
	}
	for name, v := range gonetmon.Environment {
		if strings.HasPrefix(name, "GONETMON_") && *v != "" {
			t.Errorf("gonetmon: %s=%s", name, *v)
		}
	}
	for _, tt := range []struct {
		service types.ServiceConfig
		want    map[string]string
	}{
		{prometheus, map[string]string{"GONETMON_ADDR": "", "GONETMON_PORT": "8080", "PROMETHEUS_PORT": "9090", "ALERTMANAGER_PORT": "9093", "RETENTION_TIME": "1y", "RETENTION_SIZE": "4GB"}},
		{grafana, map[string]string{
			"GF_SERVER_HTTP_ADDR": "127.0.0.1", "GF_SERVER_HTTP_PORT": "3000", "GRAFANA_PASSWORD": "", "PROMETHEUS_URL": "http://127.0.0.1:9090",
			"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer", "GF_USERS_ALLOW_SIGN_UP": "false",
			"GF_ANALYTICS_REPORTING_ENABLED": "false", "GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
			"GF_SECURITY_DISABLE_GRAVATAR": "true", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/etc/grafana/dashboards/home.json",
		}},
	} {
		for name, want := range tt.want {
			if got := tt.service.Environment[name]; got == nil || *got != want {
				t.Errorf("%s: %s is not %q", tt.service.Name, name, want)
			}
		}
	}
	for _, want := range []string{"--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="} {
		if !slices.Contains(alertmanager.Command, want) {
			t.Errorf("alertmanager: %q lacks %s", alertmanager.Command, want)
		}
	}
	for name, s := range map[string]types.ServiceConfig{"prometheus": prometheus, "grafana": grafana, "alertmanager": alertmanager} {
		if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == types.VolumeTypeVolume && v.Source == name }) {
			t.Errorf("%s has no volume of its own", name)
		}
	}
	if d := prometheus.StopGracePeriod; d == nil || time.Duration(*d) < 30*time.Second {
		t.Error("prometheus has no time to flush its data")
	}
}

// Each port is set once and reaches all services that need it.
func TestCompose_PassesSettings(t *testing.T) {
	p := load(t, "alerts", "GONETMON_PORT=18080", "GONETMON_ADDR=192.168.2.3", "PROMETHEUS_PORT=19090", "GRAFANA_PORT=13000", "GRAFANA_ADDR=0.0.0.0", "ALERTMANAGER_PORT=19093", "GRAFANA_PASSWORD=a b$$c", "GONETMON_INTERFAC=mon0")
	for _, tt := range []struct{ service, name, want string }{
		{"gonetmon", "GONETMON_INTERFAC", "mon0"}, // misspelled: the daemon reports it
		{"gonetmon", "GONETMON_PORT", "18080"},
		{"gonetmon", "GONETMON_ADDR", "192.168.2.3"},
		{"gonetmon", "GRAFANA_PASSWORD", ""},
		{"prometheus", "GONETMON_PORT", "18080"},
		{"prometheus", "GONETMON_ADDR", "192.168.2.3"},
		{"prometheus", "PROMETHEUS_PORT", "19090"},
		{"prometheus", "ALERTMANAGER_PORT", "19093"},
		{"grafana", "PROMETHEUS_URL", "http://127.0.0.1:19090"},
		{"grafana", "GF_SERVER_HTTP_PORT", "13000"},
		{"grafana", "GF_SERVER_HTTP_ADDR", "0.0.0.0"},
		{"alertmanager", "ALERTMANAGER_PORT", "19093"},
	} {
		if got := p.Services[tt.service].Environment[tt.name]; got == nil || *got != tt.want {
			t.Errorf("%s: %s is not %q", tt.service, tt.name, tt.want)
		}
	}
	if c := p.Services["alertmanager"].Command; !slices.Contains(c, "--web.listen-address=127.0.0.1:19093") {
		t.Errorf("alertmanager: %q", c)
	}
}

var exampleLine = regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=`)

// documented returns the variables of .env.example.
func documented(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range exampleLine.FindAllStringSubmatch(read(t, ".env.example"), -1) {
		names = append(names, m[1])
	}
	return names
}

// .env.example lists every variable of compose.yaml once. That it lists the daemon's is tested in app/config.
func TestDotenvExample_IsComplete(t *testing.T) {
	names := documented(t)
	taken := interpolated(t)
	for name := range taken {
		if !slices.Contains(names, name) {
			t.Errorf(".env.example lacks %s", name)
		}
	}
	for i, name := range names {
		if _, ok := taken[name]; !ok && !strings.HasPrefix(name, "GONETMON_") && name != "COMPOSE_PROFILES" {
			t.Errorf(".env.example lists %s, which is not used", name)
		}
		if slices.Contains(names[:i], name) {
			t.Errorf(".env.example lists %s twice", name)
		}
	}
}

// The image is built by a Go with an exact tag that is not older than go.mod requires. It holds only the binary and its licences.
func TestDockerfile(t *testing.T) {
	text := read(t, "docker/Dockerfile")
	from := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`).FindAllStringSubmatch(text, -1)
	if len(from) != 2 || !regexp.MustCompile(`^golang:1\.[0-9]+\.[0-9]+-alpine3\.[0-9]+$`).MatchString(from[0][1]) || from[1][1] != "scratch" {
		t.Errorf("from %q", from)
	}
	required := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))[1]
	if builds := regexp.MustCompile(`:([0-9.]+)-`).FindStringSubmatch(from[0][1])[1]; version.Compare("go"+builds, "go"+required) < 0 {
		t.Errorf("built by Go %s; go.mod requires %s", builds, required)
	}
	if strings.Contains(text, "latest") || strings.Contains(text, "--mount") { // the classic builder has no mounts
		t.Error("latest or --mount")
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", `HEALTHCHECK`, "COPY LICENSE THIRD_PARTY_NOTICES /", `ENTRYPOINT ["/gonetmon"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, label := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		if !strings.Contains(text, "org.opencontainers.image."+label+"=") {
			t.Errorf("has no label %s", label)
		}
	}
}

// The tools that check the configuration have the versions of the images that read it.
func TestTools_HaveVersionsOfImages(t *testing.T) {
	p := load(t, "alerts")
	for _, tt := range []struct{ service, tag, module, version string }{
		{"prometheus", `:v3\.(\d+)\.(\d+)$`, "github.com/prometheus/prometheus", "v0.3$1.$2"}, // v3.13.5 is v0.313.5 of the module
		{"alertmanager", `:v(\d+)\.(\d+)\.(\d+)$`, "github.com/prometheus/alertmanager", "v$1.$2.$3"},
	} {
		tag, image := regexp.MustCompile(tt.tag), p.Services[tt.service].Image
		at := tag.FindStringSubmatchIndex(image)
		if at == nil {
			t.Fatalf("%s: %s", tt.service, image)
		}
		want := tt.module + " " + string(tag.ExpandString(nil, tt.version, image, at))
		for _, mod := range []string{"test/tools/go.mod", "test/dashboards/go.mod"} {
			if text := read(t, mod); strings.Contains(text, tt.module+" ") && !strings.Contains(text, want+"\n") && !strings.Contains(text, want+" // indirect\n") {
				t.Errorf("%s does not have %s", mod, want)
			}
		}
		if !strings.Contains(read(t, "test/tools/go.mod"), want) {
			t.Errorf("test/tools/go.mod lacks %s", want)
		}
	}
}
