package httpd

import (
	"math"
	"testing"
)

func TestConnectionLimit(t *testing.T) {
	for descriptors, want := range map[uint64]int{16: minConnections, 64: 28, 1024: maxConnections, math.MaxUint64: maxConnections} {
		if got := connectionLimit(descriptors, 36); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}
