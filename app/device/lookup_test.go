package device

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A host that was forgotten is looked up again when it returns, although its name was reported before.
func TestRegistry_LooksUpReturningHosts(t *testing.T) {
	lan := newTestLAN(100, true)
	lan.cfg.Forget = time.Hour
	lan.namer.found = []answer{{"192.168.2.9", "nas"}} // by a sweep
	lan.send("192.168.2.7", 1)
	lan.update(time.Second)
	lan.send("192.168.2.9", 1)
	lan.update(wantEvery)
	lan.update(2 * time.Hour)
	lan.update(time.Minute)
	lan.send("192.168.2.7", 1)
	lan.send("192.168.2.9", 1)
	lan.update(time.Second)
	if diff := cmp.Diff([]string{"192.168.2.7", "192.168.2.7", "192.168.2.9"}, lan.namer.refreshed); diff != "" {
		t.Errorf("looked up (-want +got):\n%s", diff)
	}
}
