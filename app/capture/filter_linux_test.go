package capture

import (
	"bytes"
	"testing"

	"golang.org/x/net/bpf"
)

// The filter keeps every frame, of every length, and all of it if its IP header may be anywhere.
func TestEthernetFilter_KeepsHeaders(t *testing.T) {
	vm, err := bpf.NewVM(ethernetFilter())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		head  []byte // from the ethertype on
		whole bool
	}{
		{"ipv4", []byte{0x08, 0x00}, false},
		{"ipv6", []byte{0x86, 0xdd}, false},
		{"arp", []byte{0x08, 0x06}, false},
		{"pppoe session", []byte{0x88, 0x64}, false},
		{"an unknown ethertype", []byte{0xbe, 0xef}, false},
		{"neither length nor ethertype", []byte{0x05, 0xdd}, false},
		{"tag, ipv4", []byte{0x81, 0x00, 0, 5, 0x08, 0x00}, false},
		{"802.1ad, ipv6", []byte{0x88, 0xa8, 0, 5, 0x86, 0xdd}, false},
		{"9100, ipv4", []byte{0x91, 0x00, 0, 5, 0x08, 0x00}, false},
		{"tag, tag, ipv4", []byte{0x81, 0x00, 0, 5, 0x81, 0x00, 0, 5, 0x08, 0x00}, false},
		{"tag, tag, tag", []byte{0x81, 0x00, 0, 5, 0x88, 0xa8, 0, 5, 0x81, 0x00}, true},
		{"tag, mpls", []byte{0x81, 0x00, 0, 5, 0x88, 0x47}, true},
		{"tag, pppoe", []byte{0x81, 0x00, 0, 5, 0x88, 0x64}, false},
		{"mpls", []byte{0x88, 0x47}, true},
		{"mpls multicast", []byte{0x88, 0x48}, true},
		{"llc", []byte{0, 100}, true},
		{"llc, longest", []byte{0x05, 0xdc}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for size := 14; size < 2000; size++ {
				frame := append(bytes.Repeat([]byte{2}, 12), tt.head...)
				frame = append(frame, make([]byte, 2000)...)[:size]
				kept, err := vm.Run(frame)
				if err != nil {
					t.Fatal(err)
				}
				want := min(size, keepHeaders)
				if tt.whole {
					want = size
				}
				if min(kept, size) < want {
					t.Fatalf("of %d bytes %d are kept, want %d", size, kept, want)
				}
			}
		})
	}
}
