package httpd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFullNames(t *testing.T) {
	const file = `127.0.0.1 localhost
127.0.1.1	NAS.example.org nas # nas.example.com
192.168.2.7 nas.home.example nasty.example.org xnas.example.org "nas.<b>
`
	if diff := cmp.Diff([]string{"nas.example.org", "nas.home.example"}, fullNames(file, "Nas")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
