package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/app/api"
	"gonetmon/test/testnet"
)

// A keeping is a daemon that keeps its state in dir, and the wire that it captures on.
type keeping struct {
	t    *testing.T
	dir  string
	here *testnet.Namespace
	wire *testnet.Sender
	*testnet.Daemon
}

func newKeeping(t *testing.T) *keeping {
	here, there := testnet.NewPair(t)
	k := &keeping{t: t, dir: filepath.Join(t.TempDir(), "state"), here: here, wire: testnet.NewSender(there, "in0")}
	k.start()
	return k
}

func (k *keeping) variables() []string {
	return append(usual(), "GONETMON_STATE_DIR="+k.dir, "TZ=Pacific/Chatham")
}

func (k *keeping) start() {
	k.t.Helper()
	k.Daemon = testnet.StartDaemon(k.t, k.here, gonetmon(k.here, k.variables()))
}

// send sends 1,000 bytes from each host to the internet, which is what a device moves there.
func (k *keeping) send(hosts int) {
	k.t.Helper()
	for i := range hosts {
		k.wire.Send(testnet.UDP(keptHost(i), netip.MustParseAddr("198.51.100.1"), 972))
	}
}

func keptHost(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 2, byte(i + 1)}) }

// ask decodes the answer to a request of the API.
func (k *keeping) ask(path string, v any) {
	k.t.Helper()
	status, body := k.Get(path)
	if err := json.Unmarshal([]byte(body), v); status != 200 || err != nil {
		k.t.Fatalf("%s: %d %v %s", path, status, err, body)
	}
}

// moved returns the internet bytes of the billing period, of the network and of each device that is listed.
func (k *keeping) moved() (network uint64, devices map[string]uint64) {
	k.t.Helper()
	var u api.Usage
	k.ask("api/v1/usage", &u)
	devices = map[string]uint64{}
	for _, d := range u.Devices {
		devices[d.Name] = d.Period.Internet()
	}
	return u.Network.Period.Internet(), devices
}

// untilMoved waits until all of this is booked.
func (k *keeping) untilMoved(want uint64) {
	k.t.Helper()
	k.Until(fmt.Sprint(want, " bytes booked"), func() bool { got, _ := k.moved(); return got >= want })
	if got, _ := k.moved(); got != want {
		k.t.Errorf("%d bytes booked, want %d", got, want)
	}
}

func (k *keeping) identities() map[string]string {
	k.t.Helper()
	var all api.Devices
	k.ask("api/v1/devices", &all)
	ids := map[string]string{}
	for _, d := range all.Devices {
		ids[d.Name] = fmt.Sprint(d.ID, d.FirstSeen)
	}
	return ids
}

// What devices have moved goes on over a restart, with their IDs and the time when they were first seen. The counters of
// Prometheus begin again. A daemon that is killed loses what it has not saved, and nothing else.
func TestDaemon_KeepsUsageOverRestart(t *testing.T) {
	t.Parallel()
	k := newKeeping(t)
	const hosts = 200 // so many that the file grows while the system calls are filtered
	k.send(hosts)
	k.untilMoved(hosts * 1000)
	who := k.identities()
	if status, _ := k.Stop(); status != 0 {
		t.Fatalf("status %d: %s", status, k.Log.String())
	}
	if info, err := os.Stat(filepath.Join(k.dir, "gonetmon.db")); err != nil || info.Size() < 64<<10 {
		t.Errorf("the file: %+v, %v", info, err)
	}

	k.start()
	total, devices := k.moved()
	if total != hosts*1000 || len(devices) != hosts || devices[keptHost(7).String()] != 1000 {
		t.Errorf("after a restart %d bytes of %d devices", total, len(devices))
	}
	for name, now := range k.identities() {
		if now != who[name] {
			t.Errorf("%s is now %s, and was %s", name, now, who[name])
		}
	}
	if bytes, ok := k.Metrics()[`node_bytes_total{device="192.168.2.8"}`]; !ok || bytes != 0 {
		t.Errorf("a counter begins with %v, %v", bytes, ok)
	}
	var status api.Status
	k.ask("api/v1/status", &status)
	if !status.Store.Kept || status.Store.Error != "" || status.Timezone != "Pacific/Chatham" {
		t.Errorf("status %+v, time zone %s", status.Store, status.Timezone)
	}

	k.send(10)
	k.untilMoved(hosts*1000 + 10*1000)
	_ = k.Cmd.Process.Kill()
	<-k.Ended
	k.start()
	if total, _ := k.moved(); total != hosts*1000 && total != hosts*1000+10*1000 { // saved each minute, all or nothing
		t.Errorf("after a kill %d bytes", total)
	}
	before, _ := k.moved()
	k.send(10)
	k.untilMoved(before + 10*1000)
}

// A daemon that is killed while it stops, which is when it writes, keeps all of what it was writing, or none of it.
func TestDaemon_SurvivesKillWhileSaving(t *testing.T) {
	t.Parallel()
	k := newKeeping(t)
	const hosts = 20
	k.send(hosts)
	k.untilMoved(hosts * 1000)
	_, took := k.Stop() // it writes at the end of that time
	kills, lost := 12, 0
	if testing.Short() {
		kills = 5
	}
	total := uint64(hosts * 1000)
	for range kills {
		k.start()
		k.send(hosts)
		k.Until("all counted", func() bool { return k.Metrics()["network_bytes_total"] == hosts*1000 })
		if err := k.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took - 40*time.Millisecond + rand.N(60*time.Millisecond))
		_ = k.Cmd.Process.Kill()
		<-k.Ended
		k.start()
		switch now, _ := k.moved(); now {
		case total:
			lost++
		case total + hosts*1000:
			total = now
		default:
			t.Fatalf("%d bytes after a kill, want %d or %d", now, total, total+hosts*1000)
		}
		_, took = k.Stop()
	}
	t.Logf("%d kills, %d of them before the state was written", kills, lost)
}

// A backup from the running daemon can be restored while it is stopped, and only then.
func TestDaemon_BackupAndRestore(t *testing.T) {
	t.Parallel()
	k := newKeeping(t)
	k.send(5)
	k.untilMoved(5000)
	k.Stop()
	k.start()
	file := filepath.Join(t.TempDir(), "copy")
	port := "GONETMON_PORT=" + k.Port()
	if status, out, log := testnet.Run(t, gonetmon(k.here, append(k.variables(), port), "backup", file)); status != 0 ||
		out+log != "" {
		t.Fatalf("backup: status %d, %s%s", status, out, log)
	}
	status, out, log := testnet.Run(t, gonetmon(k.here, append(k.variables(), port), "backup", "-"))
	if copied, err := os.ReadFile(file); status != 0 || err != nil || len(out) != len(copied) || log != "" {
		t.Errorf("backup -: status %d, %d and %d bytes, %v, %s", status, len(out), len(copied), err, log)
	}
	restore := gonetmon(nil, k.variables(), "restore", file)
	testnet.RequireUsageError(t, restore, "another gonetmon is using it; stop it first")
	testnet.RequireUsageError(t, gonetmon(k.here, k.variables()), "GONETMON_STATE_DIR="+k.dir+": ")
	k.send(5)
	k.untilMoved(10000)
	k.Stop()

	stdin := gonetmon(nil, k.variables(), "restore", "-")
	stdin.Stdin = strings.NewReader(out)
	status, said, log := testnet.Run(t, stdin)
	if status != 0 || !strings.Contains(said, "the previous file is "+k.dir) {
		t.Errorf("restore: status %d, %s%s", status, said, log)
	}
	k.start()
	if total, _ := k.moved(); total != 5000 {
		t.Errorf("%d bytes after restore, want 5000", total)
	}
}

// What is wrong with the folder of the state stops the start with one line.
func TestDaemon_RefusesStateDir(t *testing.T) {
	t.Parallel()
	here := testnet.NewNamespace(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, "/does/not/exist", "/proc/1"} {
		variables := append(usual(), "GONETMON_INTERFACE=lo", "GONETMON_STATE_DIR="+dir)
		testnet.RequireUsageError(t, gonetmon(here, variables), "GONETMON_STATE_DIR="+dir+": ")
		testnet.RequireUsageError(t, gonetmon(here, variables), "for example GONETMON_STATE_DIR=/var/lib/gonetmon")
	}
}

// Without a folder for the state there is nothing to back up, and the answer says what to set.
func TestDaemon_BackupWithoutState(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	p := start(t, here)
	file := filepath.Join(t.TempDir(), "copy")
	status, out, log := testnet.Run(t, gonetmon(here, []string{"GONETMON_PORT=" + p.Port()}, "backup", file))
	if status != exitFailed || out != "" || !strings.Contains(log, "404 Not Found: nothing is kept on disk") ||
		!strings.Contains(log, "for example GONETMON_STATE_DIR=/var/lib/gonetmon") {
		t.Errorf("status %d, %s%s", status, out, log)
	}
	if names, err := os.ReadDir(filepath.Dir(file)); err != nil || len(names) > 0 {
		t.Errorf("it leaves %v, %v", names, err)
	}
}
