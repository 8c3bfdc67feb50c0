package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The image gets its version and revision from what a real git writes, without git.
func TestImageVersion(t *testing.T) {
	shell := []string{"sh"}
	if _, err := exec.LookPath("busybox"); err == nil {
		shell = []string{"busybox", "sh"} // as in the build
	}
	dir := t.TempDir()
	git := func(args ...string) string {
		return run(t, dir, nil, append([]string{"git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false",
			"-c", "tag.gpgsign=false"}, args...)...)
	}
	expect := func(what, want string, args ...string) {
		t.Helper()
		script, _ := filepath.Abs(filepath.Join(root, "docker/version.sh"))
		command := append(append(shell, script, filepath.Join(dir, ".git")), args...)
		if got := run(t, dir, []string{"PATH="}, append([]string{lookPath(t, command[0])}, command[1:]...)...); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("no repository", "devel unknown")
	expect("no repository, with arguments", "v9 abc", "v9", "abc")
	git("init", "-q", "-b", "main")
	expect("no commit", "devel unknown")
	git("commit", "-q", "--allow-empty", "-m", "one")
	one := git("rev-parse", "HEAD")
	expect("loose branch", one[:12]+" "+one)
	git("pack-refs", "--all")
	if _, err := os.Stat(filepath.Join(dir, ".git/refs/heads/main")); err == nil {
		t.Fatal("the branch is not packed")
	}
	expect("packed branch", one[:12]+" "+one)
	git("tag", "v1.0.0")
	expect("loose tag", "v1.0.0 "+one)
	git("tag", "-d", "v1.0.0")
	git("tag", "-a", "-m", "two", "v1.1.0")
	git("pack-refs", "--all")
	expect("packed annotated tag", "v1.1.0 "+one)
	git("checkout", "-q", "v1.1.0")
	expect("checked-out tag", "v1.1.0 "+one)
	git("commit", "-q", "--allow-empty", "-m", "three")
	two := git("rev-parse", "HEAD")
	expect("after the tag", two[:12]+" "+two)
	expect("arguments", "v9 "+strings.Repeat("a", 40), "v9", strings.Repeat("a", 40))
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
