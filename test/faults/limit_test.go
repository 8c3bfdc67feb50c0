package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gonetmon/test/testnet"
)

func limitRows() []row {
	return []row{
		{name: "memory-64", fault: "a memory limit of 64 MiB (cgroup), GONETMON_MAX_HOSTS=16384, forged senders, the page read all the time", holds: "it lives, counts exact", run: func(b *bench) string { return b.limited(64, 16384) }, beside: true},
		{name: "memory-32", fault: "a memory limit of 32 MiB (cgroup), GONETMON_MAX_HOSTS=2048, forged senders, the page read all the time", holds: "it lives, counts exact", run: func(b *bench) string { return b.limited(32, 2048) }, beside: true},
		{name: "descriptors", fault: "64 descriptors, and 200 connections", holds: "counts exact, at most twelve lines of log of them, and one a minute; served again when they are gone", run: descriptors, beside: true},
		{name: "disk-full", fault: "the disk for log and output is full", holds: "counts exact, healthy, ends well", run: diskFull, beside: true},
		{name: "dev-full", fault: "each write of log and output fails", holds: "counts exact, healthy, ends well", run: devFull, beside: true},
		{name: "broken-pipe", fault: "the reader of log and output has gone", holds: "counts exact, healthy, ends well", run: brokenPipe, beside: true},
		{name: "log-flood", fault: "all that makes it log, as fast as it goes: forged routers, DNS and interface flapping, bad hosts files, garbage on HTTP", holds: "at most 2 lines/s beside three for each change of the interface, 32 for prefixes and twelve for each bad hosts file", run: logFlood, beside: true},
	}
}

var cgroups atomic.Int64

// limitMemory makes a control group with a memory limit (Linux' own documentation, cgroup-v2 and cgroup-v1/memory).
func (b *bench) limitMemory(limit int) (dir string) {
	b.Helper()
	root, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); errors.Is(err, fs.ErrNotExist) {
		root, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
	} else {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0) // it may be there already
	}
	dir = filepath.Join(root, fmt.Sprintf("gonetmon-%d-%d", os.Getpid(), cgroups.Add(1)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatalf("memory limit: %v; a control group must be made here, so run this where /sys/fs/cgroup can be written to", err)
	}
	b.Cleanup(func() {
		if !testnet.Within(5*time.Second, func() bool { return os.Remove(dir) == nil }) {
			b.Errorf("%s is left", dir)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(limit)), 0); err != nil {
		b.Fatalf("memory limit: %v", err)
	}
	return dir
}

// within makes a command run in a control group from its start on. The namespace's command does not see the groups, so this goes before it.
func within(dir string, cmd *exec.Cmd) {
	cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, dir}, cmd.Args...)
	cmd.Path = "/bin/sh"
}

// limited runs the daemon in little memory.
func (b *bench) limited(limit, hosts int) string {
	here, there := testnet.NewPair(b)
	dir := b.limitMemory(limit << 20)
	d := b.startBy(here, nil, func(cmd *exec.Cmd) { within(dir, cmd) },
		"GONETMON_CIDR=192.168.0.0/16", fmt.Sprintf("GONETMON_MAX_HOSTS=%d", hosts), "GONETMON_REPORT_INTERVAL=0")
	s := testnet.NewSender(there, "in0")
	random := b.random()
	frame := testnet.UDP(netip.MustParseAddr("192.168.0.1"), away, 72)
	clear(frame[24:26])
	for begin := time.Now(); time.Since(begin) < time.Duration(b.of(8, 60))*time.Second; time.Sleep(10 * time.Millisecond) {
		for range 500 {
			frame[28], frame[29] = byte(random.Uint32()), byte(random.Uint32())
			s.Send(frame)
		}
	}
	d.settled(s.Sent)
	charged := "?"
	for _, file := range []string{"memory.peak", "memory.max_usage_in_bytes"} {
		var n int64
		if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			_, _ = fmt.Sscan(string(text), &n)
			charged = fmt.Sprintf("%.1f MiB", mib(n))
		}
	}
	v := d.values("gonetmon_hosts", "gonetmon_overflow_bytes_total")
	f := d.end(s.Sent)
	return fmt.Sprintf("%s; %d hosts, %d MB overflow, page read %d times; %.1f MiB resident, at most %s charged",
		f, v[0], v[1]/1e6, d.page.scrapes, mib(d.most.peak), charged)
}

func descriptors(b *bench) string {
	const readers = 64 - 32 - 4 // at once; the others are for the daemon itself, and for its one interface
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{"tv."}, TTL: 60}
	})
	d := b.startBy(here, []string{"prlimit", "--nofile=64:64"}, nil, "GONETMON_DNS_SERVERS=127.0.0.1")
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(10000)
	s.SendAll(frames, 20000)
	d.settled(s.Sent)
	d.pause(true)
	before, begin := len(d.Log.String()), time.Now()
	conns := d.dial(200)
	for _, c := range conns {
		_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	}
	s.SendAll(frames, 20000)
	time.Sleep(time.Duration(b.of(6, 30)) * time.Second)
	held := d.held()
	used, _ := usageOf(d.Cmd.Process.Pid)
	text, took := d.Log.String()[before:], time.Since(begin)
	logged, full := strings.Count(text, "\n"), strings.Count(text, "too many connections")
	if full == 0 || full > 12+int(took.Minutes()) || logged-full > 3+int(took.Seconds()/5) {
		b.Errorf("%d lines of log in %v:\n%s", logged, took, text)
	}
	hangUp(conns)
	freed := time.Now()
	d.says("healthz", 200, "")
	took = time.Since(freed)
	d.pause(false)
	s.SendAll(frames, 20000)
	f := d.end(s.Sent)
	if held != readers {
		b.Errorf("%d connections held, want %d", held, readers)
	}
	return fmt.Sprintf("%d connections held, %d descriptors used, %d lines of log; served again after %s; %s; %d DNS queries",
		held, used.descriptors, logged, ms(took), f, server.Queries())
}

// held is how many connections the daemon has open, as the kernel says (proc_net_tcp(5)).
func (d *daemon) held() (n int) {
	d.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", d.Cmd.Process.Pid))
	if err != nil {
		d.b.Fatal(err)
	}
	number, _ := strconv.Atoi(port)
	here := fmt.Sprintf(":%04X", number)
	for line := range strings.Lines(string(text)) {
		// 1: 0100007F:1F90 0100007F:D2A2 01 ..., with addresses and ports in hexadecimal; 01: established
		if word := strings.Fields(line); len(word) > 3 && strings.HasSuffix(word[1], here) && word[3] == "01" {
			n++
		}
	}
	return n
}

// unlogged has a daemon count that can't tell anybody, after something was done to it.
func (b *bench) unlogged(wrap []string, also func(*exec.Cmd), done func()) string {
	b.Helper()
	here, there := testnet.NewPair(b)
	d := b.startBy(here, wrap, also, "GONETMON_LOG_LEVEL=debug", "GONETMON_REPORT_INTERVAL=1s")
	done()
	s := testnet.NewSender(there, "in0")
	seconds := b.of(6, 60)
	for range seconds {
		s.SendAll(testnet.Conversation(5000), 10000)
		d.shaking(true)
		here.IP("link set mon0 down") // which is to be logged
		d.says("readyz", 503, "down")
		here.IP("link set mon0 up")
		d.says("readyz", 200, "")
		d.shaking(false)
	}
	d.settled(s.Sent)
	reached := d.reached()
	if reached != s.Sent {
		b.Errorf("identity: %d read or lost, %d sent", reached, s.Sent)
	}
	d.rest()
	d.watch.end()
	status, took := d.Stop()
	if status != 0 || took > longestStop {
		b.Errorf("exit status %d after %v", status, took)
	}
	return fmt.Sprintf("%d s, %d frames, identity error %d; exit status %d after %s", seconds, reached, int64(s.Sent-reached), status, ms(took))
}

func diskFull(b *bench) string {
	// The namespace's command has mounts of its own, which end with it.
	return "64 KiB: " + b.unlogged([]string{"sh", "-c", `mount -t tmpfs -o size=64k none "$0" && exec "$@" >"$0/out" 2>"$0/log"`, b.TempDir()}, nil, func() {})
}

func devFull(b *bench) string {
	return b.unlogged([]string{"sh", "-c", `exec "$0" "$@" >/dev/full 2>/dev/full`}, nil, func() {})
}

func brokenPipe(b *bench) string {
	read, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = write.Close() }()
	return b.unlogged(nil, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = write, write }, func() { _ = read.Close() })
}

func logFlood(b *bench) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(netip.Addr) testnet.Answer { return testnet.Answer{Mode: testnet.ServFail} })
	file := filepath.Join(testnet.PublicDir(b), "hosts")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Error(err)
		}
	}
	write("192.168.2.7 tv\n")
	d := b.start(here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_NAMES_FILE="+file, "GONETMON_REPORT_INTERVAL=0")
	s := testnet.NewSender(there, "in0")
	random := b.random()
	before, begin, flaps := strings.Count(d.Log.String(), "\n"), time.Now(), 0
	router := netip.MustParseAddr("fe80::1")
	d.connections.Add(64)
	for i := 0; time.Since(begin) < time.Duration(b.of(12, 120))*time.Second; i++ {
		for range 20 {
			prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}), 64)
			s.Send(testnet.RouterAdvert([6]byte{2, 0, 0, 0, 0, byte(i)}, router, testnet.PrefixInfo(prefix, time.Second)))
			s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(random.Uint32())}), away, 72))
		}
		server.SetAll(map[bool]*testnet.Answer{true: nil, false: {Mode: testnet.BlackHole}}[i%2 == 0])
		d.ask("\x00\xff\r\n\r\n")
		if i%10 == 0 {
			if flaps < 2 { // each is up to twelve lines, once
				write(strings.Repeat(fmt.Sprintf("\xff\x1b[31m%d bad\nnot an address\n", i), 100))
			}
			d.settledAt(s.Sent)
			d.shaking(true)
			here.IP("link set mon0 down")
			here.IP("link set mon0 up")
			flaps++
			d.says("readyz", 200, "")
			d.shaking(false)
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(begin)
	logged := strings.Count(d.Log.String(), "\n") - before
	if most := 3*flaps + 24 + 32 + int(2*took.Seconds()); logged > most {
		b.Errorf("%d lines of log in %v, with %d changes of the interface", logged, took, flaps)
	}
	d.connections.Add(-64)
	return fmt.Sprintf("%d lines in %s, %d changes of the interface; %s", logged, took.Round(time.Second), flaps, d.end(s.Sent))
}

// settledAt waits until so many frames have reached the socket.
func (d *daemon) settledAt(frames uint64) {
	d.b.Helper()
	d.Until(fmt.Sprintf("%d frames on the page", frames), func() bool { return d.reached() >= frames })
}
