package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A notifierTest runs a notifier with loops that stall when the test wants it.
type notifierTest struct {
	begin    time.Time
	received []string // by systemd: seconds and message
	log      bytes.Buffer

	mu      sync.Mutex // guards what is below
	stalled string     // the name of a loop
	beat    func() time.Time
	status  string
}

// run runs the notifier for a while, and calls each event at its time.
func (n *notifierTest) run(watchdog, length time.Duration, events map[time.Duration]func()) {
	ours, theirs := net.Pipe()
	notifier := &notifier{conn: ours, watchdog: watchdog, log: slog.New(slog.NewTextHandler(&n.log, nil))}
	n.begin = time.Now()
	if n.beat == nil {
		n.beat = time.Now
	}
	beats := map[string]time.Time{}
	loops := func() (all []loop) {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, name := range []string{"capture on eth1", "counting"} {
			if name != n.stalled {
				beats[name] = n.beat()
			}
			all = append(all, loop{name, beats[name]})
		}
		return all
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for message := make([]byte, 1<<10); ; {
			length, err := theirs.Read(message)
			if err != nil {
				return
			}
			n.received = append(n.received, fmt.Sprintf("%v %s", time.Since(n.begin), message[:length]))
		}
	}()
	for at, event := range events {
		time.AfterFunc(at, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			event()
		})
	}
	status := func() string {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.status
	}
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	notifier.run(ctx, loops, status)
	_ = notifier.close()
	<-done
}

// It reports changes of the status, and that the daemon is alive as long as no loop is stalled.
func TestNotifier(t *testing.T) {
	for _, tt := range []struct {
		name     string
		watchdog time.Duration
		length   time.Duration
		events   func(n *notifierTest) map[time.Duration]func()
		want     string
		log      string // contains, once
	}{
		{"all moves", 8 * time.Second, 5 * time.Second, nil,
			"0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 4s WATCHDOG=1, 5s STOPPING=1", ""},
		{"no watchdog", 0, 25 * time.Second, nil,
			"0s READY=1\nSTATUS=fine, 25s STOPPING=1", ""},
		{"a loop stalls", 8 * time.Second, 30 * time.Second, func(n *notifierTest) map[time.Duration]func() {
			return map[time.Duration]func(){3 * time.Second: func() { n.stalled = "counting" }}
		}, "0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 30s STOPPING=1", `loop=counting`},
		{"another one stalls, and recovers", 8 * time.Second, 15 * time.Second, func(n *notifierTest) map[time.Duration]func() {
			return map[time.Duration]func(){
				1 * time.Second:  func() { n.stalled = "capture on eth1" },
				11 * time.Second: func() { n.stalled = "" },
			}
		}, "0s READY=1\nSTATUS=fine, 12s WATCHDOG=1, 14s WATCHDOG=1, 15s STOPPING=1", `loop="capture on eth1"`},
		{"a loop has never moved", 8 * time.Second, 9 * time.Second, func(n *notifierTest) map[time.Duration]func() {
			n.stalled = "counting"
			return nil
		}, "0s READY=1\nSTATUS=fine, 9s STOPPING=1", `loop=counting`},
		{"the clock is set back and forth", 8 * time.Second, 7 * time.Second, func(n *notifierTest) map[time.Duration]func() {
			years := 0
			n.beat = func() time.Time { return time.Now().AddDate(years, 0, 0) }
			return map[time.Duration]func(){
				3 * time.Second: func() { years = -50 },
				5 * time.Second: func() { years = 50 },
			}
		}, "0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 4s WATCHDOG=1, 6s WATCHDOG=1, 7s STOPPING=1", ""},
		{"the status changes all the time", 0, 35 * time.Second, func(n *notifierTest) map[time.Duration]func() {
			events := map[time.Duration]func(){}
			for i := range 25 {
				events[time.Duration(i)*time.Second+time.Millisecond] = func() { n.status = fmt.Sprint(i, " s") }
			}
			return events
		}, "0s READY=1\nSTATUS=fine, 10s STATUS=9 s, 20s STATUS=19 s, 30s STATUS=24 s, 35s STOPPING=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &notifierTest{status: "fine"}
				var events map[time.Duration]func()
				if tt.events != nil {
					events = tt.events(n)
				}
				n.run(tt.watchdog, tt.length, events)
				if d := cmp.Diff(tt.want, strings.Join(n.received, ", ")); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				lines := strings.Count(n.log.String(), "\n")
				if tt.log == "" && lines > 0 || tt.log != "" && (lines != 1 || !strings.Contains(n.log.String(), tt.log)) {
					t.Errorf("logged:\n%s\nwant one line with %q", n.log.String(), tt.log)
				}
			})
		})
	}
}

// A systemd that does not read, or is gone, does not keep the daemon from ending, and is logged once.
func TestNotifier_UnreadSocket(t *testing.T) {
	for _, gone := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "notify")
		socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", path)
		var log bytes.Buffer
		n, err := openNotifier(slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if gone {
			_ = socket.Close()
		} else {
			for !n.failed { // until its queue is full
				n.notify("STATUS=")
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n.run(ctx, func() []loop { return nil }, func() string { return "" })
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "notify systemd") {
			t.Errorf("gone: %v, log:\n%s", gone, log.String())
		}
		_, _ = n.close(), socket.Close()
	}
}

func TestOpenNotifier(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := openNotifier(log)
	if err != nil {
		t.Fatal(err)
	}
	n.run(t.Context(), nil, nil) // returns at once
	if err := n.close(); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", path)
	if _, err := openNotifier(log); err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET="+path) {
		t.Errorf("nobody listens: error %v", err)
	}
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := openNotifier(log); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("wrong watchdog: error %v", err)
	}
}
