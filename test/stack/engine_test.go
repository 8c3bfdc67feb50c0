package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// needDocker skips the test unless TEST_DOCKER=1; then whatever is missing makes it fail.
func needDocker(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("TEST_DOCKER") != "1" {
		t.Skip("runs a Docker engine of its own: `make check` installs what that takes, and sets TEST_DOCKER=1")
	}
	t.Setenv("TEST_KERNEL", "1")
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("TEST_DOCKER=1, but %s is missing; `make check` installs it", name)
		}
	}
}

// An engine is a Docker engine in a network namespace of its own, which is the host to its containers: its interfaces are theirs, and
// its loopback. It ends with the test, also with one that is killed.
type engine struct {
	t    *testing.T
	dir  string // all it has on disk
	home string // copy of the repository, where compose runs
	host *testnet.Namespace
	lan  *testnet.Namespace // the other end of all cables
	env  []string
}

// newEngine starts one whose host has two interfaces: lan0 with an address and the default route, and mon0 with neither.
func newEngine(t *testing.T) *engine {
	t.Helper()
	needDocker(t, "dockerd", "docker", "busybox", "prometheus", "tar", "go", "ip")
	dir, err := os.MkdirTemp("", "gonetmon-docker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	e := &engine{t: t, dir: dir, home: filepath.Join(dir, "home"), host: testnet.NewNamespace(t), lan: testnet.NewNamespace(t)}
	testnet.Veth(e.host, "lan0", e.lan, "lan1")
	testnet.Veth(e.host, "mon0", e.lan, "mon1")
	e.host.IP("address add 192.168.2.250/24 dev lan0")
	e.host.IP("route add default via 192.168.2.1 dev lan0")

	socket := "unix://" + filepath.Join(dir, "sock")
	e.env = append(os.Environ(), "DOCKER_HOST="+socket, "DOCKER_CONFIG="+filepath.Join(dir, "config"))
	e.startDaemon(socket)

	for _, name := range []string{"app", "docker", "prometheus", "grafana", "compose.yaml", ".dockerignore", ".env.example", "go.mod", "go.sum", "LICENSE", "THIRD_PARTY_NOTICES"} {
		e.must("mkdir", "-p", e.home)
		e.must("cp", "-r", filepath.Join(root, name), e.home)
	}
	plugins := filepath.Join(dir, "config/cli-plugins")
	e.must("mkdir", "-p", plugins)
	e.must("go", "build", "-o", filepath.Join(plugins, "docker-compose"), "github.com/docker/compose/v2/cmd") // as go.mod says
	return e
}

func (e *engine) startDaemon(socket string) {
	t := e.t
	t.Helper()
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	// The shell lives as long as its input, which closes however this test ends.
	daemon := exec.Command("sh", "-c", `"$@" <&- & cat; kill $!; wait $!`, "sh",
		"dockerd", "--host", socket, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--log-level=warn", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	daemon.Stdout, daemon.Stderr = log, log
	input, err := daemon.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	e.host.Do(func() { err = daemon.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if all := strings.Fields(e.must("docker", "ps", "-aq")); len(all) > 0 {
			e.must("docker", append([]string{"rm", "-f"}, all...)...)
		}
		_ = input.Close()
		_ = daemon.Wait() // with the status of dockerd, which was asked to end
		_ = log.Close()
		e.must("umount", filepath.Join(e.dir, "exec/netns/default")) // which it leaves
		if t.Failed() {
			t.Logf("dockerd:\n%s", tail(log.Name()))
		}
	})
	e.eventually(30*time.Second, "dockerd", func() (string, bool) {
		out, err := e.run("docker", "version", "--format", "{{.Server.Version}}")
		if err != nil {
			return out + tail(log.Name()), false
		}
		t.Logf("Docker engine %s", out)
		return "", true
	})
}

func tail(name string) string {
	b, _ := os.ReadFile(name)
	return string(b[max(0, len(b)-2000):])
}

// run runs a command in the copy of the repository, with the engine for docker.
func (e *engine) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = e.env
	if _, err := os.Stat(filepath.Join(e.home, "compose.yaml")); err == nil && name == "docker" {
		cmd.Dir = e.home
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (e *engine) must(name string, args ...string) string {
	e.t.Helper()
	out, err := e.run(name, args...)
	if err != nil {
		e.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// compose runs `docker compose`.
func (e *engine) compose(args ...string) string {
	e.t.Helper()
	start := time.Now()
	out := e.must("docker", append([]string{"compose"}, args...)...)
	e.t.Logf("docker compose %s: %.1f s", strings.Join(args, " "), time.Since(start).Seconds())
	return out
}

// dotenv writes .env.
func (e *engine) dotenv(lines ...string) {
	e.t.Helper()
	write(e.t, filepath.Join(e.home, ".env"), strings.Join(lines, "\n")+"\n")
}

// A container is what the engine says of one.
type container struct {
	RestartCount int
	State        struct {
		Status   string
		Pid      int
		ExitCode int
		Health   *struct {
			Status string
			Log    []struct{ Output string }
		}
	}
}

func (e *engine) container(service string) container {
	e.t.Helper()
	var all []container
	if err := json.Unmarshal([]byte(e.must("docker", "inspect", "gonetmon-"+service+"-1")), &all); err != nil || len(all) != 1 {
		e.t.Fatalf("inspect %s: %v", service, err)
	}
	return all[0]
}

// healthy waits until the services are, and returns how long it took.
func (e *engine) healthy(services ...string) time.Duration {
	e.t.Helper()
	start := time.Now()
	for _, service := range services {
		e.eventually(90*time.Second, service+" healthy", func() (string, bool) {
			c := e.container(service)
			if c.State.Health == nil {
				return "no health check", false
			}
			return fmt.Sprintf("%+v %+v\n%s", c.State, *c.State.Health, e.must("docker", "compose", "logs", "--tail=20", service)), c.State.Status == "running" && c.State.Health.Status == "healthy"
		})
	}
	return time.Since(start)
}

// eventually fails the test unless ok comes true in time; what ok says of the last try is told.
func (e *engine) eventually(limit time.Duration, what string, ok func() (string, bool)) {
	e.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(250 * time.Millisecond) {
		said, fine := ok()
		if fine {
			return
		}
		if time.Now().After(end) {
			e.t.Fatalf("%s: not after %v: %s", what, limit, said)
		}
	}
}

// get asks a server on the loopback interface of the host.
func (e *engine) get(url string) (string, error) {
	answer, err := e.host.HTTP().Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", answer.Status, b)
	}
	return string(b), err
}

// busyboxRoot makes the root of an image with a shell.
func (e *engine) busyboxRoot(name string, commands ...string) string {
	e.t.Helper()
	dir := filepath.Join(e.dir, name)
	e.must("mkdir", "-p", dir+"/bin", dir+"/tmp", dir+"/etc")
	e.must("chmod", "1777", dir+"/tmp")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		e.t.Fatal(err)
	}
	e.must("cp", busybox, dir+"/bin/busybox")
	for _, c := range append(commands, "sh") {
		e.must("ln", "-s", "busybox", dir+"/bin/"+c)
	}
	write(e.t, dir+"/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
	return dir
}

// importImage makes an image of a folder. Other folders go to where they are told to, as pairs "from:to".
func (e *engine) importImage(image, dir string, more []string, changes ...string) {
	e.t.Helper()
	start := time.Now()
	archive := dir + ".tar"
	e.must("tar", "-C", dir, "-cf", archive, ".")
	for _, pair := range more {
		from, to, _ := strings.Cut(pair, ":")
		e.must("tar", "-C", from, "--transform", `s,^\.,`+to+",", "--exclude=./test", "--exclude=./doc", "--exclude=./api", "-rf", archive, ".")
	}
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	e.must("docker", append(args, archive, image)...)
	e.must("rm", "-r", archive, dir)
	e.t.Logf("%s imported: %.1f s", image, time.Since(start).Seconds())
}

// images makes the images that the Dockerfile and compose.yaml name, of what this machine has: Go with the modules that go.mod
// asks for, and Prometheus. Of Grafana and Alertmanager there is only a shell and a page to be asked for.
func (e *engine) images() {
	t := e.t
	t.Helper()
	p := load(t, "alerts")
	from := regexp.MustCompile(`(?m)^FROM \S+ (golang:\S+)`).FindStringSubmatch(read(t, "docker/Dockerfile"))[1]
	golang := e.busyboxRoot("golang")
	modules := filepath.Join(e.dir, "modules")
	download := exec.Command("go", "mod", "download")
	download.Dir = root
	download.Env = append(os.Environ(), "GOMODCACHE="+modules, "GOFLAGS=-modcacherw", "GOPROXY=file://"+goEnv(t, "GOMODCACHE")+"/cache/download,"+goEnv(t, "GOPROXY"))
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	e.must("cp", "-r", modules+"/cache/download", golang+"/proxy")
	e.importImage(from, golang, []string{goEnv(t, "GOROOT") + ":usr/local/go"}, "ENV PATH=/usr/local/go/bin:/bin GOPROXY=file:///proxy GOSUMDB=off GOTOOLCHAIN=local GOPATH=/go")

	image := p.Services["prometheus"].Image
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal(err)
	}
	// Prometheus v3.13.5 is version v0.313.5 of its module.
	tag := regexp.MustCompile(`:v3\.(\d+)\.(\d+)$`).FindStringSubmatch(image)
	minor, _ := strconv.Atoi(tag[1])
	if want := fmt.Sprintf("prometheus/prometheus\tv0.%d.%s\t", 300+minor, tag[2]); !strings.Contains(e.must("go", "version", "-m", binary), want) {
		t.Fatalf("%s is not built of %s", binary, want)
	}
	prometheus := e.busyboxRoot("prometheus", "sed", "wget")
	e.must("cp", binary, prometheus+"/bin/prometheus")
	libraries, _ := e.run("ldd", binary) // an error means that it is static
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(libraries, -1) {
		if _, err := os.Stat(library); err == nil {
			e.must("cp", "-L", "--parents", library, prometheus)
		}
	}
	e.must("mkdir", prometheus+"/prometheus")
	e.must("chown", "65534:65534", prometheus+"/prometheus")
	e.importImage(image, prometheus, nil, "ENV PATH=/bin", "USER nobody", "WORKDIR /prometheus", "VOLUME /prometheus", `ENTRYPOINT ["/bin/prometheus"]`)

	grafana := e.busyboxRoot("grafana", "tr", "head", "wget", "httpd", "mkdir", "env", "grep", "ls", "touch")
	write(t, grafana+"/run.sh", `#!/bin/sh
set -e
touch /var/lib/grafana/grafana.db
ls /etc/grafana/dashboards/home.json /etc/grafana/provisioning/datasources /etc/grafana/provisioning/dashboards
env | grep -E '^(GF|PROMETHEUS|GRAFANA)_'
mkdir -p /tmp/api && echo '{"database": "ok"}' >/tmp/api/health
exec httpd -f -p "$GF_SERVER_HTTP_ADDR:$GF_SERVER_HTTP_PORT" -h /tmp
`)
	e.must("chmod", "755", grafana+"/run.sh")
	e.must("mkdir", "-p", grafana+"/var/lib/grafana")
	e.must("chown", "472:0", grafana+"/var/lib/grafana")
	e.importImage(p.Services["grafana"].Image, grafana, nil, "ENV PATH=/bin GF_PATHS_DATA=/var/lib/grafana", "USER 472", `ENTRYPOINT ["/run.sh"]`)

	alertmanager := e.busyboxRoot("alertmanager", "wget", "httpd", "mkdir", "touch", "ls")
	write(t, alertmanager+"/run.sh", `#!/bin/sh
set -e
echo "$*"
ls /etc/alertmanager/alertmanager.yml
mkdir -p /alertmanager/-
touch /alertmanager/-/ready
exec httpd -f -p "127.0.0.1:$ALERTMANAGER_PORT" -h /alertmanager
`)
	e.must("chmod", "755", alertmanager+"/run.sh")
	e.must("mkdir", alertmanager+"/alertmanager")
	e.must("chown", "65534:65534", alertmanager+"/alertmanager")
	e.importImage(p.Services["alertmanager"].Image, alertmanager, nil, "ENV PATH=/bin", "USER nobody", `ENTRYPOINT ["/run.sh"]`)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}
