package systemd

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const envFile = "/etc/gonetmon/gonetmon.env"

// TestSystemd installs gonetmon as README says, and does to it what happens to services.
func TestSystemd(t *testing.T) {
	begin := time.Now()
	m := boot(t)
	t.Logf("booted after %v: %s", time.Since(begin).Round(100*time.Millisecond), strings.SplitN(m.ask("systemctl", "--version"), "\n", 2)[0])
	example, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	// A file as compose has it: its own variables, quotes and comments.
	configuration := string(example) + `
GONETMON_INTERFACE=mon0 # the mirror
GONETMON_CIDR="192.168.2.0/24"
GONETMON_DNS_SERVERS=none
GONETMON_NAMES_FILE=/etc/gonetmon/hosts
GRAFANA_PASSWORD=secret-of-grafana
GRAFANA_ADDR=0.0.0.0
PROMETHEUS_PORT=9191
ALERTMANAGER_PORT=9193
COMPOSE_PROFILES=alerts
`
	m.write(envFile, configuration)
	m.write("/etc/gonetmon/hosts", "192.168.2.10 printer\n")
	// Only so that the test doesn't take minutes.
	m.write("/etc/systemd/system/gonetmon.service.d/test.conf", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=4s\nRestartSec=500ms\n")
	m.do("chmod", "640", envFile)
	m.do("systemctl", "daemon-reload")

	for _, step := range []struct {
		name string
		do   func(*testing.T, *machine)
	}{
		{"starts", starts},
		{"is confined", isConfined},
		{"counts", counts},
		{"hears an interface that is made anew", hearsAnInterfaceMadeAnew},
		{"outlives systemd's own restart", outlivesReexec},
		{"is started again when it hangs", isStartedAgainWhenItHangs},
		{"is started again when it dies", isStartedAgainWhenItDies},
		{"keeps its port", keepsItsPort},
		{"has its interface brought up by systemd-networkd", hasItsInterfaceBroughtUp},
		{"stops", stops},
		{"is not started again with a typo", func(t *testing.T, m *machine) { isNotStartedAgainWithATypo(t, m, configuration) }},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			m.t = t
			step.do(t, m)
		})
		m.t = t
		if !ok {
			return // the next begins where this one ends
		}
	}
}

// equal wants properties of the service.
func (m *machine) equal(want map[string]string) {
	m.t.Helper()
	for property, value := range want {
		if got := m.show(property); got != value {
			m.t.Errorf("%s=%s, want %s", property, got, value)
		}
	}
}

func starts(t *testing.T, m *machine) {
	m.do("systemctl", "enable", "--now", "gonetmon.service")
	m.equal(map[string]string{
		"ActiveState": "active", "SubState": "running", "Result": "success", "StatusText": "listening on mon0, 0 devices",
		"Type": "notify", "DynamicUser": "yes", "MemoryMax": strconv.Itoa(512 << 20), "TasksMax": "128", "LimitNOFILE": "1024", "LimitCORE": "0",
	})
	if status := m.do("systemctl", "status", "--no-pager", "gonetmon"); !strings.Contains(status, "Docs: man:gonetmon(8)") {
		t.Errorf("no manual in\n%s", status)
	}
	if status, _ := m.page("readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
	if journal := m.journal(); strings.Contains(journal, "level=WARN") || strings.Contains(journal, "level=ERROR") {
		t.Errorf("it complains:\n%s", journal)
	}
}

// page asks the daemon.
func (m *machine) page(path string) (status int, body string) {
	answer, err := m.network.HTTP().Get("http://127.0.0.1:8080/" + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(b)
}

// What the process may is in the kernel's own words.
func isConfined(t *testing.T, m *machine) {
	process := "/proc/" + m.main()
	b, err := os.ReadFile(process + "/status")
	if err != nil {
		t.Fatal(err)
	}
	status := string(b)
	const netRaw = 1 << 13
	for set, most := range map[string]uint64{"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0, "CapBnd": netRaw} {
		if mask, err := strconv.ParseUint(field(status, set), 16, 64); err != nil || mask&^most != 0 {
			t.Errorf("%s: %x, %v; want %x at most", set, mask, err, most)
		}
	}
	t.Logf("CapEff %s, CapBnd %s", field(status, "CapEff"), field(status, "CapBnd"))
	for name, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2"} {
		if got := field(status, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	uid, _, _ := strings.Cut(field(status, "Uid"), "\t")
	if n, err := strconv.Atoi(uid); err != nil || n < 61184 || n > 65519 {
		t.Errorf("user %s, want a dynamic one", uid)
	}
	environment, err := os.ReadFile(process + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(environment), "secret-of-grafana") {
		t.Error("it has Grafana's password")
	}
	figure := m.do("systemd-analyze", "security", "--no-pager", "--threshold=18", "gonetmon.service")
	t.Log(strings.TrimSpace(figure[strings.LastIndex(figure, "→"):]))
}

// It hears under all of these restrictions, and reads its file of names.
func counts(_ *testing.T, m *machine) {
	m.hear(1000)
	m.until(10*time.Second, "the device with a name is shown", func() bool {
		_, page := m.page("metrics")
		return strings.Contains(page, `node_bytes_total{device="printer"}`)
	})
	m.until(25*time.Second, "the status counts devices", func() bool {
		return regexp.MustCompile(`^listening on mon0, [1-9]\d* devices?$`).MatchString(m.show("StatusText"))
	})
}

// hear has so many frames sent and waits until the daemon has heard that many more.
func (m *machine) hear(frames int) {
	m.t.Helper()
	heard := func() (n int) {
		_, page := m.page("metrics")
		if f := regexp.MustCompile(`\ngonetmon_capture_packets_total{interface="mon0"} (\d+)\n`).FindStringSubmatch(page); f != nil {
			n, _ = strconv.Atoi(f[1])
		}
		return n
	}
	before := heard()
	testnet.NewSender(m.peer, "peer0").SendAll(testnet.Conversation(frames), 5000)
	m.until(10*time.Second, "all frames are heard", func() bool { return heard() >= before+frames })
	if got := heard(); got != before+frames {
		m.t.Errorf("heard %d frames, and %d of %d that came then", before, got-before, frames)
	}
}

func hearsAnInterfaceMadeAnew(_ *testing.T, m *machine) {
	m.network.IP("link delete mon0")
	m.until(5*time.Second, "the interface is missed", func() bool { status, _ := m.page("readyz"); return status == http.StatusServiceUnavailable })
	testnet.Veth(m.network, "mon0", m.peer, "peer0")
	m.until(5*time.Second, "the interface is heard", func() bool { status, _ := m.page("readyz"); return status == http.StatusOK })
	m.hear(1000)
}

// The socket to systemd, which is opened once, is still that of the new systemd.
func outlivesReexec(_ *testing.T, m *machine) {
	before := m.show("MainPID")
	m.do("systemctl", "daemon-reexec")
	time.Sleep(6 * time.Second) // longer than WatchdogSec
	m.equal(map[string]string{"ActiveState": "active", "MainPID": before, "NRestarts": "0"})
}

// startedAgain waits until another process is active, and says how long that took.
func (m *machine) startedAgain(before string) time.Duration {
	m.t.Helper()
	took := m.until(30*time.Second, "another process is active", func() bool {
		state, pid, _ := strings.Cut(m.show("ActiveState,MainPID"), "\n") // at one moment
		if state != "active" {
			state, pid = pid, state
		}
		return state == "active" && pid != before && pid != "0"
	})
	if status, body := m.page("healthz"); status != http.StatusOK {
		m.t.Errorf("healthz: %d %s", status, body)
	}
	return took
}

func isStartedAgainWhenItHangs(t *testing.T, m *machine) {
	before := m.show("MainPID")
	pid, err := strconv.Atoi(m.main())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Logf("hung for %v with a watchdog of 4s", m.startedAgain(before).Round(100*time.Millisecond))
	journal := m.journal()
	for _, want := range []string{"Watchdog timeout (limit 4s)!", "goroutine "} {
		if !strings.Contains(journal, want) {
			t.Errorf("the journal does not tell of %q", want)
		}
	}
	m.equal(map[string]string{"NRestarts": "1"})
}

// Go ends with status 2 after a panic as well; that must not be taken for a wrong configuration.
func isStartedAgainWhenItDies(_ *testing.T, m *machine) {
	for i, signal := range []string{"KILL", "QUIT", "SEGV"} {
		before := m.show("MainPID")
		m.do("systemctl", "kill", "--kill-who=main", "--signal="+signal, "gonetmon.service")
		m.startedAgain(before)
		m.equal(map[string]string{"NRestarts": strconv.Itoa(2 + i)})
	}
}

// askDuring asks the daemon one question after the other while something is done.
func (m *machine) askDuring(do func()) (asked, failed int) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			asked++
			if status, body := m.page("healthz"); status != http.StatusOK {
				failed++
				m.t.Logf("asked: %d %s", status, body)
			}
		}
	}()
	do()
	close(done)
	<-ended
	return asked, failed
}

// With gonetmon.socket the port is never closed: who asks while there is no daemon is answered by the next one.
func keepsItsPort(t *testing.T, m *machine) {
	m.do("systemctl", "stop", "gonetmon.service")
	m.write("/etc/systemd/system/gonetmon.service.d/port.conf", "[Service]\nEnvironment=GONETMON_PORT=9999\n")
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "enable", "--now", "gonetmon.socket", "gonetmon.service")
	const restarts = 10
	asked, failed := m.askDuring(func() {
		for range restarts {
			m.do("systemctl", "restart", "gonetmon.service")
		}
	})
	t.Logf("%d requests during %d restarts, %d not answered", asked, restarts, failed)
	if failed > 0 {
		t.Error("requests were not answered")
	}
	asked, failed = m.askDuring(func() {
		before := m.show("MainPID")
		m.do("systemctl", "kill", "--kill-who=main", "--signal=KILL", "gonetmon.service")
		m.startedAgain(before)
	})
	t.Logf("%d requests during a kill, %d not answered", asked, failed)
	if failed > 1 { // the one that was being answered
		t.Error("requests were not answered")
	}
	if journal := m.journal(); !strings.Contains(journal, "GONETMON_ADDR and GONETMON_PORT are not used") {
		t.Error("the log does not say that the port is another one")
	}
	m.do("systemctl", "disable", "--now", "gonetmon.socket")
	m.do("rm", "/etc/systemd/system/gonetmon.service.d/port.conf")
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "restart", "gonetmon.service")
}

// The documented file makes systemd-networkd bring the interface up, and nothing else: it has no address, and says nothing.
func hasItsInterfaceBroughtUp(t *testing.T, m *machine) {
	guide, err := os.ReadFile("../../docs/systemd.md")
	if err != nil {
		t.Fatal(err)
	}
	f := regexp.MustCompile("(?s)`/etc/systemd/network/60-mirror.network`.*?\n```ini\n(.*?)```").FindSubmatch(guide)
	if f == nil {
		t.Fatal("docs/systemd.md has no file for systemd-networkd")
	}
	m.write("/etc/systemd/network/60-mirror.network", strings.ReplaceAll(string(f[1]), "eth1", "mon0"))
	m.network.IP("link set mon0 down")
	m.network.Sysctl("net/ipv6/conf/mon0/disable_ipv6", "0") // as it is elsewhere
	var said atomic.Uint64
	testnet.Tap(m.peer, "peer0", func([]byte) { said.Add(1) })
	m.until(5*time.Second, "the interface is missed", func() bool { status, _ := m.page("readyz"); return status == http.StatusServiceUnavailable })
	m.do("systemctl", "start", "systemd-networkd.service")
	m.until(10*time.Second, "the interface is heard", func() bool { status, _ := m.page("readyz"); return status == http.StatusOK })
	time.Sleep(2 * time.Second) // for which an address would be in question before it is used
	if out := m.do("ip", "-oneline", "address", "show", "dev", "mon0"); out != "" {
		t.Errorf("it has an address: %s", out)
	}
	if n := said.Load(); n > 0 {
		t.Errorf("it has said %d things", n)
	}
	m.do("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd.service")
}

func stops(t *testing.T, m *machine) {
	begin := time.Now()
	m.do("systemctl", "stop", "gonetmon.service")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	m.equal(map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})
	if journal := m.journal(); !strings.Contains(journal, "msg=counted") {
		t.Error("the last thing is not what was counted")
	}
}

func isNotStartedAgainWithATypo(t *testing.T, m *machine, configuration string) {
	m.write(envFile, configuration+"GONETMON_INTERFAC=eth1\n")
	m.do("systemctl", "reset-failed")
	if out, err := m.command("systemctl", "start", "gonetmon.service").CombinedOutput(); err == nil {
		t.Errorf("it started: %s", out)
	}
	time.Sleep(3 * time.Second) // RestartSec is half a second
	m.equal(map[string]string{"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2", "NRestarts": "0"})
	if journal := m.journal(); strings.Count(journal, "did you mean GONETMON_INTERFACE?") != 1 {
		t.Error("the journal does not name the typo, once")
	}
}
