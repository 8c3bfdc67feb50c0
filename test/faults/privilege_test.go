package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

func privilegeRows() []row {
	return []row{
		{name: "privileges", run: privileges, parallel: true, fault: "started as root",
			expected: "uid 65534, no capability, no new privileges, seccomp; GONETMON_KEEP_PRIVILEGES keeps them, and " +
				"the log warns"},
		{name: "no-privileges", run: noPrivileges, parallel: true, fault: "no capabilities, or only those that do not help",
			expected: "one line that says what is missing and how to grant it, status 2"},
		{name: "net-raw", run: netRawOnly, parallel: true,
			fault:    "CAP_NET_RAW and nothing else, as root and as an ordinary user",
			expected: "counts exact; an interface that is down is reported"},
		{name: "rootless", run: rootless, parallel: true, fault: "an ordinary user, root only in their own user namespace",
			expected: "counts exact"},
	}
}

func privileges(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	b.requireNoPrivileges(d)
	status := processStatus(b, d.Cmd.Process.Pid)
	for field, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "Groups": ""} {
		if got := statusField(status, field); got != want {
			b.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(1000), 20000)
	d.finish(s.Sent)

	cmd := b.command(here, defaults("GONETMON_KEEP_PRIVILEGES=true"), nil)
	kept := testnet.LaunchDaemon(b, here, cmd)
	kept.URL = d.URL
	if !testnet.Within(5*time.Second, func() bool { status, _ := kept.Get("healthz"); return status == 200 }) {
		b.Errorf("GONETMON_KEEP_PRIVILEGES=true: %s", kept.Log.String())
		return "not kept"
	}
	if caps := statusField(processStatus(b, cmd.Process.Pid), "CapEff"); caps == "0000000000000000" {
		b.Error("GONETMON_KEEP_PRIVILEGES=true keeps nothing")
	}
	if !testnet.Within(5*time.Second, func() bool {
		log := kept.Log.String()
		return strings.Contains(log, "level=WARN") && strings.Contains(log, "GONETMON_KEEP_PRIVILEGES")
	}) {
		b.Errorf("no warning that privileges are kept:\n%s", kept.Log.String())
	}
	return "all dropped; kept when asked to"
}

// asUser returns the command that runs another as an ordinary user with these capabilities, as systemd does.
func asUser(capabilities ...string) []string {
	sets := "-all"
	for _, c := range capabilities {
		sets += ",+" + c
	}
	return []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=" + sets,
		"--ambient-caps=" + sets, "--bounding-set=" + sets}
}

func noPrivileges(b *bench) string {
	n := testnet.NewNamespace(b)
	cases := [][]string{asUser(), asUser("net_admin"), asUser("net_bind_service", "setuid", "setgid"),
		{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}}
	for _, wrap := range cases {
		status, out, log := testnet.Run(b, b.command(n, defaults("GONETMON_INTERFACE=lo"), wrap))
		b.requireComplaint(2, status, log, "CAP_NET_RAW is missing")
		if out != "" || !strings.Contains(log, "setcap") || !strings.Contains(log, "cap_add") {
			b.Errorf("output %q, log %q", out, log)
		}
	}
	return fmt.Sprintf("%d cases", len(cases))
}

func netRawOnly(b *bench) string {
	frames := testnet.Conversation(5000)
	cases, missing := 0, int64(0)
	for name, wrap := range map[string][]string{
		"ordinary user":    asUser("net_raw"),
		"root":             {"setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all"},
		"root, as compose": {"setpriv", "--bounding-set=-all,+net_raw,+net_admin,+setuid,+setgid", "--inh-caps=-all"},
	} {
		here, there := testnet.NewPair(b)
		d := b.startBy(here, wrap, nil)
		d.waitStatus("readyz", 200, "")
		s := testnet.NewSender(there, "in0")
		s.SendAll(frames, 20000)
		d.waitCounted(s.Sent)
		if here.Promiscuity("mon0") == 0 {
			b.Errorf("%s: not promiscuous", name)
		}
		missing += d.finish(s.Sent).missing
		cases++
	}
	here, there := testnet.NewPair(b)
	here.IP("link set mon0 down")
	d := b.startBy(here, asUser("net_raw"), nil)
	d.waitStatus("readyz", 503, "mon0: interface is down")
	if log := d.Log.String(); !strings.Contains(log, "CAP_NET_ADMIN") {
		b.Errorf("the log does not say which capability is missing:\n%s", log)
	}
	d.disturb(true)
	here.IP("link set mon0 up")
	d.waitStatus("readyz", 200, "")
	d.disturb(false)
	s := testnet.NewSender(there, "in0")
	s.SendAll(frames, 20000)
	missing += d.finish(s.Sent).missing
	return fmt.Sprintf("%d cases, and an interface that is down; identity error %d", cases, missing)
}

func rootless(b *bench) string {
	holder := exec.Command(asUser()[0], append(asUser()[1:], "unshare", "--user", "--map-root-user", "--net", "sleep",
		"infinity")...)
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
	all := defaults()
	d := b.startWatched(n, b.command(nil, all, append(asUser(), "nsenter", fmt.Sprintf("--target=%d", pid), "--user",
		"--net", "--preserve-credentials")), all)
	d.waitStatus("readyz", 200, "")
	s := testnet.NewSender(n, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 20000)
	return d.finish(s.Sent).String()
}

// requireNoPrivileges checks that the daemon has no privilege left, and reports that.
func (b *bench) requireNoPrivileges(d *daemon) {
	b.Helper()
	status := processStatus(b, d.Cmd.Process.Pid)
	for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb"} {
		if field := statusField(status, set); field != "0000000000000000" {
			b.Errorf("%s is %s", set, field)
		}
	}
	if uid := statusField(status, "Uid"); uid != "65534 65534 65534 65534" {
		b.Errorf("uid %s", uid)
	}
}
