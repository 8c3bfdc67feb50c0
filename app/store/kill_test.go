package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/app/usage"
)

// childDir is the variable that makes this test program save and save again in the folder that it names.
const childDir = "TEST_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		saveForever(dir)
	}
	os.Exit(m.Run())
}

// saveForever goes on where the store ends. After each Save it says which one it was.
func saveForever(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, state, err := Open(dir, discard())
	if err != nil {
		fail(err)
	}
	for n := lastSave(state.Usage) + 1; ; n++ {
		if err := s.Save(Changes{Usage: nthSave(n)}); err != nil {
			fail(err)
		}
		fmt.Println(n)
	}
}

// nthSave returns the entries of save n: of as many devices as it says, without those of three saves ago.
func nthSave(n uint64) (all []usage.Entry) {
	for id := range uint64(50) {
		all = append(all, entry(usage.Hour, int64(n), id, 1000*n+id), entry(usage.Day, 1, id, n))
		if n > 3 {
			all = append(all, usage.Entry{Kind: usage.Hour, Start: int64(n - 3), ID: id})
		}
	}
	return all
}

// afterSave returns all entries after save n.
func afterSave(n uint64) (all []usage.Entry) {
	for i := n; i > 0 && i+3 > n; i-- {
		for _, e := range nthSave(i) {
			if e.Kind == usage.Hour && e.Bytes != (usage.Bytes{}) || i == n && e.Kind == usage.Day {
				all = append(all, e)
			}
		}
	}
	return sorted(all)
}

// lastSave returns which save the entries come from.
func lastSave(entries []usage.Entry) (n uint64) {
	for _, e := range entries {
		if e.Kind == usage.Day {
			n = max(n, e.InternetIn)
		}
	}
	return n
}

// A process that is killed at any moment leaves a file that opens, with all that was saved, and not a part of what was not.
func TestStore_SurvivesKill(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(5, 6))
	for kill := range kills {
		saved := runUntilKilled(t, dir, time.Duration(random.Int64N(int64(60*time.Millisecond))))
		s, state, err := Open(dir, discard())
		if err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		got := sorted(state.Usage)
		last := lastSave(got)
		if last < saved || last > saved+1 && saved > 0 {
			t.Errorf("kill %d: save %d is the last in the file, and %d the last that ended", kill, last, saved)
		}
		if want := afterSave(last); !slices.Equal(got, want) {
			t.Errorf("kill %d: %d entries, want %d, after save %d", kill, len(got), len(want), last)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if aside, err := os.ReadDir(dir); err != nil || len(aside) > 2 { // the file, and one that was being created
		t.Errorf("the folder has %v, %v", aside, err)
	}
}

// runUntilKilled lets a process save for a while and kills it. It returns the last save that ended, 0 if none did.
func runUntilKilled(t *testing.T, dir string, life time.Duration) (saved uint64) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			saved = n
		}
	}
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Fatalf("it ended by itself: %v, %s", err, log.String())
	}
	return saved
}
