package metrics

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProcess_Stats(t *testing.T) {
	p, err := OpenProcess()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	before, err := p.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if before.Resident < 1<<20 || before.ResidentPeak < 1<<20 || before.Virtual < before.Resident || before.Threads == 0 ||
		before.MaxFiles < before.Files {
		t.Errorf("stats %+v", before)
	}
	for range 10 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
	}
	after := before
	for after.CPU < before.CPU+20*time.Millisecond { // Stats takes CPU time itself
		if after, err = p.Stats(); err != nil {
			t.Fatal(err)
		}
	}
	if after.Files != before.Files+10 {
		t.Errorf("stats %+v; 10 open files before %+v", after, before)
	}
}

func TestProcessStats_Parse(t *testing.T) {
	const status = "Name:\tgonetmon\nVmPeak:\t 1000 kB\nVmSize:\t  900 kB\nVmHWM:\t  800 kB\nVmRSS:\t  700 kB\n" +
		"RssAnon:\t  400 kB\nRssFile:\t  300 kB\nRssShmem:\t  0 kB\nThreads:\t9\nCapInh:\t00000000000000ff\n" +
		"CapPrm:\t0000000000003000\nCapEff:\t0000000000000001\n"
	var got ProcessStats
	if err := got.parse(status); err != nil {
		t.Fatal(err)
	}
	want := ProcessStats{
		Virtual: 900 << 10, ResidentPeak: 800 << 10, Resident: 700 << 10, ResidentAnon: 400 << 10, Threads: 9, Capabilities: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"VmRSS:\t700 MB", "Threads:\tmany", "CapPrm:\tall"} {
		if err := got.parse(bad); err == nil || !strings.HasPrefix(err.Error(), strings.Split(bad, ":")[0]+": ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
