package metrics

import (
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// ProcessStats are what the kernel knows of the process.
type ProcessStats struct {
	Start        time.Time
	CPU          time.Duration
	Threads      uint64
	Resident     uint64 // bytes of memory in use
	ResidentPeak uint64 // the maximum so far
	ResidentAnon uint64 // of Resident, without files and rings
	Virtual      uint64 // bytes of address space
	Files        uint64 // open descriptors
	MaxFiles     uint64 // 1<<64-1 if there is no limit
	Capabilities uint64 // the number permitted
}

// process writes the families of the process, under the names of Prometheus's own libraries where those have them. The
// library's WriteProcMetrics and WriteFDMetrics do not do: without privileges the process can open neither
// /proc/self/io nor /proc/self/fd, so they would write zeros, and log an error for each scrape.
func (t *textWriter) process(s *ProcessStats) {
	for _, f := range []struct {
		name, help string
		value      uint64
	}{
		{"gonetmon_process_capabilities", "Linux capabilities that the process still has.", s.Capabilities},
		{"process_num_threads", "Threads of the process.", s.Threads},
		{"process_open_fds", "Open file descriptors.", s.Files},
		{"process_max_fds", "Maximum number of open file descriptors.", s.MaxFiles},
		{"process_resident_memory_bytes", "Resident memory, capture buffers and the program itself included.", s.Resident},
		{"process_resident_memory_peak_bytes", "Maximum of the resident memory since the start.", s.ResidentPeak},
		{"process_resident_memory_anon_bytes", "Resident memory without capture buffers and the program itself.", s.ResidentAnon},
		{"process_virtual_memory_bytes", "Address space of the process. Most of it takes no memory.", s.Virtual},
	} {
		t.single(f.name, gauge, f.help, f.value)
	}
	t.startFamily("process_cpu_seconds_total", counter, "CPU time used by the process.")
	metrics.WriteCounterFloat64(t, "process_cpu_seconds_total", s.CPU.Seconds())
	t.startFamily("process_start_time_seconds", gauge, "Unix time at which the process started.")
	t.timestamp(s.Start)
}
