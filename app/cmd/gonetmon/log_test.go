package main

import (
	"os"
	"testing"

	"gonetmon/test/testnet"
)

// When who reads the log and the tables has gone, counting goes on, and the daemon ends well.
func TestLogReaderGone(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = write.Close() }()
	cmd := gonetmon(here, []string{"GONETMON_PORT=8080", "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none", "GONETMON_REPORT_INTERVAL=1s"})
	cmd.Stdout, cmd.Stderr = write, write
	d := testnet.LaunchDaemon(t, here, cmd)
	d.URL = "http://127.0.0.1:8080/"
	d.Until("it answers", func() bool { status, _ := d.Get("readyz"); return status == 200 })
	_ = read.Close()
	s := testnet.NewSender(there, "in0")
	s.SendAll(testnet.Conversation(1000), 0)
	if n := d.WaitFrames(s.Sent)[`gonetmon_frames_total{class="ipv4"}`]; n != float64(s.Sent) {
		t.Errorf("%.0f frames counted, %d sent", n, s.Sent)
	}
	if status, _ := d.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
