package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// With a password and TLS, browsers, programs and the commands get what they ask for, and nobody else does. A certificate
// that is replaced is served without a restart, also without privileges.
func TestDaemon_AsksForPasswordOverTLS(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	dir := publicDir(t)
	cert, key := testnet.WriteCertificate(t, dir, 1)
	const password = `a$b "c' #d`
	access := []string{"GONETMON_PASSWORD=" + password, "GONETMON_TLS_CERT=" + cert, "GONETMON_TLS_KEY=" + key}
	p := start(t, here, access...)
	if !strings.HasPrefix(p.URL, "https://") {
		t.Errorf("the page is at %s", p.URL)
	}
	p.Client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	get := func(path, password string) *http.Response {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			request.SetBasicAuth("somebody", password)
		}
		answer, err := p.Client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer
	}
	for _, path := range []string{"", "metrics", "debug/devices", "api/v1/status", "api/v1/stream"} {
		if without, with := get(path, "").StatusCode, get(path, password).StatusCode; without != 401 || with != 200 {
			t.Errorf("/%s: status %d without the password, %d with it", path, without, with)
		}
	}
	for _, path := range []string{"healthz", "readyz"} {
		if status := get(path, "").StatusCode; status == 401 {
			t.Errorf("/%s: status %d", path, status)
		}
	}
	healthcheck := func(variables ...string) (int, string) {
		t.Helper()
		status, _, log := testnet.Run(t, gonetmon(here, append(variables, "GONETMON_PORT="+p.Port()), "healthcheck"))
		return status, log
	}
	if status, log := healthcheck(access...); status != 0 {
		t.Errorf("healthcheck: status %d, %s", status, log)
	}
	both := filepath.Join(t.TempDir(), "both.pem")
	for _, name := range []string{key, cert} {
		appendFile(t, both, name)
	}
	if status, log := healthcheck("GONETMON_TLS_CERT="+both, "GONETMON_TLS_KEY="+both); status != 0 {
		t.Errorf("healthcheck with certificate and key in one file: status %d, %s", status, log)
	}
	otherCert, otherKey := testnet.WriteCertificate(t, t.TempDir(), 2)
	if status, log := healthcheck("GONETMON_TLS_CERT="+otherCert, "GONETMON_TLS_KEY="+otherKey); status != exitFailed ||
		!strings.Contains(log, "another certificate than GONETMON_TLS_CERT="+otherCert) {
		t.Errorf("healthcheck with another certificate: status %d, %s", status, log)
	}
	testnet.WriteCertificate(t, dir, 3)
	p.Until("the new certificate is served", func() bool {
		p.Client.CloseIdleConnections()
		return get("healthz", "").TLS.PeerCertificates[0].SerialNumber.Int64() == 3
	})
	if status, log := healthcheck(access...); status != 0 {
		t.Errorf("healthcheck with the new certificate: status %d, %s", status, log)
	}
	if strings.Contains(p.Log.String(), password) {
		t.Error("the log has the password")
	}
}

// A wrong certificate stops the start. One that nobody else may read is used, and the log says that it cannot be read again.
func TestDaemon_ReadsCertificateWithPrivileges(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	cert, key := testnet.WriteCertificate(t, publicDir(t), 1)
	testnet.RequireUsageError(t, gonetmon(here, append(usual(), "GONETMON_TLS_CERT="+key, "GONETMON_TLS_KEY="+key)),
		"GONETMON_TLS_CERT="+key+": contains no certificate")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, here, "GONETMON_TLS_CERT="+cert, "GONETMON_TLS_KEY="+key, "GONETMON_ADDR=0.0.0.0")
	for _, want := range []string{"cannot read the TLS files again", "GONETMON_TLS_KEY=" + key,
		"uid=65534", "without GONETMON_PASSWORD everyone"} {
		if !strings.Contains(p.Log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// publicDir returns a temporary folder that every user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// appendFile appends a file to another.
func appendFile(t *testing.T, to, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
