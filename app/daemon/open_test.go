package daemon

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/app/device"
	"gonetmon/app/httpd"
	"gonetmon/app/misuse"
)

// Of TLS files too.
func TestDaemon_ExplainsPath(t *testing.T) {
	_, err := httpd.LoadCertificate("/no/cert.pem", "/no/key.pem", slog.New(slog.DiscardHandler))
	for container, want := range map[bool]string{true: "config/gonetmon/cert.pem is /etc/gonetmon/cert.pem", false: ""} {
		if got := New(Config{InContainer: container}).explainPath(err); !strings.HasSuffix(got, want) || (got == "") != (want == "") {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// In a container, the error for a missing file says which folder of the host has the files. No other error does.
func TestDaemon_MissingFiles(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, file string
		container  bool
		want       string
	}{
		{"missing in a container", filepath.Join(dir, "hosts"), true, "config/gonetmon/hosts is /etc/gonetmon/hosts"},
		{"missing", filepath.Join(dir, "hosts"), false, "for example GONETMON_NAMES_FILE=/etc/hosts"},
		{"a folder in a container", dir, true, "for example GONETMON_NAMES_FILE=/etc/hosts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := New(Config{NamesFile: tt.file, InContainer: tt.container})
			d.log, d.registry = slog.New(slog.DiscardHandler), device.NewRegistry(device.Config{})
			err := d.readNamesFile()
			var m misuse.Error
			if !errors.As(err, &m) || !strings.HasPrefix(err.Error(), "GONETMON_NAMES_FILE="+tt.file+": ") ||
				!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "docker/") != strings.HasPrefix(tt.want, "docker/") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
