package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"gonetmon/app/config"
	"gonetmon/app/misuse"
	"gonetmon/app/names"
	"gonetmon/app/replay"
)

// runReplay counts capture files.
func runReplay(c *config.Config, args []string, stdout io.Writer) error {
	cfg, files, err := replayArguments(args)
	if err != nil {
		return err
	}
	hosts, err := readNamesFile(c)
	if err != nil {
		return err
	}
	if slices.Contains(files, "-") {
		// Control-C ends `tcpdump -w - | gonetmon replay -` at its beginning, and what came through the pipe is still printed.
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
		defer stop()
		context.AfterFunc(ctx, stop) // a second one ends this process too
	}
	cfg.Prefixes, cfg.Names, cfg.Hosts, cfg.StripDomains = c.CIDR, c.Names, hosts, c.StripDomain.List
	cfg.MaxHosts = int(c.MaxHosts)
	cfg.Version, cfg.Revision = version()
	cfg.In, cfg.Out, cfg.Warnings = os.Stdin, stdout, os.Stderr
	return replay.Run(cfg, files)
}

// replayArguments separates files from flags, which are in the returned Config.
func replayArguments(args []string) (cfg replay.Config, files []string, err error) {
	var json, metrics, devices bool
	for _, a := range args {
		switch {
		case a == "--json":
			json = true
		case a == "--metrics":
			metrics = true
		case a == "--devices":
			devices = true
		case a == "--why":
			cfg.Why = true
		case strings.HasPrefix(a, "-") && a != "-":
			return cfg, nil, unknownArgument(a)
		case a == "-" && slices.Contains(files, a):
			return cfg, nil, misuse.Errorf("replay: standard input (-) can be read only once")
		default:
			files = append(files, a)
		}
	}
	switch {
	case len(files) == 0:
		return cfg, nil, misuse.Errorf("replay: no FILE given; for example gonetmon replay capture.pcap")
	case metrics && (json || devices):
		return cfg, nil, misuse.Errorf("replay: --metrics cannot be combined with --json or --devices")
	case cfg.Why && !devices:
		return cfg, nil, misuse.Errorf("replay: --why needs --devices, for example gonetmon replay --devices --why capture.pcap")
	case metrics:
		cfg.Format = replay.Metrics
	case json && devices:
		cfg.Format = replay.DevicesJSON
	case json:
		cfg.Format = replay.Tallies
	case devices:
		cfg.Format = replay.Devices
	}
	return cfg, files, nil
}

// readNamesFile reads the user's names, nil if there are none.
func readNamesFile(c *config.Config) (hosts *names.Hosts, err error) {
	if c.NamesFile == "" {
		return nil, nil
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err = names.NewHostsFile(string(c.NamesFile), log, func(h *names.Hosts) { hosts = h }).Load()
	if err != nil {
		return nil, misuse.Errorf("GONETMON_NAMES_FILE=%s: %w; it must be a readable file in the format of /etc/hosts,"+
			" for example GONETMON_NAMES_FILE=/etc/hosts", c.NamesFile, err)
	}
	return hosts, nil
}
