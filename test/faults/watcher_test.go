package faults

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchInterval = 200 * time.Millisecond
	watchRest     = 8 // times as long as a poll takes the watcher rests at least: it must not be the load

	maxMemory      = 64 << 20 // beside the ring
	maxGoroutines  = 64       // without connections
	maxDescriptors = 64
	perConnection  = 4 // goroutines and descriptors
	maxErrors      = 5 // that are reported
)

// A watcher polls a daemon all the time and reports what does not hold.
type watcher struct {
	d         *daemon
	memory    int64       // bound
	paused    atomic.Bool // the row keeps the daemon from answering
	disturbed atomic.Bool // the row does something to the interface: readiness may change at any time
	unwatch   func()      // ends the watching

	polling     sync.Mutex // held during a poll, guards all below
	connections int        // that the row has open
	page        *page
	reported    int
	last        readiness
	peak        usage
}

// A usage is what a process has of the machine.
type usage struct {
	memory      int64 // resident now
	maxMemory   int64 // resident at most so far
	descriptors int
	goroutines  int
}

// A readiness is what one poll said of whether the interface captures.
type readiness struct {
	valid  bool
	up     bool
	status int
	reason string
}

// newWatcher starts to watch a daemon that has these variables.
func newWatcher(d *daemon, variables []string) *watcher {
	ring := int64(defaultRing)
	if text, ok := strings.CutSuffix(lastValue(variables, "GONETMON_RING_SIZE"), "MiB"); ok {
		n, _ := strconv.ParseInt(text, 10, 64)
		ring = n << 20
	}
	w := &watcher{d: d, page: &page{}, memory: ring + maxMemory}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			begin := time.Now()
			w.poll()
			took := time.Since(begin)
			select {
			case <-ctx.Done():
			case <-time.After(max(watchInterval-took, watchRest*took)):
			}
		}
	})
	w.unwatch = func() {
		cancel()
		running.Wait()
	}
	d.b.Cleanup(w.unwatch)
	return w
}

// pause keeps the watcher from polling, or lets it go on. It returns when no poll is under way.
func (w *watcher) pause(on bool) {
	w.paused.Store(on)
	w.polling.Lock()
	w.polling.Unlock() //nolint:staticcheck // waits for a poll that is under way
}

// allow changes how many connections the row has open. A poll that is under way has seen those of before.
func (w *watcher) allow(more int) {
	w.polling.Lock()
	defer w.polling.Unlock()
	w.connections += more
}

func (w *watcher) errorf(format string, args ...any) {
	if w.reported++; w.reported <= maxErrors {
		w.d.b.Errorf("watcher: "+format, args...)
	}
}

// get requests a path. The daemon must answer, unless the row keeps it from that, with status 200, or also with 503 and a reason.
func (w *watcher) get(path string, may503 bool) (status int, body string) {
	status, body = w.d.Get(path)
	if status != 200 && (!may503 || status != 503 || len(body) < 3) && !w.paused.Load() {
		w.errorf("%s: status %d %.200q", path, status, body)
		return 0, ""
	}
	return status, body
}

// poll looks once.
func (w *watcher) poll() {
	w.polling.Lock()
	defer w.polling.Unlock()
	if w.paused.Load() {
		return
	}
	status, body := w.get("metrics", false)
	if status != 200 {
		w.last.valid = false
		return
	}
	for _, err := range w.page.read(body) {
		w.errorf("%v", err)
	}
	w.get("healthz", false)
	w.checkReady()
	w.checkUsage()
	if n, ok := w.page.values["gonetmon_process_capabilities"]; !ok || n != 0 {
		w.errorf("gonetmon_process_capabilities is %v, present: %v", n, ok)
	}
}

// checkReady compares what /readyz said with what the metrics said before and after, if nothing has happened in between.
func (w *watcher) checkReady() {
	if w.disturbed.Load() {
		return
	}
	up := w.page.values[`gonetmon_capture_up{interface="mon0"}`] == 1
	if w.last.valid && w.last.up == up && up != (w.last.status == 200) {
		w.errorf("readyz says %d %q, and capture_up is %v", w.last.status, w.last.reason, up)
	}
	status, reason := w.get("readyz", true)
	w.last = readiness{status != 0, up, status, reason}
}

// sampleUsage checks what the process uses now.
func (w *watcher) sampleUsage() {
	w.polling.Lock()
	defer w.polling.Unlock()
	w.checkUsage()
}

// checkUsage checks what the process uses; goroutines are those of the last poll.
func (w *watcher) checkUsage() {
	u, err := usageOf(w.d.Cmd.Process.Pid)
	if err != nil {
		return // it has just ended, which others notice
	}
	u.goroutines = int(w.page.values["go_goroutines"])
	more := perConnection * w.connections
	if u.maxMemory > w.memory || u.goroutines > maxGoroutines+more || u.descriptors > maxDescriptors+more {
		w.errorf("%.1f MiB of memory, %d goroutines, %d descriptors; bounds %.1f, %d, %d", mib(u.maxMemory), u.goroutines,
			u.descriptors, mib(w.memory), maxGoroutines+more, maxDescriptors+more)
	}
	w.peak = usage{
		max(w.peak.memory, u.memory), max(w.peak.maxMemory, u.maxMemory),
		max(w.peak.descriptors, u.descriptors), max(w.peak.goroutines, u.goroutines),
	}
}

// usedBesideRing says how much memory was resident at most, for rows with a ring of the default size.
func (w *watcher) usedBesideRing() string {
	return fmt.Sprintf("%.1f MiB beside the ring", mib(w.peak.maxMemory-defaultRing))
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// usageOf asks the kernel for what a process uses (proc_pid_status(5), proc_pid_fd(5)).
func usageOf(pid int) (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return u, err
	}
	kilobytes := func(name string) int64 {
		n, _ := strconv.ParseInt(strings.TrimSuffix(statusField(string(status), name), " kB"), 10, 64)
		return n << 10
	}
	u.memory, u.maxMemory = kilobytes("VmRSS"), kilobytes("VmHWM")
	descriptors, err := os.ReadDir(dir + "fd")
	u.descriptors = len(descriptors)
	return u, err
}

// statusField returns a field of /proc/PID/status, with single spaces.
func statusField(status, name string) string {
	_, rest, _ := strings.Cut(status, "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Join(strings.Fields(line), " ")
}
