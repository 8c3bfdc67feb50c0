package faults

import (
	"fmt"
	"os"
	"regexp"
	"runtime"

	"golang.org/x/sys/unix"
)

// machine describes what this runs on.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	kernel := regexp.MustCompile(`^[0-9.]*`).FindString(unix.ByteSliceToString(u.Release[:])) // the rest may name the distribution
	model, cpus := runtime.GOARCH, []byte(nil)
	cpus, _ = os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(cpus); m != nil {
		model = string(m[1])
	}
	return fmt.Sprintf("%d cores of %s, Linux %s, %s", runtime.NumCPU(), model, kernel, runtime.Version())
}
