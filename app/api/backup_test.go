package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBackup(t *testing.T) {
	content := strings.Repeat("state", 100_000)
	cfg := home()
	for _, tt := range []struct {
		name   string
		backup func(w io.Writer) error
		status int
		want   string // of the body
		cut    bool
	}{
		{"a copy", func(w io.Writer) error { _, err := io.WriteString(w, content); return err }, 200, content, false},
		{"fails at once", func(io.Writer) error { return errors.New("disk is gone") }, 500, "disk is gone", false},
		{"fails later", func(w io.Writer) error {
			_, _ = io.WriteString(w, content)
			return errors.New("disk is gone")
		}, 200, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg.Backup = tt.backup
			server := httptest.NewServer(New(cfg))
			defer server.Close()
			answer, err := http.Get(server.URL + "/api/v1/backup")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			if answer.StatusCode != tt.status || (err != nil) != tt.cut || !strings.Contains(string(body), tt.want) {
				t.Errorf("status %d, %d bytes, %v", answer.StatusCode, len(body), err)
			}
		})
	}
}
