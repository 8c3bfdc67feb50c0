package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

// makeIn runs make in the repository, with a systemctl that fails the test if it is called.
func makeIn(t *testing.T, args ...string) (string, error) {
	t.Helper()
	testnet.NeedCommand(t, "make", "apt-get install make")
	bin := t.TempDir()
	called := filepath.Join(bin, "called")
	systemctl := "#!/bin/sh\necho \"$@\" >>" + called + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("make", append([]string{"-C", "../../..", "BINARY=" + os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if calls, err := os.ReadFile(called); err == nil {
		t.Errorf("make %v has called systemctl %s", args, calls)
	}
	return string(out), err
}

// mustMake is makeIn, and fails the test if make fails.
func mustMake(t *testing.T, args ...string) {
	t.Helper()
	if out, err := makeIn(t, args...); err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, out)
	}
}

// tree lists files with their modes, and empty folders.
func tree(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if e.IsDir() {
			if inside, err := os.ReadDir(path); err != nil || len(inside) > 0 {
				return err
			}
			all = append(all, name+"/")
			return nil
		}
		info, err := e.Info()
		all = append(all, fmt.Sprintf("%v %s", info.Mode(), name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInstall(t *testing.T) {
	for _, prefix := range []string{"/usr/local", "/usr"} {
		t.Run(prefix, func(t *testing.T) {
			root := t.TempDir()
			mustMake(t, "install", "DESTDIR="+root, "PREFIX="+prefix)
			want := []string{"-rw-r----- etc/gonetmon/gonetmon.env"}
			for _, file := range []string{
				"-rwxr-xr-x bin/gonetmon",
				"-rw-r--r-- lib/systemd/system/gonetmon.service", "-rw-r--r-- lib/systemd/system/gonetmon.socket",
				"-rw-r--r-- share/doc/gonetmon/CHANGELOG.md", "-rw-r--r-- share/doc/gonetmon/LICENSE",
				"-rw-r--r-- share/doc/gonetmon/THIRD_PARTY_NOTICES",
				"-rw-r--r-- share/doc/gonetmon/examples/gonetmon.env",
				"-rw-r--r-- share/man/man8/gonetmon.8",
			} {
				mode, name, _ := strings.Cut(file, " ")
				want = append(want, mode+" "+filepath.Join(prefix, name)[1:])
			}
			examples := 0
			got := slices.DeleteFunc(tree(t, root), func(line string) bool {
				_, name, example := strings.Cut(line, "/gonetmon/examples/")
				if example = example && name != "gonetmon.env"; example {
					examples++
					sameFile(t, filepath.Join("../../..", name), filepath.Join(root, strings.Fields(line)[1]))
				}
				return example
			})
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if examples < 10 {
				t.Errorf("%d examples of Prometheus and Grafana", examples)
			}
			sameFile(t, "../../../.env.example", filepath.Join(root, "etc/gonetmon/gonetmon.env"))
			sameFile(t, os.Args[0], filepath.Join(root, prefix, "bin/gonetmon"))
			unit, err := os.ReadFile(filepath.Join(root, prefix, "lib/systemd/system/gonetmon.service"))
			if err != nil {
				t.Fatal(err)
			}
			if line := "\nExecStart=" + prefix + "/bin/gonetmon\n"; !bytes.Contains(unit, []byte(line)) {
				t.Errorf("no %q in\n%s", line, unit)
			}
			mustMake(t, "uninstall", "DESTDIR="+root, "PREFIX="+prefix)
			// These folders are not gonetmon's.
			folders := []string{"etc/"}
			for _, name := range []string{"/bin", "/lib/systemd/system", "/share/doc", "/share/man/man8"} {
				folders = append(folders, (prefix + name)[1:]+"/")
			}
			if d := cmp.Diff(folders, tree(t, root)); d != "" {
				t.Errorf("left behind (-want +got):\n%s", d)
			}
		})
	}
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	first, err := os.ReadFile(a)
	if err != nil {
		t.Error(err)
		return
	}
	if second, err := os.ReadFile(b); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%s is not %s: %v", b, a, err)
	}
}

// What the user has written stays, whatever is installed or uninstalled.
func TestInstallKeepsConfiguration(t *testing.T) {
	root := t.TempDir()
	mustMake(t, "install", "DESTDIR="+root)
	env := filepath.Join(root, "etc/gonetmon/gonetmon.env")
	const mine = "GONETMON_INTERFACE=eth1\n"
	names := filepath.Join(root, "etc/gonetmon/hosts")
	for _, file := range []string{env, names} {
		if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"install", "uninstall", "uninstall"} {
		mustMake(t, target, "DESTDIR="+root)
		for _, file := range []string{env, names} {
			if got, err := os.ReadFile(file); err != nil || string(got) != mine {
				t.Errorf("after make %s: %q, %v", target, got, err)
			}
		}
	}
	for _, line := range tree(t, root) {
		if !strings.HasSuffix(line, "/") && !strings.Contains(line, " etc/gonetmon/") {
			t.Errorf("left behind: %s", line)
		}
	}
}

func TestInstallNothing(t *testing.T) {
	root := t.TempDir()
	out, err := makeIn(t, "install", "DESTDIR="+root, "BINARY="+filepath.Join(root, "gonetmon"))
	if err == nil || !strings.Contains(out, "make build") {
		t.Errorf("%v\n%s", err, out)
	}
	if d := cmp.Diff([]string{"./"}, tree(t, root)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// systemd accepts the units without a warning, and rates the service's exposure as low.
func TestUnits(t *testing.T) {
	testnet.NeedCommand(t, "systemd-analyze", "apt-get install systemd (250 or newer)")
	root := t.TempDir()
	mustMake(t, "install", "DESTDIR="+root)
	units := filepath.Join(root, "usr/local/lib/systemd/system")
	service, socket := filepath.Join(units, "gonetmon.service"), filepath.Join(units, "gonetmon.socket")
	// The binary is below root, not in /usr/local.
	text, err := os.ReadFile(service)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("=/usr/local/bin/"), []byte("="+filepath.Join(root, "usr/local/bin")+"/"))
	if err := os.WriteFile(service, text, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", service, socket).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	analyze := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=18", service)
	out, err = analyze.CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out[bytes.LastIndex(out, []byte("→")):]))
}
