// Package stack_test tests compose.yaml, the image, and how they use .env: by reading them, and with TEST_DOCKER=1 by running
// them in a Docker engine of its own. `make check` installs what that needs.
package stack_test

import (
	"context"
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"reflect"
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
	return loadFile(t, "compose.yaml", profile, env...)
}

// loadFile is load for a compose file of another name.
func loadFile(t *testing.T, name, profile string, env ...string) *types.Project {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), read(t, name))
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
		t.Fatalf("%s with .env %q: %v", name, env, err)
	}
	return p
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// interpolated returns the variables that compose.yaml and docker/compose.standalone.yaml take from .env.
func interpolated(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range []string{"compose.yaml", "docker/compose.standalone.yaml"} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(read(t, file)), &tree); err != nil {
			t.Fatal(err)
		}
		names = slices.AppendSeq(names, maps.Keys(template.ExtractVariables(tree, template.DefaultPattern)))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A .env as it is shipped, or with every variable empty, changes nothing.
func TestCompose_KeepsDefaults(t *testing.T) {
	var empty []string
	for _, name := range interpolated(t) {
		empty = append(empty, name+"=")
	}
	want := load(t, "alerts").Services
	for name, env := range map[string][]string{".env.example": strings.Split(read(t, ".env.example"), "\n"), "all empty": empty} {
		got := load(t, "alerts", env...).Services
		delete(got, "gonetmon") // it gets all lines, and ignores empty ones
		for service := range got {
			w, g := want[service], got[service]
			if !reflect.DeepEqual(g.Environment, w.Environment) || !slices.Equal(g.Command, w.Command) {
				t.Errorf("%s: %s has %v, %q; want %v, %q", name, service, g.Environment, g.Command, w.Environment, w.Command)
			}
		}
	}
}

// What a container gets by compose.yaml, and the kernel does not show when it runs; TestStack looks at the rest.
func TestCompose_Hardens(t *testing.T) {
	p := load(t, "alerts")
	for name, s := range p.Services {
		if s.NetworkMode != "host" || s.Restart != types.RestartPolicyUnlessStopped || s.Privileged {
			t.Errorf("%s: network %q, restart %q, privileged %v", name, s.NetworkMode, s.Restart, s.Privileged)
		}
		if local := strings.HasSuffix(s.Image, ":local"); !local || s.PullPolicy != types.PullPolicyBuild || s.Build == nil {
			t.Errorf("%s: image %s, pull policy %q, build %v", name, s.Image, s.PullPolicy, s.Build)
		}
		if l := s.Logging; l == nil || l.Driver != "json-file" || l.Options["max-size"] == "" || l.Options["max-file"] == "" {
			t.Errorf("%s: logging %+v", name, l)
		}
		if s.MemLimit <= 0 || s.MemLimit > 1<<30 || s.PidsLimit <= 0 || s.PidsLimit > 256 {
			t.Errorf("%s: mem_limit %d, pids_limit %d", name, s.MemLimit, s.PidsLimit)
		}
		if h := s.HealthCheck; h == nil || h.Disable || len(h.Test) < 2 || h.StartPeriod == nil || h.StartInterval != nil {
			t.Errorf("%s: healthcheck %+v", name, h) // engines before 25 reject start_interval
		}
		for _, tmp := range s.Tmpfs {
			if !strings.Contains(tmp, "size=") || !strings.Contains(tmp, "uid=") { // runc 1.1 forgets the mode at the second start
				t.Errorf("%s: tmpfs %s has no size or owner", name, tmp)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume {
				if _, named := p.Volumes[v.Source]; !named {
					t.Errorf("%s: volume %q has no name", name, v.Source)
				}
				continue
			}
			rel, err := filepath.Rel(p.WorkingDir, v.Source)
			if err == nil {
				_, err = os.Stat(filepath.Join(root, rel))
			}
			if err != nil || strings.HasPrefix(rel, "..") || !v.ReadOnly {
				t.Errorf("%s: mounts %s, read-only %v: %v", name, v.Source, v.ReadOnly, err)
			}
		}
	}
	if d := p.Services["prometheus"].StopGracePeriod; d == nil || time.Duration(*d) < 30*time.Second {
		t.Error("prometheus has no time to flush its data")
	}
	for _, name := range []string{"USERS_ALLOW_SIGN_UP", "ANALYTICS_REPORTING_ENABLED", "ANALYTICS_CHECK_FOR_UPDATES"} {
		if v := p.Services["grafana"].Environment["GF_"+name]; v == nil || *v != "false" {
			t.Errorf("grafana: %s is not false", name)
		}
	}
}

// The lines of .env reach all services that need them; TestStack shows that the ports do.
func TestCompose_PassesSettings(t *testing.T) {
	p := load(t, "alerts", "GONETMON_ADDR=192.168.2.3", "GRAFANA_PASSWORD=a b$$c", "GONETMON_INTERFAC=mon0",
		`GONETMON_PASSWORD='$it\'s #1'`, "GRAFANA_ADDR=192.168.2.3", "GRAFANA_PORT=3001")
	for _, tt := range []struct{ service, name, want string }{
		{"gonetmon", "GONETMON_INTERFAC", "mon0"}, // misspelled: the daemon reports it
		{"gonetmon", "GONETMON_ADDR", "192.168.2.3"},
		{"gonetmon", "GRAFANA_PASSWORD", ""},
		{"gonetmon", "GONETMON_PASSWORD", "$it's #1"},
		{"prometheus", "GONETMON_PASSWORD", "$it's #1"},
		{"gonetmon", "GONETMON_GRAFANA_URL", "http://192.168.2.3:3001"},
		{"prometheus", "GONETMON_ADDR", "192.168.2.3"},
		{"grafana", "GRAFANA_PASSWORD", "a b$c"},
	} {
		if got := p.Services[tt.service].Environment[tt.name]; got == nil || *got != tt.want {
			t.Errorf("%s: %s is not %q", tt.service, tt.name, tt.want)
		}
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

// .env.example lists every variable of the compose files once. That it lists the daemon's is tested in app/config.
func TestDotenvExample_IsComplete(t *testing.T) {
	names, used := documented(t), interpolated(t)
	for _, name := range used {
		if !slices.Contains(names, name) {
			t.Errorf(".env.example lacks %s", name)
		}
	}
	for i, name := range names {
		if !slices.Contains(used, name) && !strings.HasPrefix(name, "GONETMON_") && name != "COMPOSE_PROFILES" {
			t.Errorf(".env.example lists %s, which is not used", name)
		}
		if slices.Contains(names[:i], name) {
			t.Errorf(".env.example lists %s twice", name)
		}
	}
}

// The image is built by a Go with an exact tag that is not older than go.mod requires. It is built on this machine's processor.
func TestDockerfile(t *testing.T) {
	text := read(t, "docker/Dockerfile")
	from := regexp.MustCompile(`(?m)^FROM (?:--platform=\$\{BUILDPLATFORM:-linux\} )?(\S+)`).FindAllStringSubmatch(text, -1)
	if len(from) != 3 || from[0][1] != "$GONETMON_IMAGE" || from[2][1] != "scratch" {
		t.Fatalf("from %q", from)
	}
	required := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))[1]
	builds := regexp.MustCompile(`^golang:(1\.[0-9]+\.[0-9]+)-alpine3\.[0-9]+$`).FindStringSubmatch(from[1][1])
	if builds == nil || version.Compare("go"+builds[1], "go"+required) < 0 {
		t.Errorf("built by %s; go.mod requires %s", from[1][1], required)
	}
	for _, want := range []string{
		"CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} ", "HEALTHCHECK", "COPY LICENSE THIRD_PARTY_NOTICES /",
		`org.opencontainers.image.version="$VERSION"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}
}

// base returns the image that docker/SERVICE/Dockerfile adds files to. Both stages must have the same, with an exact tag.
func base(t *testing.T, service string) string {
	t.Helper()
	const platform, image = `(?:--platform=\$\{BUILDPLATFORM:-linux\} )?`, `([a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+)`
	text := read(t, "docker/"+service+"/Dockerfile")
	from := regexp.MustCompile(`(?m)^FROM `+platform+image+`(?: AS files)?$`).FindAllStringSubmatch(text, -1)
	if len(from) != 2 || from[0][1] != from[1][1] {
		t.Fatalf("docker/%s/Dockerfile: from %q", service, from)
	}
	return from[0][1]
}

// The tools that check the configuration have the versions of the images that read it.
func TestTools_HaveVersionsOfImages(t *testing.T) {
	mod := read(t, "test/tools/go.mod")
	// v3.13.5 is v0.313.5 of the module.
	for service, module := range map[string]string{"prometheus": "v0.3", "alertmanager": "v0."} {
		_, tag, _ := strings.Cut(base(t, service), ":")
		want := regexp.MustCompile(`^v\d+\.`).ReplaceAllString(tag, "github.com/prometheus/"+service+" "+module)
		if !strings.Contains(mod, want+"\n") && !strings.Contains(mod, want+" // indirect\n") {
			t.Errorf("test/tools/go.mod lacks %s", want)
		}
	}
}
