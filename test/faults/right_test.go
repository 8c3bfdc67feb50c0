package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

func rightRows() []row {
	return []row{
		{name: "privileges", fault: "started as root", holds: "then uid 65534, no capability, no new privileges, seccomp; GONETMON_KEEP_PRIVILEGES keeps them, and the log says so", run: privileges, beside: true},
		{name: "no-rights", fault: "no rights, or only those that do not help", holds: "one line that says what is missing and how to give it, status 2", run: noRights, beside: true},
		{name: "partial-rights", fault: "CAP_NET_RAW and nothing else, as root and as an ordinary user", holds: "counts exact; an interface that is down is said to be", run: partialRights, beside: true},
		{name: "rootless", fault: "an ordinary user, root only in a user namespace of his own", holds: "counts exact", run: rootless, beside: true},
	}
}

func privileges(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	b.powerless(d)
	status := statusOf(b, d.Cmd.Process.Pid)
	for field, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "Groups": ""} {
		if got := statusText(status, field); got != want {
			b.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(1000), 20000)
	d.end(s.Sent)

	cmd := b.command(here, standard("GONETMON_KEEP_PRIVILEGES=true"), nil)
	kept := testnet.LaunchDaemon(b, here, cmd)
	kept.URL = d.URL
	if !testnet.Within(5*time.Second, func() bool { status, _ := kept.Get("healthz"); return status == 200 }) {
		b.Errorf("GONETMON_KEEP_PRIVILEGES=true: %s", kept.Log.String())
		return "not kept"
	}
	if caps := statusText(statusOf(b, cmd.Process.Pid), "CapEff"); caps == "0000000000000000" {
		b.Error("GONETMON_KEEP_PRIVILEGES=true keeps nothing")
	}
	if !strings.Contains(kept.Log.String(), "level=WARN") || !strings.Contains(kept.Log.String(), "GONETMON_KEEP_PRIVILEGES") {
		b.Errorf("it is not logged loudly that privileges are kept:\n%s", kept.Log.String())
	}
	return "all dropped; kept when asked to"
}

// user is what runs a command as an ordinary user with these capabilities, as systemd does.
func user(capabilities ...string) []string {
	sets := "-all"
	for _, c := range capabilities {
		sets += ",+" + c
	}
	return []string{"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--inh-caps=" + sets, "--ambient-caps=" + sets, "--bounding-set=" + sets}
}

func noRights(b *bench) string {
	n := testnet.NewNamespace(b)
	cases := [][]string{user(), user("net_admin"), user("net_bind_service", "setuid", "setgid"), {"setpriv", "--bounding-set=-all", "--inh-caps=-all"}}
	for _, wrap := range cases {
		status, out, log := testnet.Run(b, b.command(n, standard("GONETMON_INTERFACE=lo"), wrap))
		b.complains(status, log, "CAP_NET_RAW is missing")
		if out != "" || !strings.Contains(log, "setcap") || !strings.Contains(log, "cap_add") {
			b.Errorf("output %q, said %q", out, log)
		}
	}
	return fmt.Sprintf("%d cases", len(cases))
}

func partialRights(b *bench) string {
	frames := testnet.Conversation(5000)
	cases, missing := 0, int64(0)
	for name, wrap := range map[string][]string{
		"ordinary user":    user("net_raw"),
		"root":             {"setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all"},
		"root, as compose": {"setpriv", "--bounding-set=-all,+net_raw,+net_admin,+setuid,+setgid", "--inh-caps=-all"},
	} {
		here, there := testnet.NewPair(b)
		d := b.startBy(here, wrap, nil)
		d.says("readyz", 200, "")
		s := testnet.NewSender(there, "in0")
		s.SendAll(frames, 20000)
		d.settled(s.Sent)
		if here.Promiscuity("mon0") == 0 {
			b.Errorf("%s: not promiscuous", name)
		}
		missing += d.end(s.Sent).missing
		cases++
	}
	here, there := testnet.NewPair(b)
	here.IP("link set mon0 down")
	d := b.startBy(here, user("net_raw"), nil)
	d.says("readyz", 503, "mon0: interface is down")
	if log := d.Log.String(); !strings.Contains(log, "CAP_NET_ADMIN") {
		b.Errorf("the log does not say which right is missing:\n%s", log)
	}
	d.shaking(true)
	here.IP("link set mon0 up")
	d.says("readyz", 200, "")
	d.shaking(false)
	s := testnet.NewSender(there, "in0")
	s.SendAll(frames, 20000)
	missing += d.end(s.Sent).missing
	return fmt.Sprintf("%d cases, and an interface that is down; identity error %d", cases, missing)
}

func rootless(b *bench) string {
	holder := exec.Command(user()[0], append(user()[1:], "unshare", "--user", "--map-root-user", "--net", "sleep", "infinity")...)
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
	all := standard()
	d := b.watched(n, b.command(nil, all, append(user(), "nsenter", fmt.Sprintf("--target=%d", pid), "--user", "--net", "--preserve-credentials")), all)
	d.says("readyz", 200, "")
	s := testnet.NewSender(n, "in0")
	s.SendAll(testnet.Conversation(b.of(10000, 100000)), 20000)
	return d.end(s.Sent).String()
}
