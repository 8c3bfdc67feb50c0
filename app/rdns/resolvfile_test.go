package rdns

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// New servers and search domains are reported once. While the file names no servers, the last ones stay; search domains stay
// in any case.
func TestResolvFile_ReportsChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var reported []string
		f := NewResolvFile(path, slog.New(slog.DiscardHandler), func(servers []netip.AddrPort, search []string) {
			reported = append(reported, fmt.Sprint(servers, search))
		})
		if servers, search := f.Load(); servers != nil || search != nil {
			t.Errorf("a missing file has %v, %v", servers, search)
		}
		replace("nameserver 10.0.0.1\nsearch lan\n")
		if servers, search := f.Load(); len(servers) != 1 || len(search) != 1 {
			t.Errorf("got %v, %v", servers, search)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		for _, step := range []func(){
			func() {},
			func() { replace("# the same\nnameserver 10.0.0.1\n") },
			func() { replace("nameserver 10.0.0.2\nnameserver 10.0.0.1\n") },
			func() { replace("") },
			func() { replace("nameserver 10.0.0.2\nnameserver 10.0.0.1\nsearch corp.example lan\n") },
			func() { _ = os.Remove(path) },
			func() { replace("nameserver 10.0.0.2\nnameserver 10.0.0.1\n") },
			func() { _ = os.Remove(path); _ = os.Mkdir(path, 0o700) },
			func() { _ = os.Remove(path); replace("nameserver ::1\n") },
		} {
			step()
			time.Sleep(3 * resolvInterval)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"[10.0.0.2:53 10.0.0.1:53] [lan]", "[10.0.0.2:53 10.0.0.1:53] [lan corp.example]",
			"[[::1]:53] [lan corp.example]"}, reported); diff != "" {
			t.Errorf("reported (-want +got):\n%s", diff)
		}
	})
}
