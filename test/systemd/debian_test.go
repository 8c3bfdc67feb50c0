package systemd

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// TestDebian installs, upgrades and purges the package as people do. Each step builds on the one before.
func TestDebian(t *testing.T) {
	m := boot(t, func(destdir string) {
		testnet.NeedCommand(t, "dpkg", "run this on Debian or Ubuntu")
		testnet.NeedCommand(t, "git", "install git")
		arch, err := exec.Command("dpkg", "--print-architecture").Output()
		if err != nil {
			t.Fatal(err)
		}
		dist := t.TempDir()
		cmd := exec.Command("../../systemd/release.sh", dist, strings.TrimSpace(string(arch)))
		cmd.Env = append(os.Environ(), "VERSION=v1.0.0-rc.1")
		run(t, cmd)
		// The next version has another default configuration, too.
		run(t, exec.Command("sh", "-euc", `cd "$1"
			cp *.deb "$2/1.0.0~rc.1"
			dpkg-deb --raw-extract *.deb next
			sed -i 's/^Version: .*/Version: 1.0.0/' next/DEBIAN/control
			echo '# new' >>next/etc/gonetmon/gonetmon.env
			dpkg-deb --root-owner-group -Zgzip -z1 --build next "$2/1.0.0"`, "sh", dist, filepath.Join(destdir, "etc")))
	})
	m.do("sh", "-c", "mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers && touch /var/lib/dpkg/status")
	m.write("/usr/sbin/policy-rc.d", "#!/bin/sh\n") // that of this machine may forbid to start services
	m.do("chmod", "+x", "/usr/sbin/policy-rc.d")

	for _, step := range []struct {
		name string
		run  func(*machine)
	}{
		{"Starts", debianStarts},
		{"KeepsConfigurationAndStateInUpgrade", debianUpgrades},
		{"StaysDisabledInUpgrade", debianStaysDisabled},
		{"IsRemoved", debianIsRemoved},
		{"IsPurged", debianIsPurged},
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

// install installs the package of a version, which lies in /etc. dpkg is not to ask about a configuration that was edited.
func (m *machine) install(version string) {
	m.t.Helper()
	m.t.Log(strings.TrimSpace(m.do("dpkg", "--force-confold", "--install", "/etc/"+version)))
	if got := m.do("dpkg-query", "--show", "--showformat=${Version} ${Status}", "gonetmon"); got != version+" install ok installed" {
		m.t.Errorf("it is %s", got)
	}
}

// enabled returns whether the unit is enabled.
func (m *machine) enabled(unit string) string {
	return strings.TrimSpace(m.ask("systemctl", "is-enabled", unit))
}

func debianStarts(m *machine) {
	m.install("1.0.0~rc.1")
	m.expect(map[string]string{"ActiveState": "active"})
	if service, socket := m.enabled("gonetmon.service"), m.enabled("gonetmon.socket"); service != "enabled" || socket != "disabled" {
		m.t.Errorf("the service is %s, the socket is %s", service, socket)
	}
	if version := m.do("/usr/bin/gonetmon", "version"); !strings.Contains(version, "v1.0.0-rc.1") {
		m.t.Errorf("its version is %s", version)
	}
	if _, reason := m.get("readyz"); !strings.Contains(reason, "no default route yet") {
		m.t.Errorf("without a configuration: %s", reason)
	}
	if mode := m.do("stat", "-c", "%a %U:%G", envFile); mode != "640 root:root\n" {
		m.t.Errorf("%s has mode %s", envFile, mode)
	}
	m.do("sh", "-c", "printf 'GONETMON_INTERFACE=mon0\nGONETMON_CIDR=192.168.2.0/24\nGONETMON_DNS_SERVERS=none\n' >>"+envFile)
	m.do("systemctl", "restart", "gonetmon")
	m.awaitReady(http.StatusOK)
	testnet.NewSender(m.peer, "peer0").SendAll(testnet.Conversation(1000), 5000)
	m.until("the device is counted", m.knowsDevice)
}

// knowsDevice returns whether the API has the device that sent frames.
func (m *machine) knowsDevice() bool {
	_, devices := m.get("api/v1/devices")
	return strings.Contains(devices, `"192.168.2.10"`)
}

func debianUpgrades(m *machine) {
	before, pid := m.do("cat", envFile), m.show("MainPID")
	m.install("1.0.0")
	m.awaitReady(http.StatusOK)
	if m.show("MainPID") == pid {
		m.t.Error("it was not restarted")
	}
	if m.do("cat", envFile) != before {
		m.t.Error("the configuration has changed")
	}
	if beside := m.do("cat", envFile+".dpkg-dist"); !strings.HasSuffix(beside, "# new\n") {
		m.t.Errorf("the new default is not beside it: %s", beside)
	}
	if !m.knowsDevice() {
		m.t.Error("the device is forgotten")
	}
}

func debianStaysDisabled(m *machine) {
	m.do("systemctl", "disable", "--now", "gonetmon")
	m.install("1.0.0~rc.1")
	m.expect(map[string]string{"ActiveState": "inactive"})
	if service := m.enabled("gonetmon.service"); service != "disabled" {
		m.t.Errorf("the service is %s", service)
	}
	m.do("systemctl", "enable", "--now", "gonetmon.socket", "gonetmon.service")
	m.install("1.0.0")
	m.awaitReady(http.StatusOK)
}

func debianIsRemoved(m *machine) {
	m.do("dpkg", "--remove", "gonetmon")
	if status, _ := m.get("healthz"); status != 0 {
		m.t.Error("it still runs")
	}
	m.expect(map[string]string{"ActiveState": "inactive", "LoadState": "not-found"})
	m.do("test", "-s", envFile, "-a", "-s", "/var/lib/private/gonetmon/gonetmon.db")

	m.install("1.0.0")
	m.awaitReady(http.StatusOK)
	if !m.knowsDevice() {
		m.t.Error("the device is forgotten")
	}
}

func debianIsPurged(m *machine) {
	left := func() string { return m.do("find", "/", "/usr", "-xdev", "-name", "*gonetmon*", "-printf", "%p\n") }
	m.write("/etc/gonetmon/hosts", "192.168.2.10 printer\n")
	m.do("dpkg", "--purge", "gonetmon")
	if got := left(); got != "/etc/gonetmon\n" {
		m.t.Errorf("a file of the user is there, left is\n%s", got)
	}
	m.do("rm", "/etc/gonetmon/hosts")
	m.install("1.0.0")
	m.do("dpkg", "--purge", "gonetmon")
	if got := left(); got != "" {
		m.t.Errorf("left is\n%s", got)
	}
	if out := m.do("systemctl", "list-units", "--all", "--no-legend", "gonetmon*"); out != "" {
		m.t.Errorf("systemd knows %s", out)
	}
}
