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
	watchEvery = 200 * time.Millisecond
	watchShare = 8 // times as long as a look took the watch rests at least: it must not be the load

	leastMemory      = 64 << 20 // that the daemon may use beside the ring, and
	memoryPerHost    = 512      // for each host of its limit
	mostGoroutines   = 64       // without connections
	mostDescriptors  = 64
	perConnection    = 4 // goroutines and descriptors
	patienceForReply = 10 * time.Second
)

// A watch looks at a daemon all the time and says what does not hold.
type watch struct {
	d           *daemon
	memory      int64        // bound
	connections atomic.Int64 // that the row has open
	paused      atomic.Bool  // the row keeps the daemon from answering
	unsteady    atomic.Bool  // the row does something to the interface
	client      *http.Client
	stop        chan struct{}
	stopOnce    sync.Once
	done        chan struct{}

	looking sync.Mutex // held during a look, guards all below
	page    *page
	told    int
	was     glimpse
	most    usage
}

// A usage is what a process has of the machine.
type usage struct {
	memory      int64 // resident now
	peak        int64 // the most that ever was
	descriptors int
	goroutines  int
}

// A glimpse is what was said at one time of whether the interfaces are heard.
type glimpse struct {
	up     []bool
	ready  int
	reason string
	valid  bool
}

// newWatch begins to watch a daemon with these variables.
func newWatch(d *daemon, variables []string) *watch {
	interfaces := strings.Count(last(variables, "GONETMON_INTERFACE"), ",") + 1
	w := &watch{
		d: d, page: newPage(), stop: make(chan struct{}), done: make(chan struct{}),
		memory: int64(interfaces*number(variables, "GONETMON_RING_SIZE", ring)) + leastMemory + memoryPerHost*int64(number(variables, "GONETMON_MAX_HOSTS", maxHosts)),
		client: &http.Client{Timeout: patienceForReply, Transport: d.Client.Transport},
	}
	go w.run()
	d.b.Cleanup(w.end)
	return w
}

func (w *watch) run() {
	defer close(w.done)
	for {
		begin := time.Now()
		if !w.paused.Load() {
			w.look()
		}
		took := time.Since(begin)
		select {
		case <-w.stop:
			return
		case <-time.After(max(watchEvery-took, watchShare*took)):
		}
	}
}

// pause keeps the watch from looking, or lets it look again. It returns when no look goes on.
func (w *watch) pause(on bool) {
	w.paused.Store(on)
	w.looking.Lock()
	w.looking.Unlock() //nolint:staticcheck // to wait for a look that goes on
}

// shaking says that the row does something to the interface, or has ended to: meanwhile it may be heard now and not at the next look.
func (w *watch) shaking(on bool) {
	w.unsteady.Store(on)
	w.looking.Lock()
	w.was.valid = false
	w.looking.Unlock()
}

// end ends the watching.
func (w *watch) end() {
	w.stopOnce.Do(func() {
		close(w.stop)
		<-w.done
	})
}

// wrong tells what does not hold.
func (w *watch) wrong(format string, args ...any) {
	if w.told++; w.told <= mostErrors {
		w.d.b.Errorf("watch: "+format, args...)
	}
}

// look looks once.
func (w *watch) look() {
	w.looking.Lock()
	defer w.looking.Unlock()
	if w.paused.Load() {
		return
	}
	status, body, err := w.get("metrics")
	if err != nil || status != http.StatusOK {
		w.absent("metrics", status, nil, err)
		return
	}
	w.page.read(body)
	for _, err := range w.page.errs {
		w.wrong("%v", err)
	}
	w.page.errs = nil
	if status, text, err := w.get("healthz"); err != nil || status != http.StatusOK {
		w.absent("healthz", status, text, err)
	}
	w.truth()
	w.bounds()
}

// absent tells that the daemon did not answer, if it could have.
func (w *watch) absent(path string, status int, text []byte, err error) {
	w.was.valid = false
	if !w.paused.Load() {
		w.wrong("%s: status %d %.200q, error %v", path, status, text, err)
	}
}

// truth compares what /readyz says with what the metrics said before and after, if nothing has happened in between.
func (w *watch) truth() {
	if w.unsteady.Load() {
		return
	}
	now := glimpse{up: w.page.sum.up}
	same := w.was.valid && len(now.up) == len(w.was.up)
	up := true
	for i := range now.up {
		same = same && now.up[i] == w.was.up[i]
		up = up && now.up[i]
	}
	if same && (w.was.ready == http.StatusOK) != up {
		w.wrong("readyz says %d %q, and capture_up is %v", w.was.ready, w.was.reason, now.up)
	}
	status, text, err := w.get("readyz")
	if err != nil || status != http.StatusOK && (status != http.StatusServiceUnavailable || len(text) < 3) {
		w.absent("readyz", status, text, err)
		return
	}
	now.ready, now.reason, now.valid = status, string(text), true
	w.was = now
}

func (w *watch) get(path string) (status int, body []byte, err error) {
	answer, err := w.client.Get(w.d.URL + path)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// bounds looks at what the process uses.
func (w *watch) bounds() {
	u, err := usageOf(w.d.Cmd.Process.Pid)
	if err != nil {
		return // it has just ended, which others notice
	}
	u.goroutines = int(w.page.sum.goroutines)
	more := perConnection * int(w.connections.Load())
	if u.peak > w.memory {
		w.wrong("%.1f MiB of memory, bound %.1f", mib(u.peak), mib(w.memory))
	}
	if u.goroutines > mostGoroutines+more {
		w.wrong("%d goroutines, bound %d", u.goroutines, mostGoroutines+more)
	}
	if n := w.page.sum.capabilities; n != 0 {
		w.wrong("gonetmon_process_capabilities is %v (-1: not there)", n)
	}
	if u.descriptors > mostDescriptors+more {
		w.wrong("%d descriptors, bound %d", u.descriptors, mostDescriptors+more)
	}
	w.most = usage{max(w.most.memory, u.memory), max(w.most.peak, u.peak), max(w.most.descriptors, u.descriptors), max(w.most.goroutines, u.goroutines)}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// usageOf asks the kernel for what a process uses (proc(5)).
func usageOf(pid int) (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return u, err
	}
	u.memory, u.peak = statusField(string(status), "VmRSS")<<10, statusField(string(status), "VmHWM")<<10
	descriptors, err := os.ReadDir(dir + "fd")
	u.descriptors = len(descriptors)
	return u, err
}

// statusField is a number of /proc/PID/status.
func statusField(status, name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(statusText(status, name), " kB"), 10, 64)
	return n
}

// statusText is a field of it, with single spaces.
func statusText(status, name string) string {
	_, rest, _ := strings.Cut(status, "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Join(strings.Fields(line), " ")
}

// statusOf is /proc/PID/status.
func statusOf(b *bench, pid int) string {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}
