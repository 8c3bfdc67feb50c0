package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// docker stands in for a Docker with three containers. The state of two of them is in the environment.
const docker = `#!/bin/sh
case "$*" in
"compose up -d") exit $UP ;;
"compose ps -aq") printf 'a\nb\nc\n' ;;
"inspect -f {{.State.Status}}"*a) echo running healthy ;;
"inspect -f {{.State.Status}}"*b) echo $GONETMON ;;
"inspect -f {{.State.Status}}"*c) echo $GRAFANA ;;
"inspect -f {{index"*b) echo gonetmon ;;
"inspect -f {{index"*c) echo grafana ;;
"inspect -f {{with"*b) printf 'eth1: no such interface\neth2: no such interface\n\n' ;;
"inspect -f {{with"*c) ;;
"logs --tail 5 b") echo 'waiting for it' >&2 ;;
"logs --tail 5 c") echo 'GRAFANA_PORT=x: is not a port' ;;
*) echo "unexpected: docker $*"; exit 9 ;;
esac
`

// make up names each container that failed, with the last answer of its health check and the end of its log.
func TestMakeUp_SaysWhatFailed(t *testing.T) {
	testnet.NeedCommand(t, "make", "apt-get install make")
	bin := t.TempDir()
	for name, text := range map[string]string{"docker": docker, "sleep": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const (
		interfaces = "eth1: no such interface\neth2: no such interface\nwaiting for it\n"
		port       = "\ngrafana is restarting:\nGRAFANA_PORT=x: is not a port\n"
	)
	for _, tt := range []struct {
		name, up, gonetmon, grafana string
		want                        string
	}{
		{"all healthy", "0", "running healthy", "running", ""},
		{"up fails", "1", "running healthy", "running", ""},
		{"both", "0", "running unhealthy", "restarting", "\ngonetmon is running unhealthy:\n" + interfaces + port},
		{"again and again", "0", "running healthy", "restarting", port},
		{"ended", "0", "exited unhealthy", "running", "\ngonetmon is exited unhealthy:\n" + interfaces},
		{"for minutes", "0", "running starting", "running", "\ngonetmon is running starting:\n" + interfaces},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("make", "-C", "../../..", "--no-print-directory", "up")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C",
				"UP="+tt.up, "GONETMON="+tt.gonetmon, "GRAFANA="+tt.grafana)
			cmd.Env = append(cmd.Env, "MAKELEVEL=", "MAKEFLAGS=") // also below make test
			out, err := cmd.CombinedOutput()
			said, _, _ := strings.Cut(string(out), "make: ***")
			if well := tt.up == "0" && tt.want == ""; (err == nil) != well || said != tt.want {
				t.Errorf("%v, %q, want %q", err, said, tt.want)
			}
		})
	}
}
