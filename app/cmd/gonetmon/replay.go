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
	"gonetmon/app/names"
	"gonetmon/app/replay"
	"gonetmon/app/usage"
)

// runReplay counts capture files.
func runReplay(c *config.Config, args []string, stdout io.Writer) error {
	files, format, err := replayArguments(args)
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
	v, revision := version()
	return replay.Run(replay.Config{
		Format:       format,
		Prefixes:     c.CIDR,
		Names:        c.Names,
		Hosts:        hosts,
		StripDomains: c.StripDomain.List,
		MaxHosts:     int(c.MaxHosts),
		Version:      v,
		Revision:     revision,
		In:           os.Stdin,
		Out:          stdout,
		Warnings:     os.Stderr,
	}, files)
}

// replayArguments separates files from flags.
func replayArguments(args []string) (files []string, format replay.Format, err error) {
	var json, metrics, devices bool
	for _, a := range args {
		switch {
		case a == "--json":
			json = true
		case a == "--metrics":
			metrics = true
		case a == "--devices":
			devices = true
		case strings.HasPrefix(a, "-") && a != "-":
			return nil, 0, unknownArgument(a)
		case a == "-" && slices.Contains(files, a):
			return nil, 0, usage.Errorf("replay: standard input (-) can be read only once")
		default:
			files = append(files, a)
		}
	}
	switch {
	case len(files) == 0:
		return nil, 0, usage.Errorf("replay: no FILE given; for example gonetmon replay capture.pcap")
	case metrics && (json || devices):
		return nil, 0, usage.Errorf("replay: --metrics cannot be combined with --json or --devices")
	case metrics:
		return files, replay.Metrics, nil
	case json && devices:
		return files, replay.DevicesJSON, nil
	case json:
		return files, replay.Tallies, nil
	case devices:
		return files, replay.Devices, nil
	}
	return files, replay.Table, nil
}

// readNamesFile reads the user's names, nil if there are none.
func readNamesFile(c *config.Config) (hosts *names.Hosts, err error) {
	if c.NamesFile == "" {
		return nil, nil
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err = names.NewHostsFile(string(c.NamesFile), log, func(h *names.Hosts) { hosts = h }).Load()
	if err != nil {
		return nil, usage.Errorf("GONETMON_NAMES_FILE=%s: %w; it must be a readable file in the format of /etc/hosts,"+
			" for example GONETMON_NAMES_FILE=/etc/hosts", c.NamesFile, err)
	}
	return hosts, nil
}
