package faults

// rows are all faults, in the order of the table. To add one, add an entry here and its func: it returns what it measured, and
// reports what does not hold as any test does.
var rows = []row{
	{name: "captures", run: captureFrames,
		fault:    "every capture's frames, whole, cut at each length up to 120 and with bit errors, sent at 50,000 frames/s",
		expected: "each frame in one class; no panic"},

	{name: "recreate", run: recreate, alone: true,
		fault: "interface removed and recreated under 20,000 frames/s",
		expected: "captures again by itself, without a capability, promiscuous; no gap in the frames that come then and later; " +
			"median at most 1 s"},
	{name: "down-up", run: downUp,
		fault:    "interface down and up under 20,000 frames/s",
		expected: "captures again by itself; no gap in the frames that come then and later; /readyz says so"},
	{name: "carrier", run: carrier,
		fault:    "carrier lost and back under 20,000 frames/s",
		expected: "captures again by itself; no gap in the frames that come then and later; /readyz says so"},
	{name: "rename", run: renameMTU,
		fault:    "interface renamed and back, and its MTU changed, under 20,000 frames/s",
		expected: "no frame missing"},
	{name: "absent", run: absent,
		fault:    "interface absent at start",
		expected: "waits for it, /readyz says so, counts from the first frame once it captures"},

	{name: "sigterm", run: sigterm, alone: true,
		fault: "SIGTERM under 50,000 frames/s",
		expected: "final counts = sent − dropped: the frames counted are the first ones sent, to the byte; p99 at most 1 s, " +
			"exit status 0"},
	{name: "kill", run: kill,
		fault:    "kill -9 under 50,000 frames/s",
		expected: "no promiscuity is left; the next start is clean and counts what is sent from then on"},
	{name: "sigstop", run: sigstop,
		fault:    "SIGSTOP for 2 s under 50,000 frames/s, the ring full",
		expected: "frames read + dropped = sent; healthy again"},
	{name: "two", run: two,
		fault:    "two daemons on one interface at 20,000 frames/s",
		expected: "both count everything, and the interface stays promiscuous when one ends"},

	{name: "flood-ipv4", run: floodIPv4, alone: true,
		fault: "forged IPv4 senders in a /16",
		expected: "counts exact; devices + overflow = network; memory below the ring + 64 MiB; the known device is counted as " +
			"before"},
	{name: "flood-ipv6", run: floodIPv6, alone: true,
		fault: "forged IPv6 senders in a /64, every twentieth with a neighbor advertisement and an mDNS name",
		expected: "counts exact; devices + overflow = network; memory below the ring + 64 MiB; the known device is counted as " +
			"before"},

	{name: "offloads", run: offloads,
		fault:    "GRO, GSO, TSO and BIG TCP: bulk TCP over IPv4, IPv6 and jumbo frames",
		expected: "frames and bytes are those of the wire"},

	{name: "dns-servers", run: dnsServers,
		fault:    "DNS servers: no answer, answers after 5 s, a server that comes and goes",
		expected: "first frame on the page within 2.5 s, counts exact, at most 8 queries in flight and 50/s, no false name"},
	{name: "dns-answers", run: dnsAnswers,
		fault: "DNS answers: errors, truncated without TCP; wrong ID, question or owner; no response; CNAME loops and chains of " +
			"100; a name that points to itself or has 10,000 bytes; the truth behind a runt, behind garbage and a forged ID, with " +
			"65,535 records promised",
		expected: "first frame on the page within 2.5 s, counts exact, at most 8 queries in flight and 50/s, the true names and no " +
			"other"},
	{name: "names", run: hostileNames,
		fault: "names of DNS, DHCP, DHCPv6 and mDNS with quotes, newlines, NUL, bidi, <script>, {{, %s, escape sequences, 10 kB, " +
			"invalid UTF-8",
		expected: "none of them on page, metrics, log or terminal, but cleaned, or refused and counted; counts exact; good names " +
			"are shown"},

	{name: "scrapers", run: scrapers, alone: true,
		fault:    "ten scrapers, each once a second, 4,096 hosts, 20,000 frames/s",
		expected: "no frame dropped; p99 of a scrape at most 250 ms"},
	{name: "slow-clients", run: slowClients, alone: true,
		fault: "1,000 idle connections, 1,000 with half a request, 64 readers at 1 byte/s of the metrics of 4,096 hosts",
		expected: "other clients get current metrics, /healthz within 1 s; memory, goroutines and descriptors bounded, and given " +
			"back; counts exact"},
	{name: "requests", run: requests,
		fault: "random bytes, headers of 1 MiB, 10,000 headers, methods other than GET, path traversal, debug paths, Host headers " +
			"of others (DNS rebinding)",
		expected: "refused, nothing of it in the log, no file of the machine; counts exact"},

	{name: "memory", run: memoryLimits,
		fault: "a memory limit of 64 MiB (cgroup), and of 32 MiB with GONETMON_MAX_HOSTS=1024; forged senders, the page polled all " +
			"the time",
		expected: "it survives, counts exact"},
	{name: "descriptors", run: descriptors,
		fault:    "64 descriptors, and 200 connections",
		expected: "counts exact, at most twelve log lines about connections, and one a minute; served again when they are gone"},
	{name: "output", run: brokenOutput,
		fault:    "the disk for log and output is full, each write fails, or the reader has gone",
		expected: "counts exact, healthy, exits cleanly"},
	{name: "log-flood", run: logFlood,
		fault: "everything that makes it log, as fast as possible: forged routers, flapping DNS and interface, bad hosts files, " +
			"garbage on HTTP",
		expected: "at most 2 lines/s beside three for each change of the interface, 32 for prefixes and twelve for each bad hosts " +
			"file"},
	{name: "clock", run: clockJumps,
		fault:    "the clock jumps by ±1 h and ±1 year",
		expected: "healthy all the time; no counter, device or name is lost, rates stay right; timestamps follow; counts exact"},
	{name: "files", run: changingFiles,
		fault: "resolv.conf changes: garbage, none, dead servers, another server; the hosts file is replaced, rewritten, 2 MiB of " +
			"it, a pipe, a directory",
		expected: "the current servers and names, the last good ones while there are none; counts exact"},

	{name: "refusals", run: refusals,
		fault: "as a user: a low port, a hosts file that is not readable; no capabilities, or only those that do not help, or such " +
			"as cannot be dropped",
		expected: "one line that says what is wrong and what would be right, status 2"},
	{name: "privileges", run: privileges,
		fault: "started as root, as compose does, as root and as a user with CAP_NET_RAW alone, by a program with that capability, " +
			"and to keep privileges",
		expected: "counts exact; no capability, no new privileges, seccomp, in each thread; kept if asked to, and the log warns; an " +
			"interface that it may not bring up is reported"},
	{name: "rootless", run: rootless,
		fault:    "an ordinary user, root only in their own user namespace",
		expected: "counts exact"},

	{name: "soak", run: soak,
		fault:    "all of it at random",
		expected: "everything that the watcher checks; frames read + dropped = sent; memory bounded, and not growing"},
}
