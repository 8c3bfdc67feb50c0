package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// docker stands in for a Docker with three containers, of which one is unhealthy and one ends again and again.
const docker = `#!/bin/sh
case "$*" in
"compose up -d --wait") echo 'container gonetmon-gonetmon-1 is unhealthy'; exit ${UP:-1} ;;
"compose ps -aq") printf 'a\nb\nc\n' ;;
"inspect -f {{.State.Status}}"*a) echo running healthy ;;
"inspect -f {{.State.Status}}"*b) echo running unhealthy ;;
"inspect -f {{.State.Status}}"*c) echo restarting ;;
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
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(docker), 0o755); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[string]string{
		"0": "container gonetmon-gonetmon-1 is unhealthy\n",
		"1": "container gonetmon-gonetmon-1 is unhealthy\n\n" +
			"gonetmon is running unhealthy:\neth1: no such interface\neth2: no such interface\nwaiting for it\n\n" +
			"grafana is restarting:\nGRAFANA_PORT=x: is not a port\n",
	} {
		cmd := exec.Command("make", "-C", "../../..", "--no-print-directory", "up")
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C", "UP="+status)
		cmd.Env = append(cmd.Env, "MAKELEVEL=", "MAKEFLAGS=") // also below make test
		out, err := cmd.CombinedOutput()
		said, _, _ := strings.Cut(string(out), "make: ***")
		if (err == nil) != (status == "0") || said != want {
			t.Errorf("docker compose up ends with %s: %v, %q, want %q", status, err, said, want)
		}
	}
}
