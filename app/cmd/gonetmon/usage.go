package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gonetmon/app/api"
	"gonetmon/app/config"
	"gonetmon/app/misuse"
	"gonetmon/app/report"
)

// usageArguments are the arguments of gonetmon usage.
type usageArguments struct {
	days, periods, json, csv bool
	device                   string // "": the network
}

// runUsage prints the usage that the running daemon has booked.
func runUsage(c *config.Config, args []string, stdout io.Writer) error {
	a, err := parseUsageArguments(args)
	if err != nil {
		return err
	}
	path := "/api/v1/usage"
	if a.days || a.periods {
		path = "/api/v1/history"
	}
	of := "the network"
	if a.device != "" {
		d, err := findDevice(c, a.device)
		if err != nil {
			return err
		}
		path, of = fmt.Sprintf("%s?device=%d", path, d.ID), d.Name
	}
	if a.json {
		return copyAnswer(c, path, stdout)
	}
	if !a.days && !a.periods {
		var u api.Usage
		if err := decodeAnswer(c, path, &u); err != nil {
			return err
		}
		if a.csv {
			return report.WriteUsageCSV(stdout, &u)
		}
		report.WriteUsage(stdout, &u)
		return nil
	}
	var h api.History
	if err := decodeAnswer(c, path, &h); err != nil {
		return err
	}
	slots, heading := h.Days, "days of "
	if a.periods {
		slots, heading = h.Periods, "billing periods of "
	}
	if a.csv {
		return report.WriteHistoryCSV(stdout, slots)
	}
	report.WriteHistory(stdout, heading+of, slots)
	return nil
}

func parseUsageArguments(args []string) (a usageArguments, err error) {
	for i := 0; i < len(args); i++ {
		name, value, found := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--days":
			a.days = true
		case args[i] == "--periods":
			a.periods = true
		case args[i] == "--json":
			a.json = true
		case args[i] == "--csv":
			a.csv = true
		case name == "--device":
			if !found && i+1 < len(args) {
				i++
				value = args[i]
			}
			if value == "" {
				return a, misuse.Errorf("usage: --device needs a name, for example gonetmon usage --days --device roku")
			}
			a.device = value
		default:
			return a, unknownArgument(args[i])
		}
	}
	switch {
	case a.days && a.periods:
		return a, misuse.Errorf("usage: --days cannot be combined with --periods")
	case a.json && a.csv:
		return a, misuse.Errorf("usage: --json cannot be combined with --csv")
	case a.device != "" && !a.days && !a.periods:
		return a, misuse.Errorf("usage: --device needs --days or --periods, for example gonetmon usage --days --device %s", a.device)
	}
	return a, nil
}

// findDevice asks the daemon for a device by its name, with or without its domain, or by an address.
func findDevice(c *config.Config, name string) (*api.Device, error) {
	var all api.Devices
	if err := decodeAnswer(c, "/api/v1/devices", &all); err != nil {
		return nil, err
	}
	var found []*api.Device
	for i := range all.Devices {
		switch d := &all.Devices[i]; {
		case strings.EqualFold(d.Name, name):
			return d, nil
		case strings.EqualFold(d.ShortName, name), slices.Contains(d.Addresses, name):
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return nil, misuse.Errorf("usage: --device %s: there is no such device; gonetmon usage lists the names", name)
	case 1:
		return found[0], nil
	}
	return nil, misuse.Errorf("usage: --device %s: there are several, for example %s and %s", name, found[0].Name, found[1].Name)
}

func decodeAnswer(c *config.Config, path string, v any) error {
	answer, err := get(c, path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", answer.Request.URL, err)
	}
	return nil
}

func copyAnswer(c *config.Config, path string, w io.Writer) error {
	answer, err := get(c, path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("%s: %w", answer.Request.URL, err)
	}
	return nil
}
