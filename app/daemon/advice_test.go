package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
)

func TestAboutFrames(t *testing.T) {
	tzsp, vxlan := packet.Unread{Mirror: packet.MirrorTZSP}, packet.Unread{Mirror: packet.MirrorVXLAN}
	tag := packet.Unread{Reason: packet.ReasonEthertype, Code: 0x893f}
	kinds := func(kind packet.Unread, n uint64) map[packet.Unread]uint64 { return map[packet.Unread]uint64{kind: n} }
	tests := []struct {
		name  string
		found meter.Findings
		want  []string // parts of the notices
	}{
		{"a mirror port", meter.Findings{Frames: 100, Others: 90, Own: 10}, nil},
		{"an ordinary port", meter.Findings{Frames: 100, Own: 80, Group: 18, Others: 2}, nil},
		{"hardly a frame", meter.Findings{Frames: 9, Own: 9}, nil},
		{"one copy", meter.Findings{Frames: 1, Own: 1, Mirrors: kinds(tzsp, 1)}, []string{"TZSP"}},
		{"only copies", meter.Findings{Frames: 100, Own: 100, Mirrors: kinds(tzsp, 100)}, []string{"TZSP"}},
		{"a VXLAN mirror", meter.Findings{Frames: 100, Own: 100, Mirrors: kinds(vxlan, 60)}, []string{"type vxlan"}},
		{"a VXLAN tunnel", meter.Findings{Frames: 100, Own: 50, Others: 50, Mirrors: kinds(vxlan, 50)}, nil},
		{"unknown tags", meter.Findings{Frames: 100, Unread: kinds(tag, 51)}, []string{"0x893f"}},
		{"some unknown tags", meter.Findings{Frames: 100, Others: 50, Unread: kinds(tag, 50)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := aboutFrames("eth1", &tt.found)
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %q", got, tt.want)
			}
			for i, n := range got {
				if !strings.Contains(n.Text+n.Hint, tt.want[i]) || !strings.Contains(n.Text, "eth1") {
					t.Errorf("got %v, want %q", n, tt.want[i])
				}
			}
		})
	}
}

// Each thing is logged once, and is on the page as long as it is so.
func TestAdviser_LogsOnce(t *testing.T) {
	s := &localnet.Snapshot{Links: []localnet.Link{
		{Index: 1, Name: "eth0"}, {Index: 2, Name: "mv0", Kind: "macvlan", Parent: 1},
	}}
	var log bytes.Buffer
	a := &adviser{
		log: slog.New(slog.NewTextHandler(&log, nil)), said: map[string]bool{},
		surveys: []*meter.Survey{{}, {}}, hearings: make([]hearing, 2),
		snapshot: func() *localnet.Snapshot { return s },
		status: func() []meter.Status {
			return []meter.Status{{Interface: "eth0", Stats: capture.Stats{Up: true}}, {Interface: "mv0", Stats: capture.Stats{Up: true}}}
		},
	}
	start := time.Now()
	a.look(start)
	a.look(start.Add(time.Hour))
	if n := a.notices(); len(n) != 2 || !strings.Contains(n[0].Text, "count twice") || !strings.Contains(n[1].Text, "macvlan") ||
		!strings.Contains(n[1].Hint, "GONETMON_INTERFACE=eth0") {
		t.Errorf("notices %v", n)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d lines, want 2:\n%s", n, log.String())
	}
	s.Links = s.Links[:1]
	if a.look(start.Add(2 * time.Hour)); len(a.notices()) != 0 {
		t.Errorf("notices %v", a.notices())
	}
}
