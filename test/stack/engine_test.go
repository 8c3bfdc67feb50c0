package stack_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// needDocker skips the test unless TEST_DOCKER=1; then a missing program is an error.
func needDocker(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("TEST_DOCKER") != "1" {
		t.Skip("needs root, Docker and more: `make check` installs it and sets TEST_DOCKER=1")
	}
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("TEST_DOCKER=1, but %s is missing; `make check` installs it", name)
		}
	}
}

// run runs a command, and returns its output.
func run(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(testnet.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// An engine is a Docker engine in a network namespace of its own. To its containers that namespace is the host. It ends with the
// test, even if the test is killed.
type engine struct {
	t    *testing.T
	dir  string // for everything on disk
	home string // copy of the repository, where compose runs
	host *testnet.Namespace
	lan  *testnet.Namespace // the other end of all cables
	env  []string
}

var building sync.Mutex // the first build fills the cache for the others

// newEngine starts an engine whose host has two interfaces: lan0 with an address and the default route, and mon0 with neither.
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

	socket, plugins := "unix://"+filepath.Join(dir, "sock"), filepath.Join(dir, "config/cli-plugins")
	e.env = []string{"DOCKER_HOST=" + socket, "DOCKER_CONFIG=" + filepath.Join(dir, "config")}
	for _, name := range []string{e.home, plugins} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	e.startDaemon(socket)
	const parts = "app config docker prometheus grafana compose.yaml .dockerignore go.mod go.sum LICENSE THIRD_PARTY_NOTICES"
	for name := range strings.FieldsSeq(parts) {
		run(t, ".", nil, "cp", "-r", filepath.Join(root, name), e.home)
	}
	building.Lock()
	defer building.Unlock()
	run(t, ".", nil, "go", "build", "-o", filepath.Join(plugins, "docker-compose"), "github.com/docker/compose/v2/cmd")
	return e
}

func (e *engine) startDaemon(socket string) {
	t := e.t
	t.Helper()
	// The shell ends dockerd when its input closes, however this test ends.
	daemon := exec.Command("sh", "-c", `"$@" <&- & cat; kill $!; wait $!`, "sh",
		"dockerd", "--host", socket, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--log-level=warn",
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	name := filepath.Join(e.dir, "log")
	log, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	tail := func() string {
		b, _ := os.ReadFile(name)
		return string(b[max(0, len(b)-2000):])
	}
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
		_ = daemon.Wait()                                            // with the status of dockerd, which was told to end
		e.must("umount", filepath.Join(e.dir, "exec/netns/default")) // which it leaves mounted
		if t.Failed() {
			t.Logf("dockerd:\n%s", tail())
		}
	})
	e.eventually("dockerd", func() (string, bool) {
		out, err := e.try("docker", "version", "--format", "{{.Server.Version}}")
		return out + tail(), err == nil
	})
}

// step runs a part of the test. If it fails, the test ends.
func (e *engine) step(name string, fn func()) {
	e.t.Helper()
	whole, begin := e.t, time.Now()
	if !whole.Run(name, func(t *testing.T) {
		e.t = t
		defer func() { e.t = whole }()
		fn()
		t.Logf("%.1f s", time.Since(begin).Seconds())
	}) {
		whole.FailNow()
	}
}

// try runs a command in the copy of the repository, with the engine for docker.
func (e *engine) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = e.home, append(os.Environ(), e.env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is try for a command that must succeed.
func (e *engine) must(name string, args ...string) string {
	e.t.Helper()
	out, err := e.try(name, args...)
	if err != nil {
		e.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// compose runs `docker compose`.
func (e *engine) compose(args ...string) {
	e.t.Helper()
	start := time.Now()
	e.must("docker", append([]string{"compose"}, args...)...)
	e.t.Logf("docker compose %s: %.1f s", strings.Join(args, " "), time.Since(start).Seconds())
}

// edit replaces a text in a file.
func (e *engine) edit(name, before, after string) {
	e.t.Helper()
	name = filepath.Join(e.home, name)
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), before) {
		e.t.Fatalf("%s: no %q: %v", name, before, err)
	}
	write(e.t, name, strings.Replace(string(b), before, after, 1))
}

// dotenv writes .env.
func (e *engine) dotenv(lines ...string) {
	e.t.Helper()
	write(e.t, filepath.Join(e.home, ".env"), strings.Join(lines, "\n")+"\n")
}

// A container is part of the output of `docker inspect`.
type container struct {
	RestartCount int
	HostConfig   struct{ Memory int64 }
	State        struct {
		Status    string
		Pid       int
		OOMKilled bool
		Health    struct {
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

// awaitHealthy waits until the services are healthy.
func (e *engine) awaitHealthy(services ...string) {
	e.t.Helper()
	for _, service := range services {
		e.eventually(service+" healthy", func() (string, bool) {
			c := e.container(service)
			if c.State.Status == "running" && c.State.Health.Status == "healthy" {
				return "", true
			}
			return fmt.Sprintf("%+v\n%s", c, e.must("docker", "compose", "logs", "--tail=20", service)), false
		})
	}
}

// eventually waits until ok returns true. Its text explains the last failure.
func (e *engine) eventually(what string, ok func() (string, bool)) {
	e.t.Helper()
	var text string
	if !testnet.Within(2*time.Minute, func() (done bool) { text, done = ok(); return done }) {
		e.t.Fatalf("%s: not within two minutes: %s", what, text)
	}
}

// get asks a server on the loopback interface of the host.
func (e *engine) get(url string) (status int, body string) { return testnet.Get(e.host.HTTP(), url) }

// busyboxRoot creates the root folder of an image with a shell.
func (e *engine) busyboxRoot(name string, commands ...string) string {
	e.t.Helper()
	dir := filepath.Join(e.dir, name)
	e.must("mkdir", "-p", dir+"/bin", dir+"/tmp", dir+"/etc")
	e.must("chmod", "1777", dir+"/tmp")
	busybox, _ := exec.LookPath("busybox")
	e.must("cp", busybox, dir+"/bin/busybox")
	for _, c := range append(commands, "sh") {
		e.must("ln", "-s", "busybox", dir+"/bin/"+c)
	}
	write(e.t, dir+"/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
	write(e.t, dir+"/etc/group", "root:x:0:\nnobody:x:65534:\n")
	return dir
}

// importImage creates an image from a folder. goroot, if any, becomes /usr/local/go.
func (e *engine) importImage(image, dir, goroot string, changes ...string) {
	e.t.Helper()
	archive := dir + ".tar"
	e.must("tar", "-C", dir, "-cf", archive, ".")
	if goroot != "" {
		e.must("tar", "-C", goroot, "--transform", `s,^\.,usr/local/go,`,
			"--exclude=./test", "--exclude=./doc", "--exclude=./api", "-rf", archive, ".")
	}
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	e.must("docker", append(args, archive, image)...)
	e.must("rm", "-r", archive, dir)
}

// importImages creates the images that the Dockerfiles name from what this machine has: Go with the modules of
// go.mod, Prometheus and Alertmanager. Grafana is a shell script with a health page.
func (e *engine) importImages() {
	t := e.t
	t.Helper()
	from := regexp.MustCompile(`(?m)^FROM \S+ (golang:\S+)`).FindStringSubmatch(read(t, "docker/Dockerfile"))[1]
	golang, modules := e.busyboxRoot("golang"), filepath.Join(e.dir, "modules")
	goEnv := func(name string) string { return run(t, root, nil, "go", "env", name) }
	proxy := "GOPROXY=file://" + goEnv("GOMODCACHE") + "/cache/download," + goEnv("GOPROXY")
	run(t, root, []string{"GOMODCACHE=" + modules, "GOFLAGS=-modcacherw", proxy}, "go", "mod", "download")
	e.must("mv", modules+"/cache/download", golang+"/proxy")
	e.importImage(from, golang, goEnv("GOROOT"),
		"ENV PATH=/usr/local/go/bin:/bin GOPROXY=file:///proxy GOSUMDB=off GOTOOLCHAIN=local GOPATH=/go")

	image := base(t, "prometheus")
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(image, "prom/prometheus:v3.", "prometheus/prometheus\tv0.3", 1) + "\t" // v3.13.5 is v0.313.5
	if !strings.Contains(e.must("go", "version", "-m", binary), want) {
		t.Fatalf("%s is not %s", binary, want)
	}
	common := []string{"chmod", "grep", "gzip", "id", "ls", "mkdir", "tar", "touch", "wget"}
	for service, program := range map[string]string{"prometheus": binary, "alertmanager": e.buildAlertmanager()} {
		dir := e.busyboxRoot(service, append(common, "sed")...)
		e.must("cp", program, dir+"/bin/"+service)
		e.must("mkdir", dir+"/"+service)
		e.must("chown", "65534:65534", dir+"/"+service)
		e.importImage(base(t, service), dir, "", "ENV PATH=/bin", "USER nobody", "WORKDIR /"+service, "VOLUME /"+service,
			`ENTRYPOINT ["/bin/`+service+`"]`)
	}

	// The entry point asks Grafana's program for a new password. The stand-in keeps it in its volume.
	const script = `#!/bin/sh
set -e
ls /etc/grafana/dashboards/home.json /etc/grafana/provisioning/datasources /etc/grafana/provisioning/dashboards
touch /var/lib/grafana/grafana.db
mkdir -p /tmp/api && echo '{"database": "ok"}' >/tmp/api/health
exec httpd -f -p "$GF_SERVER_HTTP_ADDR:$GF_SERVER_HTTP_PORT" -h /tmp
`
	grafana := e.busyboxRoot("grafana", append(common, "cat", "tr", "head", "httpd")...)
	write(t, grafana+"/run.sh", script)
	write(t, grafana+"/bin/grafana", "#!/bin/sh\ncat >/var/lib/grafana/password\n")
	e.must("chmod", "755", grafana+"/run.sh", grafana+"/bin/grafana")
	e.must("mkdir", "-p", grafana+"/var/lib/grafana")
	e.must("chown", "472:0", grafana+"/var/lib/grafana")
	e.importImage(base(t, "grafana"), grafana, "", "USER 472:0", `ENTRYPOINT ["/run.sh"]`,
		"ENV PATH=/bin GF_PATHS_DATA=/var/lib/grafana GF_PATHS_HOME=/ GF_PATHS_CONFIG=/ini")
}

// buildAlertmanager builds the version that the Dockerfile names. The module embeds a user interface that it does not contain, so
// this is a copy with an empty one.
func (e *engine) buildAlertmanager() string {
	t := e.t
	t.Helper()
	_, tag, _ := strings.Cut(base(t, "alertmanager"), ":")
	module := "github.com/prometheus/alertmanager@" + tag
	run(t, filepath.Join(root, "test/tools"), nil, "go", "mod", "download", module)
	source := filepath.Join(e.dir, "source")
	run(t, root, nil, "sh", "-c", `cp -r --no-preserve=mode "$(go env GOMODCACHE)/$0" "$1"`, module, source)
	dist := filepath.Join(source, "ui/app/dist")
	e.must("mkdir", dist)
	write(t, dist+"/index.html", "")
	building.Lock()
	defer building.Unlock()
	run(t, source, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", "alertmanager", "./cmd/alertmanager")
	return filepath.Join(source, "alertmanager")
}
