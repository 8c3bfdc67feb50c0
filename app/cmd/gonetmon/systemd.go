package main

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
)

// What systemd and the daemon have to say to each other, when systemd started it. The variables that it passes for that are its
// protocol and no configuration.

// statusEvery is how often systemd is told anew what `systemctl status` shows.
const statusEvery = 10 * time.Second

// A loop is something that must not stand still.
type loop struct {
	name string
	beat time.Time // when it last showed a sign of life
}

// A notifier tells systemd how the daemon does (sd_notify(3)). Its socket is open from the start, so that it needs no right later.
type notifier struct {
	conn     net.Conn      // nil: systemd doesn't want to know
	watchdog time.Duration // after which systemd ends a daemon that has not said that all is well; 0: it does not
	log      *slog.Logger
	failed   bool // to tell, which is logged once
}

// openNotifier opens the way to systemd, if systemd has started the daemon and wants to be told.
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

// tell tells systemd some of what sd_notify(3) knows. It does not wait for a systemd that doesn't listen.
func (n *notifier) tell(states ...string) {
	_ = n.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err := n.conn.Write([]byte(strings.Join(states, "\n")))
	if err != nil && !n.failed {
		n.log.Warn("can't tell systemd how it goes", "error", err)
	}
	n.failed = err != nil
}

// run tells systemd that the daemon is ready, and until ctx ends the line of status when it changes, and that all is well as long as
// every loop moves. Nothing is said of one that stands still: systemd notices the silence, and starts the daemon again.
func (n *notifier) run(ctx context.Context, loops func() []loop, status func() string) {
	if n.conn == nil {
		return
	}
	every := statusEvery
	if n.watchdog > 0 {
		every = min(every, n.watchdog/4)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	moved, line := time.Now(), status()
	seen, told, warned := loops(), moved, false
	n.tell(sd.SdNotifyReady, "STATUS="+line)
	for {
		select {
		case <-ctx.Done():
			n.tell(sd.SdNotifyStopping)
			return
		case <-tick.C:
		}
		now, beats := time.Now(), loops()
		switch still := standing(seen, beats); {
		case still == "":
			seen, moved, warned = beats, now, false
			if n.watchdog > 0 {
				n.tell(sd.SdNotifyWatchdog)
			}
		case now.Sub(moved) > n.watchdog/2 && n.watchdog > 0 && !warned:
			n.log.Error("a loop stands still; if it stays so, systemd will start gonetmon again", "loop", still)
			warned = true
		}
		if next := status(); next != line && now.Sub(told) >= statusEvery {
			n.tell("STATUS=" + next)
			line, told = next, now
		}
	}
}

// standing names a loop that has shown no sign of life since it was seen before, or is "". What counts is that the time of the sign
// is another, not its age: the clock may be set.
func standing(before, now []loop) string {
	for i := range before {
		if now[i].beat.Equal(before[i].beat) {
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

// passedListener is the socket that systemd listens on for the daemon (sd_listen_fds(3), gonetmon.socket), nil if there is none.
func passedListener() (net.Listener, error) {
	all, err := activation.Listeners()
	switch {
	case err != nil:
		return nil, fmt.Errorf("sockets of systemd: %w", err)
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		return nil, wrong{fmt.Errorf("systemd passed %d sockets, gonetmon serves on one; leave one ListenStream= in gonetmon.socket, for example ListenStream=8080", len(all))}
	case all[0] == nil:
		return nil, wrong{fmt.Errorf("systemd passed a socket that is not a stream; gonetmon.socket needs ListenStream=, for example ListenStream=127.0.0.1:8080")}
	}
	return all[0], nil
}
