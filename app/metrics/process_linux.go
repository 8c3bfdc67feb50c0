package metrics

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Process reads the stats of this process from the kernel. It must be opened before privileges are dropped: a
// non-dumpable process can no longer open /proc/self/fd (proc(5)).
type Process struct {
	start time.Time

	mu    sync.Mutex // guards the position in files
	files *os.File
}

// OpenProcess opens /proc/self/fd.
func OpenProcess() (*Process, error) {
	files, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	return &Process{start: time.Now(), files: files}, nil
}

// Close closes it. Stats must not be called any more.
func (p *Process) Close() error { return p.files.Close() }

// Stats returns the current stats. Any goroutine may call it.
func (p *Process) Stats() (ProcessStats, error) {
	s := ProcessStats{Start: p.start}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return s, err
	}
	if err := s.parse(string(status)); err != nil {
		return s, fmt.Errorf("/proc/self/status: %w", err)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return s, fmt.Errorf("getrusage: %w", err)
	}
	s.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return s, fmt.Errorf("getrlimit: %w", err)
	}
	s.MaxFiles = limit.Cur
	s.Files, err = p.countFiles()
	return s, err
}

// parse parses the text of /proc/PID/status.
func (s *ProcessStats) parse(status string) error {
	sizes := map[string]*uint64{"VmRSS": &s.Resident, "VmHWM": &s.ResidentPeak, "RssAnon": &s.ResidentAnon, "VmSize": &s.Virtual}
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		var err error
		switch size := sizes[key]; {
		case size != nil:
			*size, err = strconv.ParseUint(strings.TrimSuffix(value, " kB"), 10, 54)
			*size *= 1024
		case key == "Threads":
			s.Threads, err = strconv.ParseUint(value, 10, 32)
		case key == "CapPrm":
			var set uint64
			set, err = strconv.ParseUint(value, 16, 64)
			s.Capabilities = uint64(bits.OnesCount64(set))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// countFiles returns the number of open descriptors.
func (p *Process) countFiles() (n uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.files.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	for {
		names, err := p.files.Readdirnames(256)
		n += uint64(len(names))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
