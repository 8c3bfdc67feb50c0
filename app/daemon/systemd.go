package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	sd "github.com/coreos/go-systemd/v22/daemon"

	"gonetmon/app/misuse"
)

// The variables that systemd passes to a service are its protocol, not configuration.

// statusInterval is the shortest time between two changes of what `systemctl status` shows.
const statusInterval = 10 * time.Second

// A loop is a part of the daemon that must not stall.
type loop struct {
	name     string
	lastBeat time.Time // its last sign of life
}

// A notifier tells systemd how the daemon does (sd_notify(3)). Its socket is opened before privileges are dropped.
type notifier struct {
	conn     net.Conn      // nil: not started by systemd, or with Type= other than notify
	watchdog time.Duration // after which systemd restarts a daemon that has sent no WATCHDOG=1; 0: never
	log      *slog.Logger
	failed   bool // the last notification did, which is logged once
}

// openNotifier opens the socket to systemd, if systemd expects notifications.
func openNotifier(log *slog.Logger) (*notifier, error) {
	n := &notifier{log: log}
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return n, nil
	}
	var err error
	if n.watchdog, err = sd.SdWatchdogEnabled(false); err != nil {
		return nil, fmt.Errorf("systemd's watchdog: %w", err)
	}
	if n.conn, err = net.Dial("unixgram", path); err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET=%s: %w", path, err)
	}
	return n, nil
}

// notify sends states of sd_notify(3). It waits at most a second for a systemd that does not read.
func (n *notifier) notify(states ...string) {
	_ = n.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err := n.conn.Write([]byte(strings.Join(states, "\n")))
	if err != nil && !n.failed {
		n.log.Warn("notify systemd", "error", err)
	}
	n.failed = err != nil
}

// run tells systemd that the daemon is ready, and then, until ctx ends, each change of the status line and, as long
// as no loop stalls, that it is alive. When a loop stalls it sends no more WATCHDOG=1, so that systemd restarts the
// daemon.
func (n *notifier) run(ctx context.Context, loops func() []loop, status func() string) {
	if n.conn == nil {
		return
	}
	interval := statusInterval
	if n.watchdog > 0 {
		interval = min(interval, n.watchdog/4)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	lastMoved, line := time.Now(), status()
	last, lastStatus, warned := loops(), lastMoved, false
	n.notify(sd.SdNotifyReady, "STATUS="+line)
	for {
		select {
		case <-ctx.Done():
			n.notify(sd.SdNotifyStopping)
			return
		case <-tick.C:
		}
		now, current := time.Now(), loops()
		switch name := stalled(last, current); {
		case name == "":
			last, lastMoved, warned = current, now, false
			if n.watchdog > 0 {
				n.notify(sd.SdNotifyWatchdog)
			}
		case now.Sub(lastMoved) > n.watchdog/2 && n.watchdog > 0 && !warned:
			n.log.Error("a loop is stalled; systemd restarts gonetmon if it stays stalled", "loop", name)
			warned = true
		}
		if next := status(); next != line && now.Sub(lastStatus) >= statusInterval {
			n.notify("STATUS=" + next)
			line, lastStatus = next, now
		}
	}
}

// stalled returns the name of a loop that has shown no sign of life between two looks at them, or "". It compares the
// times of the two signs and not their age: the clock may be set.
func stalled(before, now []loop) string {
	for i := range before {
		if now[i].lastBeat.Equal(before[i].lastBeat) {
			return now[i].name
		}
	}
	return ""
}

func (n *notifier) close() error {
	if n == nil || n.conn == nil {
		return nil
	}
	return n.conn.Close()
}

// passedListener returns the socket that systemd listens on for the daemon (sd_listen_fds(3), gonetmon.socket), or
// nil.
func passedListener() (net.Listener, error) {
	all, err := activation.Listeners()
	switch {
	case err != nil:
		return nil, fmt.Errorf("sockets of systemd: %w", err)
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		return nil, misuse.Errorf("systemd passed %d sockets, gonetmon serves on one; keep one ListenStream= in gonetmon.socket,"+
			" for example ListenStream=8080", len(all))
	case all[0] == nil:
		return nil, misuse.Errorf("systemd passed a socket that is not a stream; gonetmon.socket needs ListenStream=," +
			" for example ListenStream=127.0.0.1:8080")
	}
	return all[0], nil
}
