package metrics

import "time"

// ProcessStats are what the kernel tells of the process.
type ProcessStats struct {
	Start        time.Time
	Processor    time.Duration // for which processors have worked for it
	Threads      uint64
	Resident     uint64 // bytes of memory in use
	ResidentPeak uint64 // the most so far
	ResidentAnon uint64 // of them those that are no file's and no ring's
	Virtual      uint64 // bytes of address space
	Files        uint64 // descriptors that are open
	MaxFiles     uint64 // that can be; 1<<64-1 if there is no limit
	Capabilities uint64 // how many it is permitted
}

// process writes the families of the process, by the names that Prometheus's own libraries give them where they know the like.
func (l *lines) process(s *ProcessStats) {
	for _, f := range []struct {
		name, help string
		value      uint64
	}{
		{"gonetmon_process_capabilities", "Capabilities (Linux) that gonetmon has now, as the kernel says.", s.Capabilities},
		{"process_num_threads", "Threads of the process.", s.Threads},
		{"process_open_fds", "File descriptors that are open.", s.Files},
		{"process_max_fds", "File descriptors that can be open at most.", s.MaxFiles},
		{"process_resident_memory_bytes", "Memory that the process has in use, the rings and the program itself included.", s.Resident},
		{"process_resident_memory_peak_bytes", "The most memory that the process has had in use at once.", s.ResidentPeak},
		{"process_resident_memory_anon_bytes", "Memory in use without the rings and the program itself.", s.ResidentAnon},
		{"process_virtual_memory_bytes", "Address space of the process, most of which takes no memory.", s.Virtual},
	} {
		l.family(f.name, gauge, f.help)
		l.series(f.value)
	}
	l.family("process_cpu_seconds_total", counter, "Time that processors have worked for the process.")
	l.seconds(s.Processor)
	l.family("process_start_time_seconds", gauge, "When the process was started, in seconds since 1970.")
	l.time(s.Start)
}
