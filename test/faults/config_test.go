package faults

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

func configRows() []row {
	const expected = "refused within a second, with status 2 and one line that names the variable, the value and an example"
	return []row{
		{name: "configuration", run: checkValues, parallel: true,
			fault:    "each variable with each kind of wrong value",
			expected: expected + "; or the value is valid"},
		{name: "configuration-machine", run: checkMachine, parallel: true,
			fault: "values that do not fit the machine: port and address taken, no route, hosts file missing, " +
				"unreadable, a directory, a pipe",
			expected: expected + "; status 1 where it may appear later"},
	}
}

// wrongValues are values that hardly any variable accepts.
func wrongValues() []string {
	return []string{
		"-1", "0x10", "1e3", "99999999999999999999", "1.5", "\t", ",", ",,", "a,,b", "none,auto", "auto,auto", "auto none",
		"null", "true", "yes please", "192.168.2.1", "192.168.2.0/33",
		"::1/129", "::ffff:10.0.0.0/104", "[::1", "1.2.3.4:99999", "1.2.3.4:0", "8080/tcp", "5 minutes", "-5m", "10ms",
		"8MB", "-8MiB", "8MiB extra", "9999999GiB", "loud", "eth0:1", "../../etc",
		strings.Repeat("a", 16), strings.Repeat("a", 20000), "caf\u00e9", "\u202exyz", "\x1b[31mred", "a\nb", "a\r\nGONETMON_PORT=1", "\xff\xfe", "\"quoted\"", "'quoted'", "$(reboot)", "%s%n", "{{.}}", "# comment", "8080 # comment",
	}
}

// variables returns the names of gonetmon's variables.
func (b *bench) variables() (names []string) {
	b.Helper()
	_, out, _ := testnet.Run(b, b.command(nil, nil, nil, "config"))
	for _, m := range regexp.MustCompile(`(?m)^(GONETMON_[A-Z_]+)=`).FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	if len(names) < 10 {
		b.Fatalf("gonetmon config: %q", out)
	}
	return names
}

func checkValues(b *bench) string {
	refused, accepted := 0, 0
	var slowest time.Duration
	names := b.variables()
	for _, name := range names {
		for _, value := range wrongValues() {
			begin := time.Now()
			status, _, log := testnet.Run(b, b.command(nil, []string{name + "=" + value}, nil, "config"))
			slowest = max(slowest, time.Since(begin))
			if status == 0 {
				accepted++
				continue
			}
			refused++
			b.requireComplaint(2, status, log, name+"=")
			if !strings.Contains(log, "example "+name+"=") && !strings.Contains(log, "example GONETMON_") {
				b.Errorf("%s=%.40q: no example: %.300q", name, value, log)
			}
		}
	}
	if slowest > time.Second {
		b.Errorf("one answer took %v", slowest)
	}
	return fmt.Sprintf("%d variables, %d values: %d refused, %d valid (names of files, interfaces and domains), the slowest answer after %s", len(names), refused+accepted, refused, accepted, ms(slowest))
}

// requireComplaint checks that a command has ended with exit status want and one line, fit for a terminal, that contains text.
// Log records may come before the line.
func (b *bench) requireComplaint(want, status int, log, text string) {
	b.Helper()
	for strings.HasPrefix(log, "time=") && status == want {
		var record string
		record, log, _ = strings.Cut(log, "\n")
		if err := checkRecord(record); err != nil {
			b.Errorf("log: %v: %q", err, record)
		}
	}
	if status != want || strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "gonetmon: ") ||
		!strings.Contains(log, text) || plain(log) != nil {
		b.Errorf("status %d, log %.400q, want one line with %q", status, log, text)
	}
}

func checkMachine(b *bench) string {
	n := testnet.NewNamespace(b)
	dir := testnet.PublicDir(b)
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o644); err != nil {
		b.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0); err != nil {
		b.Fatal(err)
	}
	var taken net.Listener
	n.Do(func() { taken, _ = net.Listen("tcp", "127.0.0.1:"+port) })
	if taken == nil {
		b.Fatal("no listener")
	}
	defer func() { _ = taken.Close() }()
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+net_raw",
		"--ambient-caps=-all,+net_raw"}
	const maybeLater = 1 // an address or a route: the service manager may try again
	cases := []struct {
		want   string
		wrap   []string
		more   []string
		status int // 0: 2
	}{
		{"GONETMON_PORT=" + port, nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_PORT=" + port}, 0},
		{"GONETMON_ADDR=192.0.2.1", nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_ADDR=192.0.2.1"}, maybeLater},
		{"GONETMON_INTERFACE=auto", nil, []string{"GONETMON_INTERFACE="}, maybeLater},
		{"GONETMON_NAMES_FILE=/does/not/exist", nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_NAMES_FILE=/does/not/exist"}, 0},
		{"GONETMON_NAMES_FILE=" + dir, nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_NAMES_FILE=" + dir}, 0},
		{"GONETMON_NAMES_FILE=" + pipe, nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_NAMES_FILE=" + pipe}, 0},
		{"GONETMON_NAMES_FILE=" + secret, nobody, []string{"GONETMON_INTERFACE=lo", "GONETMON_NAMES_FILE=" + secret}, 0},
		{"GONETMON_PORT=80", nobody, []string{"GONETMON_INTERFACE=lo", "GONETMON_PORT=80"}, 0},
	}
	n.Sysctl("net/ipv4/ip_unprivileged_port_start", "1024")
	for _, c := range cases {
		all := append(defaults("GONETMON_PORT=8081"), c.more...)
		status, _, log := testnet.Run(b, b.command(n, all, c.wrap))
		b.requireComplaint(cmp.Or(c.status, 2), status, log, c.want)
		if !strings.Contains(log, "example GONETMON_") && !strings.Contains(log, "must be able to read it") {
			b.Errorf("%s: nothing about how to fix it: %.300q", c.want, log)
		}
	}
	return fmt.Sprintf("%d cases", len(cases))
}
