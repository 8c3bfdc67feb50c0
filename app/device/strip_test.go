package device

import (
	"testing"
	"time"
)

// Search domains that become known later are removed from names that are shown already.
func TestRegistry_SetStripRenamesAtOnce(t *testing.T) {
	lan := newTestLAN(100, true)
	lan.namer.found = []answer{{"192.168.2.7", "tv.lan"}, {"192.168.2.8", "nas.example.org"}}
	lan.send("192.168.2.7", 1)
	lan.send("192.168.2.8", 1)
	lan.update(time.Second)
	lan.want(t, "no domains", "nas.example.org ptr [192.168.2.8] 1/0", "tv.lan ptr [192.168.2.7] 1/0")
	lan.SetStrip([]string{"lan"})
	lan.send("192.168.2.7", 1)
	lan.namer.found = []answer{{"192.168.2.9", "printer.lan"}}
	lan.update(time.Second)
	lan.want(t, "one domain", "nas.example.org ptr [192.168.2.8] 1/0", "printer ptr [192.168.2.9] 0/0", "tv ptr [192.168.2.7] 1/0",
		"tv.lan ptr [] 1/0")
	lan.SetStrip([]string{"lan"})
	lan.update(time.Second)
	lan.want(t, "the same again", "nas.example.org ptr [192.168.2.8] 1/0", "printer ptr [192.168.2.9] 0/0",
		"tv ptr [192.168.2.7] 1/0", "tv.lan ptr [] 1/0")
}
