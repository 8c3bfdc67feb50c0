package testnet

import "testing"

// A goroutine that does not end is found, and is not any more when it has ended.
func TestLeaks(t *testing.T) {
	stay := make(chan struct{})
	go func() { <-stay }()
	if got := FindLeaks(); got != ExitLeak {
		t.Errorf("exit status %d with a goroutine that stays", got)
	}
	close(stay)
	if got := FindLeaks(); got != 0 {
		t.Errorf("exit status %d without", got)
	}
}
