package testnet_test

import (
	"os/exec"
	"sync"
	"testing"

	"gonetmon/test/testnet"
)

// A copy can be executed at once, however many processes others begin.
func TestCopyRuns(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 4 {
				if out, err := exec.Command(testnet.CopyBinary(t), "-test.run", "^$").CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
		})
	}
	all.Wait()
}
