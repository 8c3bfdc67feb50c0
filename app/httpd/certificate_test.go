package httpd

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/test/testnet"
)

// serial returns the number of the certificate that a client gets.
func serial(t *testing.T, c *Certificate) int64 {
	t.Helper()
	cert, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.SerialNumber.Int64()
}

// Changed files are served without a restart. While they are wrong or missing the last certificate is, and the log says so once.
func TestCertificate_ReadsChangedFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := testnet.WriteCertificate(t, dir, 1)
	other := t.TempDir()
	testnet.WriteCertificate(t, other, 2)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, err := LoadCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || serial(t, c) != 1 {
			t.Fatalf("certificate %d, %v", serial(t, c), err)
		}
		for _, step := range []struct {
			name   string
			change func() error
			want   int64
			warn   string
		}{
			{"nothing", func() error { return nil }, 1, ""},
			{"the key is gone", func() error { return os.Rename(key, key+".old") }, 1, "GONETMON_TLS_KEY=" + key},
			{"the new certificate, not yet its key", func() error { return os.Rename(filepath.Join(other, "cert.pem"), cert) }, 1, ""},
			{"its key too", func() error { return os.Rename(filepath.Join(other, "key.pem"), key) }, 2, "TLS certificate loaded"},
			{"the old key", func() error { return os.Rename(key+".old", key) }, 2, "does not match"},
			{"a folder", func() error { _ = os.Remove(cert); return os.Mkdir(cert, 0o700) }, 2, ""},
		} {
			log.Reset()
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(certificateInterval)
				if got := serial(t, c); got != step.want {
					t.Errorf("%s: certificate %d, want %d", step.name, got, step.want)
				}
			}
			if n := strings.Count(log.String(), "\n"); n > 1 || (n > 0) != (step.warn != "") ||
				!strings.Contains(log.String(), step.warn) {
				t.Errorf("%s: log %q, want one line with %q", step.name, log.String(), step.warn)
			}
		}
	})
}

// Check says that files are no longer readable, also if they have not changed.
func TestCertificate_CheckReportsUnreadable(t *testing.T) {
	cert, key := testnet.WriteCertificate(t, t.TempDir(), 1)
	var log bytes.Buffer
	c, err := LoadCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Check(); log.Len() > 0 {
		t.Errorf("log %q", log.String())
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	c.Check()
	if c.Check(); strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "uid=") {
		t.Errorf("log %q", log.String())
	}
}

func TestLoadCertificate_Refuses(t *testing.T) {
	cert, key := testnet.WriteCertificate(t, t.TempDir(), 1)
	otherCert, _ := testnet.WriteCertificate(t, t.TempDir(), 2)
	dir := t.TempDir()
	text, encrypted, broken := filepath.Join(dir, "a.txt"), filepath.Join(dir, "encrypted.pem"), filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(text, []byte("a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	testnet.WritePEM(t, encrypted, "ENCRYPTED PRIVATE KEY", []byte("x"))
	testnet.WritePEM(t, broken, "CERTIFICATE", []byte("x"))
	none := filepath.Join(dir, "none")
	for _, tt := range []struct{ name, cert, key, want string }{
		{"no certificate", none, key, "GONETMON_TLS_CERT=" + none + ": "},
		{"no key", cert, none, "GONETMON_TLS_KEY=" + none + ": "},
		{"a folder", dir, key, "GONETMON_TLS_CERT=" + dir + ": not a regular file"},
		{"text as certificate", text, key, "GONETMON_TLS_CERT=" + text + ": contains no certificate"},
		{"text as key", cert, text, "GONETMON_TLS_KEY=" + text + ": contains no private key"},
		{"exchanged", key, cert, "GONETMON_TLS_CERT=" + key + ": contains no certificate"},
		{"certificate as key", cert, cert, "GONETMON_TLS_KEY=" + cert + ": contains no private key"},
		{"broken certificate", broken, key, "GONETMON_TLS_CERT=" + broken + ": x509: "},
		{"encrypted key", cert, encrypted, "GONETMON_TLS_KEY=" + encrypted + ": the key is encrypted"},
		{"key of another certificate", otherCert, key, "GONETMON_TLS_KEY=" + key + ": tls: private key does not match"},
	} {
		if _, err := LoadCertificate(tt.cert, tt.key, nil); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// A browser that would like HTTP/2 gets HTTP/1.1, and no TLS before 1.2.
func TestServer_NegotiatesTLS(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *listener) {
		if !l.tls {
			return
		}
		for _, version := range []uint16{tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			l.tls = false
			conn := tls.Client(l.connect(t, ""), &tls.Config{
				InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}, MinVersion: version, MaxVersion: version,
			})
			err := conn.Handshake()
			if state := conn.ConnectionState(); (err == nil) != (version >= tls.VersionTLS12) ||
				err == nil && state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("%s: %v, protocol %q", tls.VersionName(version), err, state.NegotiatedProtocol)
			}
			_ = conn.Close()
		}
	})
}
