package main

import (
	"io"

	"gonetmon/app/config"
	"gonetmon/app/daemon"
)

// printConfig prints the configuration, and what auto stands for now.
func printConfig(c *config.Config, stdout io.Writer) error {
	auto, err := daemon.FindAuto(c.Interface, c.CIDR)
	if err != nil { // the configuration is what was asked for
		unknown := "unknown: " + err.Error()
		auto = daemon.Auto{Interface: unknown, Prefixes: unknown, Servers: unknown, Domains: unknown}
	}
	return c.Print(stdout, map[string]string{
		"GONETMON_INTERFACE": auto.Interface, "GONETMON_CIDR": auto.Prefixes, "GONETMON_DNS_SERVERS": auto.Servers,
		"GONETMON_STRIP_DOMAIN": auto.Domains,
	})
}
