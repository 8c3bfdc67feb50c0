package stack_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write docker/compose.standalone.yaml and docker/compose.gonetmon.yaml")

// A standalone is a compose file that needs no clone. It is compose.yaml with published images.
type standalone struct {
	name, header string
	alone        bool // gonetmon without the others
}

var standalones = []standalone{
	{"docker/compose.standalone.yaml", `#
# gonetmon, Prometheus and Grafana with published images. It needs no other file: save it as compose.yaml in an empty folder
# and run docker compose up -d, or paste it into Portainer or the like. Settings are environment variables, or lines of .env
# beside it (see .env.example); none is required. Made from compose.yaml by make standalone.
`, false},
	{"docker/compose.gonetmon.yaml", `#
# gonetmon alone, with a published image, for those who have Prometheus and Grafana. Save it as compose.yaml in an empty folder
# and run docker compose up -d. Settings are environment variables, or lines of .env beside it (see .env.example); none is
# required. Made from compose.yaml by make standalone.
`, true},
}

// text makes the file.
func (s standalone) text(t *testing.T) string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &doc); err != nil {
		t.Fatal(err)
	}
	top := doc.Content[0]
	top.Content[0].HeadComment, doc.HeadComment = "", ""
	services := child(top, "services")
	for i := 0; i < len(services.Content); i += 2 {
		name, service := services.Content[i].Value, services.Content[i+1]
		remove(service, "build", "pull_policy")
		image := "gonetmon/gonetmon"
		if name != "gonetmon" {
			image += "-" + name
		}
		child(service, "image").Value = image + ":${GONETMON_VERSION:-latest}"
	}
	gonetmon := child(services, "gonetmon")
	remove(gonetmon, "env_file")
	environment := child(gonetmon, "environment")
	environment.Content[0].HeadComment = "# Each by its name: Portainer has no .env, and Docker Compose before 2.24 insists on it."
	for _, name := range daemonVariables(t) {
		if !taken(environment, name) {
			environment.Content = append(environment.Content, scalar(name), scalar("${"+name+":-}"))
		}
	}
	if s.alone {
		child(environment, "GONETMON_GRAFANA_URL").Value = "${GONETMON_GRAFANA_URL:-}"
		remove(environment, "GRAFANA_PASSWORD")
		keep(services, "gonetmon")
		keep(child(top, "volumes"), "gonetmon")
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(&doc); err != nil {
		t.Fatal(err)
	}
	spaced := regexp.MustCompile(`(?m)^(services|volumes|  prometheus|  grafana):`).ReplaceAllString(b.String(), "\n$0")
	return strings.TrimPrefix(s.header, "#\n") + strings.ReplaceAll(spaced, "!!merge ", "")
}

// daemonVariables returns the variables of .env.example that gonetmon itself reads.
func daemonVariables(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(documented(t), func(name string) bool {
		composeOnly := []string{"GONETMON_IMAGE", "GONETMON_VERSION", "GONETMON_CONFIG_DIR"}
		return !strings.HasPrefix(name, "GONETMON_") || slices.Contains(composeOnly, name)
	})
}

func scalar(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

func taken(mapping *yaml.Node, name string) bool {
	return slices.ContainsFunc(mapping.Content, func(n *yaml.Node) bool { return n.Value == name })
}

// child returns the value of a key, which must exist.
func child(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	panic("stack_test: compose.yaml has no " + name)
}

func remove(mapping *yaml.Node, names ...string) {
	filter(mapping, func(name string) bool { return !slices.Contains(names, name) })
}

func keep(mapping *yaml.Node, names ...string) {
	filter(mapping, func(name string) bool { return slices.Contains(names, name) })
}

// filter keeps the entries whose key is wanted.
func filter(mapping *yaml.Node, wanted func(string) bool) {
	var all []*yaml.Node
	for i := 0; i < len(mapping.Content); i += 2 {
		if wanted(mapping.Content[i].Value) {
			all = append(all, mapping.Content[i], mapping.Content[i+1])
		}
	}
	mapping.Content = all
}

func TestStandalone_IsCurrent(t *testing.T) {
	for _, s := range standalones {
		want := s.text(t)
		if *update {
			write(t, filepath.Join(root, s.name), want)
		} else if read(t, s.name) != want {
			t.Errorf("%s is not what compose.yaml makes; run make standalone", s.name)
		}
	}
}

// The standalone files need nothing of the repository, and pass all settings on.
func TestStandalone_NeedsNoClone(t *testing.T) {
	env := []string{"GONETMON_CIDR=10.0.0.0/8", "GONETMON_VERSION=0.1.0", "GRAFANA_PORT=3001", "PROMETHEUS_RETENTION_TIME=90d"}
	whole := load(t, "alerts", env...)
	for _, s := range standalones {
		p := loadFile(t, s.name, "alerts", env...)
		for name, got := range p.Services {
			want := whole.Services[name]
			image := "gonetmon/gonetmon-" + name + ":0.1.0"
			if name == "gonetmon" {
				image = "gonetmon/gonetmon:0.1.0"
			}
			if got.Build != nil || got.PullPolicy != "" || got.Image != image {
				t.Errorf("%s: %s: build %v, pull policy %q, image %s", s.name, name, got.Build, got.PullPolicy, got.Image)
			}
			for _, v := range got.Volumes {
				if v.Type == types.VolumeTypeBind && !strings.HasPrefix(v.Source, filepath.Join(p.WorkingDir, "config")+"/") {
					t.Errorf("%s: %s mounts %s", s.name, name, v.Source)
				}
			}
			for key, w := range want.Environment {
				if name == "gonetmon" && !slices.Contains(daemonVariables(t), key) || s.alone {
					continue // compose.yaml passes all of .env on
				}
				if g := got.Environment[key]; g == nil || *g != *w {
					t.Errorf("%s: %s: %s is not %q", s.name, name, key, *w)
				}
			}
		}
		for _, name := range daemonVariables(t) {
			if _, passed := p.Services["gonetmon"].Environment[name]; !passed {
				t.Errorf("%s: %s is not passed on", s.name, name)
			}
		}
		if n := len(p.Services); s.alone != (n == 1) {
			t.Errorf("%s: %d services", s.name, n)
		}
	}
}

// startStandalones starts each standalone file in an empty folder, with images of compose.yaml that get the names of those
// that are published, and takes one of them in place of the build.
func (e *engine) startStandalones() {
	clone := e.home
	e.must("docker", "tag", "gonetmon:local", "gonetmon/gonetmon:latest")
	for _, service := range []string{"prometheus", "grafana", "alertmanager"} {
		e.must("docker", "tag", "gonetmon-"+service+":local", "gonetmon/gonetmon-"+service+":latest")
	}
	for i, s := range standalones {
		e.step(filepath.Base(s.name), func() {
			e.home = filepath.Join(e.dir, fmt.Sprint("empty", i))
			defer func() { e.home = clone }()
			if err := os.Mkdir(e.home, 0o755); err != nil {
				e.t.Fatal(err)
			}
			write(e.t, filepath.Join(e.home, "compose.yaml"), read(e.t, s.name))
			e.dotenv("GONETMON_INTERFACE=mon0", "TZ=Asia/Kathmandu")
			e.compose("up", "-d", "--wait")
			want := []string{"127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:3000"}
			if s.alone {
				want = want[:1]
			}
			e.expectListening(want...)
			if _, page := e.get("http://127.0.0.1:8080/metrics"); !strings.Contains(page, `interface="mon0"`) {
				e.t.Errorf("gonetmon does not listen on mon0: %.2000s", page)
			}
			if !s.alone {
				e.eventually("scrape", func() (string, bool) {
					v, err := e.query(9090, `up{job="gonetmon"}`)
					return fmt.Sprint(v, err), err == nil && fmt.Sprint(v) == "map[home:1]"
				})
			}
			e.compose("down", "--volumes")
		})
	}
	e.step("GONETMON_IMAGE", func() {
		e.must("docker", "tag", "gonetmon:local", "gonetmon/gonetmon:0.0.9")
		app := filepath.Join(e.home, "app")
		e.must("mv", app, e.dir) // so that nothing can be built
		e.must("mkdir", app)
		defer func() { e.must("rm", "-r", app); e.must("mv", filepath.Join(e.dir, "app"), app) }()
		e.dotenv("GONETMON_IMAGE=gonetmon/gonetmon:0.0.9")
		e.compose("up", "-d", "--wait", "gonetmon")
		e.compose("down", "--volumes")
		e.dotenv()
	})
	e.step("OtherProcessors", func() {
		for arch, platform := range map[string]string{"aarch64": "linux/arm64", "arm": "linux/arm/v7"} {
			e.must("sh", "-c", "DOCKER_DEFAULT_PLATFORM="+platform+" docker compose build gonetmon")
			e.must("docker", "create", "--name", arch, "--platform", platform, "gonetmon:local")
			binary := filepath.Join(e.dir, arch)
			e.must("docker", "cp", arch+":/gonetmon", binary)
			e.must("docker", "rm", arch)
			if got := e.must("qemu-"+arch+"-static", binary, "version"); !strings.HasSuffix(got, strings.TrimSuffix(platform, "/v7")+")") {
				e.t.Errorf("%s: version: %s", platform, got)
			}
		}
	})
}
