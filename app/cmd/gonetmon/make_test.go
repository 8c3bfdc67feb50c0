package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// docker stands in for a Docker with three containers. The state of two of them is in the environment. A restart may correct the
// last one.
const docker = `#!/bin/sh
case "$*" in
"compose up -d") exit $UP ;;
"compose ps -aq") printf 'a\nb\nc\n' ;;
"restart c") echo "$CORRECTED" >restarted ;;
"inspect -f {{.State.Status}}"*a) echo running healthy ;;
"inspect -f {{.State.Status}}"*b) echo $GONETMON ;;
"inspect -f {{.State.Status}}"*c) cat restarted 2>/dev/null | grep . || echo $GRAFANA ;;
"inspect -f {{.State.StartedAt}}"*) echo 10:00 ;;
"inspect -f {{index"*b) echo gonetmon ;;
"inspect -f {{index"*c) echo grafana ;;
"inspect -f {{with"*b) printf 'eth1: no such interface\neth2: no such interface\n\n' ;;
"inspect -f {{with"*c) ;;
"logs --tail 5 --since 10:00 b") echo 'waiting for it' >&2 ;;
"logs --tail 5 --since 10:00 c") ;;
"logs --tail 1 c") echo 'GRAFANA_PORT=x: is not a port' ;;
*) echo "unexpected: docker $*"; exit 9 ;;
esac
`

// makeUp runs make up in a folder with this .env.
func makeUp(t *testing.T, dotenv string, env ...string) (string, error) {
	t.Helper()
	testnet.NeedCommand(t, "make", "apt-get install make")
	dir, root := t.TempDir(), "../../.."
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".env": dotenv, "bin/docker": docker, "bin/sleep": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Makefile", "docker", "test"} {
		target, err := filepath.Abs(filepath.Join(root, name))
		if err == nil {
			err = os.Symlink(target, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", "--no-print-directory", "up")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C")
	cmd.Env = append(append(cmd.Env, env...), "MAKELEVEL=", "MAKEFLAGS=") // also below make test
	out, err := cmd.CombinedOutput()
	said, _, _ := strings.Cut(string(out), "make: ***")
	return said, err
}

// make up names each container that failed, with the last answer of its health check and the end of its log.
func TestMakeUp_SaysWhatFailed(t *testing.T) {
	const (
		interfaces = "eth1: no such interface\neth2: no such interface\nwaiting for it\n"
		port       = "\ngrafana starts again and again:\nGRAFANA_PORT=x: is not a port\n"
	)
	for _, tt := range []struct {
		name, up, gonetmon, grafana string
		want                        string
	}{
		{"all healthy", "0", "running healthy", "running", ""},
		{"up fails", "1", "running healthy", "running", ""},
		{"both", "0", "running unhealthy", "restarting", "\ngonetmon is unhealthy:\n" + interfaces + port},
		{"again and again", "0", "running healthy", "restarting", port},
		{"again and again, the other still starts", "0", "running starting", "restarting unhealthy", port},
		{"ended", "0", "exited unhealthy", "running", "\ngonetmon has ended:\n" + interfaces},
		{"ended, the other still starts", "0", "exited", "running starting", "\ngonetmon has ended:\n" + interfaces},
		{"for minutes", "0", "running starting", "running", "\ngonetmon has not become healthy:\n" + interfaces},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said, err := makeUp(t, "", "UP="+tt.up, "GONETMON="+tt.gonetmon, "GRAFANA="+tt.grafana, "CORRECTED=")
			if well := tt.up == "0" && tt.want == ""; (err == nil) != well || said != tt.want {
				t.Errorf("%v, %q, want %q", err, said, tt.want)
			}
		})
	}
}

// A container that Docker will start again only later, as it failed before, gets its chance at once.
func TestMakeUp_RestartsWhatWaits(t *testing.T) {
	said, err := makeUp(t, "", "UP=0", "GONETMON=running healthy", "GRAFANA=restarting", "CORRECTED=running healthy")
	if err != nil || said != "" {
		t.Errorf("%v, %q", err, said)
	}
}

// A password that Docker Compose would change stops make up before it starts anything.
func TestMakeUp_ChecksPasswords(t *testing.T) {
	said, err := makeUp(t, "GRAFANA_PASSWORD=hush$word1", "UP=0", "GONETMON=exited", "GRAFANA=exited")
	if err == nil || !strings.HasPrefix(said, "GRAFANA_PASSWORD, in .env: ") || strings.Count(said, "\n") != 1 ||
		strings.Contains(said, "hush") {
		t.Errorf("%v, %q", err, said)
	}
}
