package faults

import (
	"fmt"
	"io"
	"net/http"
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

	maxMemory         = 64 << 20 // beside the ring
	maxGoroutines     = 64       // without connections
	maxDescriptors    = 64
	perConnection     = 4 // goroutines and descriptors
	maxErrors         = 5 // of one kind that are reported
	watchReplyTimeout = 10 * time.Second
)

// A watcher polls a daemon all the time and reports what does not hold.
type watcher struct {
	d           *daemon
	memory      int64        // bound
	connections atomic.Int64 // that the row has open
	paused      atomic.Bool  // the row keeps the daemon from answering
	unsteady    atomic.Bool  // the row does something to the interface
	client      *http.Client
	stopping    chan struct{}
	closeOnce   sync.Once
	done        chan struct{}

	polling  sync.Mutex // held during a poll, guards all below
	page     *page
	reported int
	last     readiness
	peak     usage
}

// A usage is what a process has of the machine.
type usage struct {
	memory      int64 // resident now
	maxMemory   int64 // resident at most so far
	descriptors int
	goroutines  int
}

// A readiness is what one poll said of whether the interfaces capture.
type readiness struct {
	up     []bool
	status int
	reason string
	valid  bool
}

// newWatcher starts to watch a daemon that has these variables.
func newWatcher(d *daemon, variables []string) *watcher {
	ring := int64(defaultRing)
	if text, ok := strings.CutSuffix(lastValue(variables, "GONETMON_RING_SIZE"), "MiB"); ok {
		n, _ := strconv.ParseInt(text, 10, 64)
		ring = n << 20
	}
	w := &watcher{
		d: d, page: newPage(), stopping: make(chan struct{}), done: make(chan struct{}), memory: ring + maxMemory,
		client: &http.Client{Timeout: watchReplyTimeout, Transport: d.Client.Transport},
	}
	go w.run()
	d.b.Cleanup(w.stopWatching)
	return w
}

func (w *watcher) run() {
	defer close(w.done)
	for {
		begin := time.Now()
		w.poll()
		took := time.Since(begin)
		select {
		case <-w.stopping:
			return
		case <-time.After(max(watchInterval-took, watchRest*took)):
		}
	}
}

// pause keeps the watcher from polling, or lets it go on. It returns when no poll is under way.
func (w *watcher) pause(on bool) {
	w.paused.Store(on)
	w.polling.Lock()
	w.polling.Unlock() //nolint:staticcheck // waits for a poll that is under way
}

// disturb says that the row begins to do something to the interface, or has ended: meanwhile readiness may change at any time.
func (w *watcher) disturb(on bool) {
	w.unsteady.Store(on)
	w.polling.Lock()
	w.last.valid = false
	w.polling.Unlock()
}

// stopWatching ends the watching.
func (w *watcher) stopWatching() {
	w.closeOnce.Do(func() {
		close(w.stopping)
		<-w.done
	})
}

func (w *watcher) errorf(format string, args ...any) {
	if w.reported++; w.reported <= maxErrors {
		w.d.b.Errorf("watcher: "+format, args...)
	}
}

// poll looks once.
func (w *watcher) poll() {
	w.polling.Lock()
	defer w.polling.Unlock()
	if w.paused.Load() {
		return
	}
	status, body, err := w.get("metrics")
	if err != nil || status != http.StatusOK {
		w.noAnswer("metrics", status, nil, err)
		return
	}
	for _, err := range w.page.read(string(body)) {
		w.errorf("%v", err)
	}
	if status, text, err := w.get("healthz"); err != nil || status != http.StatusOK {
		w.noAnswer("healthz", status, text, err)
	}
	w.checkReady()
	w.checkUsage()
	if n, ok := w.page.values["gonetmon_process_capabilities"]; !ok || n != 0 {
		w.errorf("gonetmon_process_capabilities is %v, present: %v", n, ok)
	}
}

// noAnswer reports that the daemon did not answer, if it could have.
func (w *watcher) noAnswer(path string, status int, text []byte, err error) {
	w.last.valid = false
	if !w.paused.Load() {
		w.errorf("%s: status %d %.200q, error %v", path, status, text, err)
	}
}

// checkReady compares what /readyz says with what the metrics said before and after, if nothing has happened in between.
func (w *watcher) checkReady() {
	if w.unsteady.Load() {
		return
	}
	now := readiness{up: w.page.up()}
	same := w.last.valid && len(now.up) == len(w.last.up)
	up := true
	for i := range now.up {
		same = same && now.up[i] == w.last.up[i]
		up = up && now.up[i]
	}
	if same && (w.last.status == http.StatusOK) != up {
		w.errorf("readyz says %d %q, and capture_up is %v", w.last.status, w.last.reason, now.up)
	}
	status, text, err := w.get("readyz")
	if err != nil || status != http.StatusOK && (status != http.StatusServiceUnavailable || len(text) < 3) {
		w.noAnswer("readyz", status, text, err)
		return
	}
	now.status, now.reason, now.valid = status, string(text), true
	w.last = now
}

func (w *watcher) get(path string) (status int, body []byte, err error) {
	answer, err := w.client.Get(w.d.URL + path)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
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
	more := perConnection * int(w.connections.Load())
	if u.maxMemory > w.memory {
		w.errorf("%.1f MiB of memory, bound %.1f", mib(u.maxMemory), mib(w.memory))
	}
	if u.goroutines > maxGoroutines+more {
		w.errorf("%d goroutines, bound %d", u.goroutines, maxGoroutines+more)
	}
	if u.descriptors > maxDescriptors+more {
		w.errorf("%d descriptors, bound %d", u.descriptors, maxDescriptors+more)
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

// usageOf asks the kernel for what a process uses (proc(5)).
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
