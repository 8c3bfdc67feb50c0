package privilege

import "testing"

func TestMapped(t *testing.T) {
	for uids, want := range map[string]bool{
		"         0          0 4294967295\n":                                   false,
		"         0     100000      65536\n":                                   true, // userns-remap, unprivileged LXC
		"         0       1000          1\n         1     100000      65536\n": true, // rootless
		"": true, // a namespace without users yet
	} {
		if got := mapped(uids); got != want {
			t.Errorf("%q: %v", uids, got)
		}
	}
}
