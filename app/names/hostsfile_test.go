package names

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A hostsFileTest is a HostsFile, and what it reports.
type hostsFileTest struct {
	t    *testing.T
	path string
	file *HostsFile

	mu   sync.Mutex
	got  []string // messages in the log, and "changed" for each call of changed
	last entries
}

// log is a slog.Handler.
type log struct {
	slog.Handler
	test *hostsFileTest
}

func (l log) Enabled(context.Context, slog.Level) bool { return true }
func (l log) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l log) Handle(_ context.Context, r slog.Record) error {
	l.test.report(r.Message)
	return nil
}

func (h *hostsFileTest) report(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, text)
}

// newHostsFileTest loads a file with one name.
func newHostsFileTest(t *testing.T) *hostsFileTest {
	h := &hostsFileTest{t: t, path: filepath.Join(t.TempDir(), "hosts")}
	h.write("10.0.0.1 tv\n")
	h.file = NewHostsFile(h.path, slog.New(log{slog.DiscardHandler, h}), func(hosts *Hosts) {
		h.last = entriesOf(hosts)
		h.report("changed")
	})
	h.must(h.file.Load())
	h.want(entries{"10.0.0.1": "tv"}, loaded, "changed")
	return h
}

func (h *hostsFileTest) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostsFileTest) write(text string) {
	h.t.Helper()
	h.must(os.WriteFile(h.path, []byte(text), 0o600))
}

// checks waits for the next n checks of the file.
func (h *hostsFileTest) checks(n int) {
	time.Sleep(time.Duration(n) * hostsInterval)
	synctest.Wait()
}

// want checks the last entries and what was reported since the last call of want.
func (h *hostsFileTest) want(last entries, got ...string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(last, h.last); diff != "" {
		h.t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, h.got); diff != "" {
		h.t.Errorf("reports (-want +got):\n%s", diff)
	}
	h.got = nil
}

const (
	loaded  = "hosts file loaded"
	badLine = "bad line in hosts file"
	failed  = "cannot read hosts file, keeping its last names"
)

func TestHostsFile_Run(t *testing.T) {
	tv := entries{"10.0.0.1": "tv"}
	twoNames, both := "10.0.0.1 tv\nb0:c5:54:01:9a:ef camera\n", entries{"10.0.0.1": "tv", "b0:c5:54:01:9a:ef": "camera"}
	for _, tt := range []struct {
		name string
		run  func(h *hostsFileTest)
	}{
		{"unchanged", func(h *hostsFileTest) {
			h.checks(10)
			h.want(tv)
		}},
		{"written", func(h *hostsFileTest) {
			h.write(twoNames)
			h.checks(1)
			h.want(tv) // it may be incomplete
			h.checks(1)
			h.want(both, loaded, "changed")
			h.checks(10)
			h.want(both)
		}},
		{"replaced by one of the same size and time", func(h *hostsFileTest) {
			info, err := os.Stat(h.path)
			h.must(err)
			h.must(os.WriteFile(h.path+"~", []byte("10.0.0.1 pc\n"), 0o600))
			h.must(os.Chtimes(h.path+"~", info.ModTime(), info.ModTime()))
			h.must(os.Rename(h.path+"~", h.path))
			h.checks(2)
			h.want(entries{"10.0.0.1": "pc"}, loaded, "changed")
		}},
		{"same names", func(h *hostsFileTest) {
			h.write("10.0.0.1 tv # mine\n")
			h.checks(3)
			h.want(tv)
		}},
		{"emptied", func(h *hostsFileTest) {
			h.write("")
			h.checks(2)
			h.want(entries{}, loaded, "changed")
		}},
		{"a bad line", func(h *hostsFileTest) {
			h.write("10.0.0.1 tv\n10.0.0.300 pc\n")
			h.checks(5)
			h.want(tv, badLine)
		}},
		{"missing for a while", func(h *hostsFileTest) {
			h.must(os.Remove(h.path))
			h.checks(5)
			h.want(tv, failed)
			h.write("10.0.0.1 tv\n")
			h.checks(2)
			h.want(tv, loaded)
			h.write(twoNames)
			h.checks(2)
			h.want(both, loaded, "changed")
			h.must(os.Remove(h.path))
			h.checks(1)
			h.want(both, failed)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostsFileTest(t)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- h.file.Run(ctx) }()
				synctest.Wait()
				tt.run(h)
				cancel()
				if err := <-done; err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

func TestHostsFile_LoadFails(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, path, err string }{
		{"missing", filepath.Join(dir, "none"), "no such file or directory"},
		{"directory", dir, "is a directory"},
		{"device", os.DevNull, "not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := NewHostsFile(tt.path, slog.New(slog.DiscardHandler), func(*Hosts) { t.Error("changed") })
			if err := f.Load(); err == nil || !strings.HasSuffix(err.Error(), tt.err) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("Load: %v, want %s: %s", err, tt.path, tt.err)
			}
		})
	}
}
