package metrics

import (
	"runtime"
	"slices"

	"gonetmon/app/device"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

// network writes the totals of the network, and what belongs to no device.
func (t *textWriter) network(s *device.Snapshot) {
	t.single("network_bytes_total", counter, "IP bytes on the network, each packet counted once.", s.Network.Total().Bytes)
	t.startFamily("gonetmon_network_bytes_total", counter,
		"IP bytes on the network, each packet counted once, by IP version and scope: internet, lan (between local devices), "+
			"multicast or other (neither end is local).")
	for family := range s.Network {
		for scope, c := range s.Network[family] {
			t.sample(c.Bytes, "family", traffic.Family(family).String(), "scope", traffic.Scope(scope).String())
		}
	}
	t.startFamily("gonetmon_network_packets_total", counter,
		"IP packets on the network, each counted once, by IP version and scope.")
	for family := range s.Network {
		for scope, c := range s.Network[family] {
			t.sample(c.Packets, "family", traffic.Family(family).String(), "scope", traffic.Scope(scope).String())
		}
	}
	t.single("gonetmon_devices", gauge, "Devices that currently have an address.", uint64(s.NumAddressed()))
	t.single("gonetmon_hosts", gauge, "Known local addresses.", uint64(s.Hosts))
	t.single("gonetmon_hosts_limit", gauge, "Maximum number of known local addresses (GONETMON_MAX_HOSTS).", uint64(s.Limit))
	t.single("gonetmon_overflow_bytes_total", counter,
		"IP bytes sent and received by addresses over the limit. They belong to no device.", s.Overflow.Bytes())
	t.single("gonetmon_waiting_bytes", gauge,
		"IP bytes of new devices that are not exported yet because their name is still being resolved.", s.Waiting.Bytes())
	t.single("gonetmon_forgotten_bytes_total", counter,
		"IP bytes of devices that expired (GONETMON_FORGET_AFTER) or made room for others. Together with node_bytes_total, "+
			"gonetmon_overflow_bytes_total and gonetmon_waiting_bytes this is everything that local addresses sent and received.",
		s.Forgotten.Bytes())
}

// tables writes how full the bounded tables are. The cache of lookups has the limit of the hosts.
func (t *textWriter) tables(s *device.Snapshot, lookups *rdns.Stats) {
	tables := s.Tables
	if lookups != nil {
		tables = append(slices.Clip(tables), device.TableUsage{Name: "dns", Used: lookups.Cached, Limit: s.Limit})
	}
	t.startFamily("gonetmon_table_entries", gauge,
		"Entries in each table: hosts (addresses with traffic), neighbours (addresses seen only in control frames), macs, "+
			"devices (names with counters) and dns (cached lookups).")
	for _, table := range tables {
		t.sample(uint64(max(table.Used, 0)), "table", table.Name)
	}
	t.startFamily("gonetmon_table_limit", gauge, "Maximum number of entries in each table.")
	for _, table := range tables {
		t.sample(uint64(max(table.Limit, 0)), "table", table.Name)
	}
}

// lookups writes what became of the DNS lookups.
func (t *textWriter) lookups(s *rdns.Stats) {
	t.single("gonetmon_dns_queries_total", counter, "Queries sent to DNS servers for the names of devices.", s.Queries)
	t.startFamily("gonetmon_dns_failures_total", counter,
		"Failed DNS lookups by reason. An address that has no name is not a failure.")
	for reason, n := range s.Failures {
		t.sample(n, "reason", rdns.Reason(reason).String())
	}
	t.single("gonetmon_dns_queries_in_flight", gauge, "DNS lookups that are waiting for an answer.", uint64(max(s.InFlight, 0)))
	t.single("gonetmon_dns_queue", gauge, "DNS lookups that are queued.", uint64(max(s.Queued, 0)))
}

func (t *textWriter) build(version, revision string) {
	t.startFamily("gonetmon_build_info", gauge, "Build information; the value is always 1.")
	t.sample(1, "version", version, "revision", revision, "goversion", runtime.Version())
}
