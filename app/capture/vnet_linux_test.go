package capture

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// Kernels before 4.6 accept PACKET_VNET_HDR and then refuse the ring. Some have neither.
func TestRequestRing_OldKernels(t *testing.T) {
	tests := []struct {
		name    string
		options func(on int) error      // what the kernel says to PACKET_VNET_HDR
		ring    func(virtio bool) error // what it says to PACKET_RX_RING
		want    int
		err     error
	}{
		{"both", func(int) error { return nil }, func(bool) error { return nil }, vnetHeader, nil},
		{"not together", func(int) error { return nil }, func(virtio bool) error {
			if virtio {
				return unix.EINVAL
			}
			return nil
		}, 0, nil},
		{"no virtio header", func(int) error { return unix.ENOPROTOOPT }, func(bool) error { return nil }, 0, nil},
		{"no memory", func(int) error { return nil }, func(bool) error { return unix.ENOMEM }, vnetHeader, unix.ENOMEM},
		{"a ring of this size is refused", func(int) error { return nil }, func(bool) error { return unix.EINVAL }, 0, unix.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			virtio := false
			got, err := requestRing(
				func(on int) error {
					err := tt.options(on)
					virtio = on == 1 && err == nil
					return err
				},
				func() error { return tt.ring(virtio) },
			)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %d, %v, want %d, %v", got, err, tt.want, tt.err)
			}
		})
	}
}
