package systemd

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const envFile = "/etc/gonetmon/gonetmon.env"

// TestSystemd installs gonetmon as the README describes. Each step builds on the one before.
func TestSystemd(t *testing.T) {
	m := boot(t, func(destdir string) {
		binary := filepath.Join(t.TempDir(), "gonetmon")
		for _, target := range []string{"build", "install"} {
			run(t, exec.Command("make", "-C", "../..", target, "CGO_ENABLED=0", "BINARY="+binary, "DESTDIR="+destdir))
		}
	})
	t.Logf("booted %s", strings.SplitN(m.ask("systemctl", "--version"), "\n", 2)[0])
	example, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	// A file shared with compose: with compose's variables, quotes and comments.
	configuration := string(example) + `
GONETMON_INTERFACE=mon0 # the mirror
GONETMON_CIDR="192.168.2.0/24"
GONETMON_DNS_SERVERS=none
GONETMON_NAMES_FILE=/etc/gonetmon/hosts
GRAFANA_PASSWORD=secret-of-grafana
PROMETHEUS_PORT=9191
COMPOSE_PROFILES=alerts
`
	m.write(envFile, configuration)
	m.write("/etc/gonetmon/hosts", "192.168.2.10 printer\n")
	// To shorten the test.
	m.write("/etc/systemd/system/gonetmon.service.d/test.conf",
		"[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=4s\nRestartSec=500ms\n")
	m.do("chmod", "640", envFile)
	m.do("systemctl", "daemon-reload")

	for _, step := range []struct {
		name string
		run  func(*machine)
	}{
		{"Starts", starts},
		{"IsConfined", isConfined},
		{"CountsUnderConfinement", counts},
		{"SurvivesDaemonReexec", survivesReexec},
		{"IsRestartedWhenItHangs", restartsWhenItHangs},
		{"IsRestartedWhenItDies", restartsWhenItDies},
		{"SocketKeepsPortOpen", socketKeepsPortOpen},
		{"NetworkdBringsInterfaceUp", networkdBringsInterfaceUp},
		{"RestoresBackup", restoresBackup},
		{"Stops", stops},
		{"IsNotRestartedAfterTypo", func(m *machine) { isNotRestartedAfterTypo(m, configuration) }},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			m.t = t
			defer func(whole *testing.T) { m.t = whole }(t)
			step.run(m)
		}) {
			return
		}
	}
}

// expect compares properties of the service.
func (m *machine) expect(want map[string]string) {
	m.t.Helper()
	for property, value := range want {
		if got := m.show(property); got != value {
			m.t.Errorf("%s=%s, want %s", property, got, value)
		}
	}
}

// get asks the daemon for a page; status 0 means that there was no answer.
func (m *machine) get(path string) (status int, body string) {
	return testnet.Get(m.network.HTTP(), "http://127.0.0.1:8080/"+path)
}

// awaitReady waits until /readyz has this status.
func (m *machine) awaitReady(want int) {
	m.t.Helper()
	m.until("readyz: "+strconv.Itoa(want), func() bool { status, _ := m.get("readyz"); return status == want })
}

func starts(m *machine) {
	m.do("systemctl", "enable", "--now", "gonetmon.service")
	m.expect(map[string]string{
		"ActiveState": "active", "SubState": "running", "Result": "success", "StatusText": "listening on mon0, 0 devices",
		"Type": "notify", "DynamicUser": "yes", "MemoryMax": strconv.Itoa(512 << 20), "TasksMax": "128",
		"LimitNOFILE": "1024", "LimitCORE": "0",
	})
	if status := m.do("systemctl", "status", "--no-pager", "gonetmon"); !strings.Contains(status, "Docs: man:gonetmon(8)") {
		m.t.Errorf("no manual in\n%s", status)
	}
	m.awaitReady(http.StatusOK)
	if journal := m.journal(); strings.Contains(journal, "level=WARN") || strings.Contains(journal, "level=ERROR") {
		m.t.Errorf("warnings or errors:\n%s", journal)
	}
}

// The kernel reports what the process may do.
func isConfined(m *machine) {
	process := "/proc/" + m.show("MainPID")
	status := m.do("cat", process+"/status")
	const netRaw = 1 << 13
	for set, allowed := range map[string]uint64{"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0, "CapBnd": netRaw} {
		if mask, err := strconv.ParseUint(field(status, set), 16, 64); err != nil || mask&^allowed != 0 {
			m.t.Errorf("%s: %x, %v; allowed %x", set, mask, err, allowed)
		}
	}
	for name, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2"} {
		if got := field(status, name); got != want {
			m.t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	uid, _, _ := strings.Cut(field(status, "Uid"), "\t")
	if n, err := strconv.Atoi(uid); err != nil || n < 61184 || n > 65519 {
		m.t.Errorf("user %s, want a dynamic one", uid)
	}
	environment := m.do("cat", process+"/environ")
	if !strings.Contains(environment, "GONETMON_CIDR=") || strings.Contains(environment, "secret-of-grafana") {
		m.t.Errorf("its environment lacks the configuration, or has Grafana's password: %q", environment)
	}
	exposure := m.do("systemd-analyze", "security", "--no-pager", "--threshold=18", "gonetmon.service")
	m.t.Log(strings.TrimSpace(exposure[strings.LastIndex(exposure, "→"):]))
}

func counts(m *machine) {
	testnet.NewSender(m.peer, "peer0").SendAll(testnet.Conversation(1000), 5000)
	m.until("1,000 packets and the named device on the page", func() bool {
		_, page := m.get("metrics")
		return strings.Contains(page, "\n"+`gonetmon_capture_packets_total{interface="mon0"} 1000`+"\n") &&
			strings.Contains(page, `node_bytes_total{device="printer"}`)
	})
	m.until("devices in the status", func() bool {
		return regexp.MustCompile(`^listening on mon0, [1-9]\d* devices?$`).MatchString(m.show("StatusText"))
	})
}

// The notify socket, opened once, is still valid with the new systemd.
func survivesReexec(m *machine) {
	before := m.show("MainPID")
	m.do("systemctl", "daemon-reexec")
	time.Sleep(5 * time.Second) // longer than WatchdogSec
	m.expect(map[string]string{"ActiveState": "active", "MainPID": before, "NRestarts": "0"})
}

// restarted waits until another process is active.
func (m *machine) restarted(before string) {
	m.t.Helper()
	m.until("another process is active", func() bool {
		state, pid, _ := strings.Cut(m.show("ActiveState,MainPID"), "\n") // at one moment
		if state != "active" {
			state, pid = pid, state
		}
		return state == "active" && pid != before && pid != "0"
	})
	if status, body := m.get("healthz"); status != http.StatusOK {
		m.t.Errorf("healthz: %d %s", status, body)
	}
}

func restartsWhenItHangs(m *machine) {
	before := m.show("MainPID")
	m.do("systemctl", "kill", "--kill-who=main", "--signal=STOP", "gonetmon.service")
	m.restarted(before)
	journal := m.journal()
	for _, want := range []string{"Watchdog timeout (limit 4s)!", "goroutine "} {
		if !strings.Contains(journal, want) {
			m.t.Errorf("no %q in the journal", want)
		}
	}
	m.expect(map[string]string{"NRestarts": "1"})
}

// Go exits with status 2 after a panic too. systemd must not take that for a wrong configuration.
func restartsWhenItDies(m *machine) {
	for i, signal := range []string{"KILL", "QUIT", "SEGV"} {
		before := m.show("MainPID")
		m.do("systemctl", "kill", "--kill-who=main", "--signal="+signal, "gonetmon.service")
		m.restarted(before)
		m.expect(map[string]string{"NRestarts": strconv.Itoa(2 + i)})
	}
}

// requestDuring sends one request after the other while do runs.
func (m *machine) requestDuring(do func()) (sent, failed int) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; !stop.Load(); time.Sleep(5 * time.Millisecond) {
			sent++
			if status, body := m.get("healthz"); status != http.StatusOK {
				failed++
				m.t.Logf("request %d: %d %s", sent, status, body)
			}
		}
	}()
	do()
	stop.Store(true)
	<-done
	return sent, failed
}

// With gonetmon.socket the port stays open: the next daemon answers the requests that arrived in between.
func socketKeepsPortOpen(m *machine) {
	m.do("systemctl", "stop", "gonetmon.service")
	m.write("/etc/systemd/system/gonetmon.service.d/port.conf", "[Service]\nEnvironment=GONETMON_PORT=9999\n")
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "enable", "--now", "gonetmon.socket", "gonetmon.service")
	sent, failed := m.requestDuring(func() {
		for range 5 {
			m.do("systemctl", "restart", "gonetmon.service")
		}
	})
	if m.t.Logf("%d requests during 5 restarts", sent); failed > 0 {
		m.t.Errorf("%d of %d requests failed", failed, sent)
	}
	sent, failed = m.requestDuring(func() {
		before := m.show("MainPID")
		m.do("systemctl", "kill", "--kill-who=main", "--signal=KILL", "gonetmon.service")
		m.restarted(before)
	})
	if m.t.Logf("%d requests during a kill", sent); failed > 1 { // the one in progress
		m.t.Errorf("%d of %d requests failed", failed, sent)
	}
	if !strings.Contains(m.journal(), "GONETMON_PORT") {
		m.t.Error("no warning that GONETMON_PORT is not used")
	}
	m.do("systemctl", "disable", "--now", "gonetmon.socket")
	m.do("rm", "/etc/systemd/system/gonetmon.service.d/port.conf")
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "restart", "gonetmon.service")
}

// The documented file makes systemd-networkd bring the interface up. The interface gets no address and sends nothing.
func networkdBringsInterfaceUp(m *machine) {
	guide, err := os.ReadFile("../../docs/systemd.md")
	if err != nil {
		m.t.Fatal(err)
	}
	f := regexp.MustCompile("(?s)`/etc/systemd/network/60-mirror.network`.*?\n```ini\n(.*?)```").FindSubmatch(guide)
	if f == nil {
		m.t.Fatal("docs/systemd.md has no file for systemd-networkd")
	}
	m.write("/etc/systemd/network/60-mirror.network", strings.ReplaceAll(string(f[1]), "eth1", "mon0"))
	m.network.IP("link set mon0 down")
	m.network.Sysctl("net/ipv6/conf/mon0/disable_ipv6", "0") // as on other machines
	var received atomic.Uint64
	testnet.Tap(m.peer, "peer0", func([]byte) { received.Add(1) })
	m.awaitReady(http.StatusServiceUnavailable)
	m.until("the status says so", func() bool {
		return strings.HasPrefix(m.show("StatusText"), "waiting for mon0 (interface is down), ")
	})
	m.do("systemctl", "start", "systemd-networkd.service")
	m.awaitReady(http.StatusOK)
	time.Sleep(2 * time.Second) // longer than duplicate address detection
	if out := m.do("ip", "-oneline", "address", "show", "dev", "mon0"); out != "" || received.Load() > 0 {
		m.t.Errorf("it sent %d frames and has the addresses %q", received.Load(), out)
	}
	m.do("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service")
}

// Root restores a backup, and the user of the service can open it.
func restoresBackup(m *machine) {
	known := func() (string, bool) {
		_, text := m.get("api/v1/devices")
		first := regexp.MustCompile(`"id":\d+,"name":"printer".*?"first_seen":"[^"]*"`).FindString(text)
		return first, first != ""
	}
	testnet.NewSender(m.peer, "peer0").SendAll(testnet.Conversation(1000), 5000)
	var before string
	m.until("the printer is known", func() (ok bool) { before, ok = known(); return ok })
	m.do("systemctl", "restart", "gonetmon.service") // which saves it
	m.awaitReady(http.StatusOK)
	m.do("gonetmon", "backup", "/root/gonetmon.backup")
	m.do("systemctl", "stop", "gonetmon.service", "gonetmon.socket")
	m.do("sh", "-c", "rm /var/lib/gonetmon/gonetmon.db")
	m.do("env", "GONETMON_STATE_DIR=/var/lib/gonetmon", "gonetmon", "restore", "/root/gonetmon.backup")
	m.do("systemctl", "start", "gonetmon.service")
	m.awaitReady(http.StatusOK)
	if after, _ := known(); after != before {
		m.t.Errorf("%s was %s", after, before)
	}
}

func stops(m *machine) {
	m.do("systemctl", "stop", "gonetmon.service")
	m.expect(map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})
	if !strings.Contains(m.journal(), "msg=counted") {
		m.t.Error("the journal has no totals")
	}
	if owner := m.do("stat", "-c", "%a %s", "/var/lib/private/gonetmon/gonetmon.db"); !strings.HasPrefix(owner, "600 ") {
		m.t.Errorf("its state: %s", owner)
	}
}

func isNotRestartedAfterTypo(m *machine, configuration string) {
	m.write(envFile, configuration+"GONETMON_INTERFAC=eth1\n")
	m.do("systemctl", "reset-failed")
	if out, err := m.command("systemctl", "start", "gonetmon.service").CombinedOutput(); err == nil {
		m.t.Errorf("it started: %s", out)
	}
	time.Sleep(2 * time.Second) // RestartSec is half a second
	m.expect(map[string]string{"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2", "NRestarts": "0"})
	if strings.Count(m.journal(), "GONETMON_INTERFACE?") != 1 {
		m.t.Error("the journal does not name the typo exactly once")
	}
}
