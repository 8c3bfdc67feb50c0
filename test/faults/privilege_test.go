package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// asUser returns the command that runs another as an ordinary user with these capabilities, as systemd does.
func asUser(capabilities ...string) []string {
	sets := "-all"
	for _, c := range capabilities {
		sets += ",+" + c
	}
	return []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=" + sets,
		"--ambient-caps=" + sets, "--bounding-set=" + sets}
}

// asRoot returns the command that runs another as root with these capabilities at most.
func asRoot(capabilities string) []string {
	return []string{"setpriv", "--bounding-set=-all" + capabilities, "--inh-caps=-all"}
}

const dropped = `msg="privileges dropped" uid=%s gid=%[1]s capabilities=none seccomp=%s`

// privilegeCases are ways to start gonetmon.
var privilegeCases = []struct {
	name      string
	wrap      []string
	uid       string // afterwards
	log       string // a part of it
	capable   bool   // the program has CAP_NET_RAW
	noSeccomp bool   // the kernel has no system call filter
	down      bool   // the interface is down
}{
	{name: "root", uid: "65534", log: fmt.Sprintf(dropped, "65534", "true")},
	{name: "root, as compose", wrap: asRoot(",+net_raw,+net_admin,+setuid,+setgid"), uid: "65534",
		log: fmt.Sprintf(dropped, "65534", "true")},
	{name: "root, CAP_NET_RAW", wrap: asRoot(",+net_raw"), uid: "0", log: `level=WARN msg="still uid 0`},
	{name: "user, CAP_NET_RAW", wrap: asUser("net_raw"), uid: "1234", log: fmt.Sprintf(dropped, "1234", "true")},
	{name: "program, CAP_NET_RAW", wrap: []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"}, uid: "1234",
		log: fmt.Sprintf(dropped, "1234", "true"), capable: true},
	{name: "no seccomp", uid: "65534", log: fmt.Sprintf(dropped, "65534", "false"), noSeccomp: true},
	{name: "interface down", wrap: asUser("net_raw"), uid: "1234", log: "CAP_NET_ADMIN", down: true},
}

func privileges(b *bench) string {
	names := []string{"kept"}
	for _, c := range privilegeCases {
		names = append(names, c.name)
	}
	return b.each(names, func(b *bench, i int) string {
		here, there := testnet.NewPair(b)
		if i == 0 {
			return b.keepPrivileges(here)
		}
		c := privilegeCases[i-1]
		if c.capable {
			b.useCapableProgram()
		}
		if c.down {
			here.IP("link set mon0 down")
		}
		var d *daemon
		if start := func() { d = b.startBy(here, c.wrap, nil) }; c.noSeccomp {
			testnet.WithSyscallError(b, unix.SYS_SECCOMP, unix.ENOSYS, start)
		} else {
			start()
		}
		if c.down {
			d.waitStatus("readyz", 503, "mon0: interface is down")
			d.whileDisturbed(func() { here.IP("link set mon0 up") })
		}
		d.waitStatus("readyz", 200, "")
		s := testnet.NewSender(there, "in0")
		s.SendAll(testnet.Conversation(5000), 20000)
		d.waitCounted(s.Sent)
		if here.Promiscuity("mon0") == 0 {
			b.Error("not promiscuous")
		}
		if !strings.Contains(d.Log.String(), c.log) {
			b.Errorf("the log lacks %s:\n%s", c.log, d.Log.String())
		}
		want := map[string]string{"Uid": strings.Join([]string{c.uid, c.uid, c.uid, c.uid}, " "), "Groups": "", "NoNewPrivs": "1"}
		for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb"} {
			want[set] = "0000000000000000"
		}
		if !c.noSeccomp {
			want["Seccomp"] = "2"
		}
		for _, status := range d.threads() {
			for field, value := range want {
				if got := statusField(status, field); got != value {
					b.Errorf("thread %s: %s is %q, want %q", statusField(status, "Pid"), field, got, value)
				}
			}
		}
		return d.finish(s.Sent).String()
	})
}

// useCapableProgram makes the bench start a copy of the program that has CAP_NET_RAW as a file capability.
func (b *bench) useCapableProgram() {
	b.Helper()
	b.binary = testnet.CopyProgram(b, b.binary)
	testnet.SetCapabilities(b, b.binary, 1<<unix.CAP_NET_RAW)
}

// threads returns what the kernel says of each thread of the daemon (proc_pid_status(5)).
func (d *daemon) threads() (all []string) {
	d.b.Helper()
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.Cmd.Process.Pid))
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil { // else it has ended
			all = append(all, string(text))
		}
	}
	if len(all) == 0 {
		d.b.Fatal("no threads")
	}
	return all
}

func (b *bench) keepPrivileges(here *testnet.Namespace) string {
	b.Helper()
	d := b.launch(here, nil, nil, "GONETMON_KEEP_PRIVILEGES=true")
	for _, status := range d.threads() {
		if statusField(status, "CapEff") == "0000000000000000" {
			b.Errorf("thread %s has no capability", statusField(status, "Pid"))
		}
	}
	d.Until("it warns", func() bool {
		log := d.Log.String()
		return strings.Contains(log, "level=WARN") && strings.Contains(log, "GONETMON_KEEP_PRIVILEGES")
	})
	return "and said so"
}

func rootless(b *bench) string {
	holder := exec.Command("setpriv", append(asUser()[1:], "unshare", "--user", "--map-root-user", "--net", "sleep", "infinity")...)
	if err := holder.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	pid := holder.Process.Pid
	testnet.Until(b, "a user namespace", func() bool {
		ours, _ := os.Readlink("/proc/self/ns/net")
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return err == nil && its != ours && string(name) == "sleep\n"
	})
	n := testnet.NamespaceOf(b, pid)
	n.IP("link add in0 type veth peer name mon0")
	n.IP("link set in0 up")
	n.IP("link set mon0 up")
	enter := []string{"nsenter", fmt.Sprintf("--target=%d", pid), "--user", "--net", "--preserve-credentials"}
	d := b.startBy(n, append(asUser(), enter...), nil)
	d.waitStatus("readyz", 200, "")
	s := testnet.NewSender(n, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 20000)
	return d.finish(s.Sent).String()
}

// refusals starts gonetmon in ways that cannot work: it must say so, and how to make it work, in one line.
func refusals(b *bench) string {
	n := testnet.NewNamespace(b)
	n.Sysctl("net/ipv4/ip_unprivileged_port_start", "1024")
	secret := filepath.Join(testnet.PublicDir(b), "secret")
	if err := os.WriteFile(secret, nil, 0); err != nil {
		b.Fatal(err)
	}
	check := func(cmd *exec.Cmd, want, fix string) {
		status, out, log := testnet.Run(b, cmd)
		at := strings.LastIndex(strings.TrimSuffix(log, "\n"), "\n") + 1 // log records may come before the complaint
		line := log[at:]
		if status != 2 || out != "" || !strings.HasPrefix(line, "gonetmon: ") || !strings.Contains(line, want) ||
			!strings.Contains(line, fix) || plain(line) != nil || checkLog(log[:at]) != nil {
			b.Errorf("%s: status %d, output %q, log %.600q", want, status, out, log)
		}
	}
	const missing = "CAP_NET_RAW is missing"
	all := []struct {
		wrap           []string
		set, want, fix string
	}{
		{asUser("net_raw"), "GONETMON_PORT=80", "GONETMON_PORT=80", "example GONETMON_PORT=8080"},
		{asUser("net_raw"), "GONETMON_NAMES_FILE=" + secret, "GONETMON_NAMES_FILE=" + secret, "must be able to read it"},
		{asUser(), "", missing, "setcap"},
		{asUser("net_admin", "net_bind_service", "setuid", "setgid"), "", missing, "setcap"},
		{asRoot(""), "", missing, "cap_add"},
	}
	for _, c := range all {
		check(b.command(n, defaults("GONETMON_INTERFACE=lo", c.set), c.wrap), c.want, c.fix)
	}
	b.useCapableProgram()
	cmd := b.command(nil, defaults("GONETMON_INTERFACE=lo", "GONETMON_PORT=0"), nil)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	testnet.WithSyscallError(b, unix.SYS_CAPSET, unix.EPERM, func() {
		check(cmd, "capset: operation not permitted", "GONETMON_KEEP_PRIVILEGES=true")
	})
	return fmt.Sprintf("%d cases", len(all)+1)
}
