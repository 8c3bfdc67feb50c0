// Command gonetmon counts the bytes of every device in a LAN, names the devices, and hands the numbers to Prometheus.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `gonetmon counts what every device in a network sends and receives.

  gonetmon                  listen, count and serve the page and the metrics
  gonetmon replay FILE...   count capture files (pcap, pcapng; also gzipped) and print the devices
         --json             print all counts of each file as JSON instead
         --metrics          print them as the Prometheus page instead
         --devices          print every device with its addresses, MAC and vendor; with --json as JSON
  gonetmon healthcheck      ask the running gonetmon whether it is well: exit status 0 if it is
  gonetmon config           print every variable, its value and its meaning
         --markdown         as a table
  gonetmon version          print the version

It is configured by GONETMON_* variables of the environment alone.
`

// Exit statuses.
const (
	exitFailed = 1 // something went wrong
	exitWrong  = 2 // the command line, the configuration or the rights are wrong: the same call will fail again
)

// wrong marks an error that the user has to mend.
type wrong struct{ error }

func (w wrong) Unwrap() error { return w.error }

func main() {
	err := command(os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "gonetmon: %s\n", err)
	var w wrong
	if errors.As(err, &w) {
		os.Exit(exitWrong)
	}
	os.Exit(exitFailed)
}

// command does what the arguments say.
func command(args []string, stdout io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "help", "-h", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	case "version", "-v", "--version":
		if len(args) > 0 {
			return unexpected(args[0])
		}
		v, revision := version()
		_, err := fmt.Fprintf(stdout, "gonetmon %s (%s, %s, %s/%s)\n", v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	case "", "run", "replay", "healthcheck", "config":
	default:
		return unexpected(name)
	}
	c, err := loadConfig()
	if err != nil {
		return wrong{err}
	}
	switch name {
	case "replay":
		return replay(c, args, stdout)
	case "config":
		switch {
		case len(args) == 0:
			return c.print(stdout)
		case len(args) == 1 && args[0] == "--markdown":
			return c.markdown(stdout)
		}
	case "healthcheck":
		if len(args) == 0 {
			return healthcheck(c)
		}
	default:
		if len(args) == 0 {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)   // a second signal ends the process at once
			signal.Ignore(syscall.SIGPIPE) // who reads the log may go away: that must not end the counting
			return run(ctx, c, stdout)
		}
	}
	return unexpected(args[0])
}

func unexpected(arg string) error {
	return wrong{fmt.Errorf("%q: no such command or argument; `gonetmon help` lists them", arg)}
}

// healthcheck asks the daemon of the same configuration.
func healthcheck(c *config) error {
	addr := c.Addr.Addr
	if addr.IsUnspecified() {
		addr = netip.IPv6Loopback()
		if c.Addr.Is4() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	url := "http://" + net.JoinHostPort(addr.String(), strconv.Itoa(int(c.Port))) + "/healthz"
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, answer.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
