// Command gonetmon counts the bytes of every device in a LAN, names the devices, and hands the numbers to Prometheus.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // so that TZ works where the system has no time zones

	"gonetmon/app/config"
	"gonetmon/app/daemon"
	"gonetmon/app/misuse"
)

const help = `gonetmon counts what every device in a network sends and receives.

  gonetmon                  capture, count, and serve the web page and the metrics
  gonetmon usage            ask the running gonetmon what the devices have moved today and in this billing period
         --days             print the days of the network instead
         --periods          print the billing periods of the network instead
         --device NAME      with --days or --periods: print those of a device
         --json, --csv      print the numbers in bytes: as JSON, or as CSV for a spreadsheet
  gonetmon replay FILE...   count capture files (pcap, pcapng; also gzipped) and print the devices; - reads standard input
         --json             print all counts of each file as JSON instead
         --metrics          print them as the Prometheus page instead
         --devices          print every device with its addresses, MAC, vendor and kind; with --json as JSON
         --why              with --devices: also say which evidence gives each device its addresses
  gonetmon healthcheck      ask the running gonetmon whether it is healthy: exit status 0 if it is
  gonetmon backup FILE      ask the running gonetmon for a copy of what it keeps over a restart; - is standard output
  gonetmon restore FILE     put such a copy in place while gonetmon is stopped; - is standard input
  gonetmon config           print every variable, its value and its meaning, and what auto stands for now
         --markdown         as a table
  gonetmon version          print the version

It is configured by the environment variables GONETMON_* and TZ alone.
`

// Exit statuses.
const (
	exitFailed = 1 // something went wrong
	exitUsage  = 2 // a person has to correct the command line, the configuration, a file or the privileges first
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "gonetmon: %s\n", err)
	var m misuse.Error
	if errors.As(err, &m) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// commands are the first arguments that there are.
var commands = []string{
	"", "run", "usage", "replay", "healthcheck", "backup", "restore", "config", "version", "-v", "--version", "help", "-h", "--help",
}

// run runs the command that the arguments name.
func run(args []string, stdout io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch known := slices.Contains(commands, name); {
	case !known && strings.HasPrefix(name, "-"):
		return misuse.Errorf("%q: no such argument; variables of the environment configure gonetmon, for example "+
			"GONETMON_INTERFACE=eth1; `gonetmon config` lists them", name)
	case !known:
		return unknownArgument(name)
	}
	if slices.Contains(args, "-h") || slices.Contains(args, "--help") {
		name, args = "help", nil
	}
	markdown := name == "config" && slices.Equal(args, []string{"--markdown"})
	if !slices.Contains([]string{"usage", "replay", "backup", "restore"}, name) && !markdown && len(args) > 0 {
		return unknownArgument(args[0])
	}
	switch name {
	case "help", "-h", "--help":
		_, err := io.WriteString(stdout, help)
		return err
	case "version", "-v", "--version":
		v, revision := version()
		_, err := fmt.Fprintf(stdout, "gonetmon %s (%s, %s, %s/%s)\n",
			v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
	c, err := config.Load()
	switch {
	case err != nil:
		return misuse.Errorf("%w", err)
	case name == "usage":
		return runUsage(c, args, stdout)
	case name == "replay":
		return runReplay(c, args, stdout)
	case name == "healthcheck":
		return healthcheck(c)
	case name == "backup":
		return backup(c, args, stdout)
	case name == "restore":
		return restore(c, args, stdout)
	case markdown:
		return c.Markdown(stdout)
	case name == "config":
		return printConfig(c, stdout)
	}
	return runDaemon(c, stdout)
}

func unknownArgument(arg string) error {
	return misuse.Errorf("%q: no such command or argument; `gonetmon help` lists them", arg)
}

// runDaemon runs the daemon until a signal ends it.
func runDaemon(c *config.Config, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	signal.Ignore(syscall.SIGPIPE) // the reader of the log may go away: that must not end the counting
	v, revision := version()
	return daemon.New(daemon.Config{
		Interfaces:     c.Interface,
		Prefixes:       c.CIDR,
		Addr:           c.Addr.Addr,
		Port:           uint16(c.Port),
		HostNames:      c.HostNames,
		Password:       string(c.Password),
		TLSCert:        string(c.TLSCert),
		TLSKey:         string(c.TLSKey),
		GrafanaURL:     string(c.GrafanaURL),
		DNSServers:     c.DNSServers.List,
		NoLookups:      c.DNSServers.None,
		Names:          c.Names,
		NamesFile:      string(c.NamesFile),
		StripDomains:   c.StripDomain.List,
		FullNames:      c.StripDomain.None,
		ReportInterval: time.Duration(c.ReportInterval),
		MaxHosts:       int(c.MaxHosts),
		ForgetAfter:    time.Duration(c.ForgetAfter),
		BillingDay:     int(c.BillingDay),
		DataCap:        uint64(c.DataCap),
		RingSize:       int(c.RingSize),
		StateDir:       string(c.StateDir),
		KeepPrivileges: bool(c.KeepPrivileges),
		InContainer:    config.InContainer(),
		LogLevel:       c.LogLevel.Level,
		Version:        v,
		Revision:       revision,
		Reports:        stdout,
		Log:            os.Stderr,
	}).Run(ctx)
}
