package faults

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

// A fakeClock changes the wall clock of one running process; the kernel has no namespace for it. A process reads the clock in
// the vDSO, code that the kernel maps into it (vdso(7)). A fakeClock replaces that code, in this process alone, by code that
// asks the kernel and adds an offset to the wall clock. The monotonic clock, which a jump does not touch, stays as it was.
type fakeClock struct {
	b      *bench
	mem    *os.File
	offset int64 // where it is in the process's memory, in seconds
}

// clockCode is for amd64: clock_gettime(edi, rsi) by the system call, plus the offset behind the code for CLOCK_REALTIME, which
// is 0.
var clockCode = []byte{
	0xb8, 0xe4, 0, 0, 0, // mov eax, 228: SYS_clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 10, // jnz to ret
	0x48, 0x8b, 0x0d, 14, 0, 0, 0, // mov rcx, [rip+14]: the offset
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, // ret
}

const clockOffset = 32 // of the offset, from the start of the code

// newFakeClock takes over a daemon's clock.
func newFakeClock(d *daemon) *fakeClock {
	d.b.Helper()
	if runtime.GOARCH != "amd64" {
		d.b.Fatal("clock jumps work on amd64 only; leave this row out with -skip TestFaults/clock")
	}
	pid := d.Cmd.Process.Pid
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		d.b.Fatal(err)
	}
	d.b.Cleanup(func() { _ = mem.Close() })
	at, err := clockAddress(pid, mem)
	if err != nil {
		d.b.Fatal(err)
	}
	c := &fakeClock{b: d.b, mem: mem, offset: at + clockOffset}
	d.whileStopped(func() {
		time.Sleep(100 * time.Millisecond) // until no thread runs what is replaced
		c.write(at, append(bytes.Clone(clockCode), make([]byte, clockOffset+8-len(clockCode))...))
	})
	return c
}

// clockAddress returns where the vDSO of a process reads the clock.
func clockAddress(pid int, mem io.ReaderAt) (int64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) r-xp .*\[vdso\]$`).FindStringSubmatch(string(maps))
	if m == nil {
		return 0, errors.New("the process has no vDSO")
	}
	begin, _ := strconv.ParseInt(m[1], 16, 64)
	end, _ := strconv.ParseInt(m[2], 16, 64)
	vdso, err := elf.NewFile(io.NewSectionReader(mem, begin, end-begin))
	if err != nil {
		return 0, err
	}
	symbols, err := vdso.DynamicSymbols()
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return begin + int64(s.Value), nil
		}
	}
	return 0, fmt.Errorf("the vDSO has no clock: %w", err)
}

func (c *fakeClock) write(at int64, code []byte) {
	c.b.Helper()
	if _, err := c.mem.WriteAt(code, at); err != nil {
		c.b.Fatalf("write to the process: %v", err)
	}
}

// set puts the clock ahead by so much, or back.
func (c *fakeClock) set(ahead time.Duration) {
	c.b.Helper()
	c.write(c.offset, binary.LittleEndian.AppendUint64(nil, uint64(ahead/time.Second)))
}

func clockJumps(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	clock := newFakeClock(d)
	l := b.newLoad(nil, 2000)
	l.begin(there, 7)
	d.Until("the device is on the page", func() bool { n, _ := d.countedFrom(7); return n > 0 })
	const year = 365 * 24 * time.Hour
	jumps := []time.Duration{time.Hour, 0, -time.Hour, 0, year, -year, 0, 30 * year}
	for range b.of(1, 10) {
		for _, to := range jumps {
			clock.set(to)
			d.checkClock(to)
		}
	}
	clock.set(0)
	d.checkClock(0)
	rates := tableRates(d.Out.String()) // the interval of the last table goes on after the load
	l.end()
	f := d.finish(l.sent.Load())
	for _, rate := range rates {
		if rate < 2 || rate > 50 { // Mbit/s: 2,000 frames/s of 760 bytes are 12
			b.Errorf("a table of the output has a rate of %v Mbit/s", rate)
		}
	}
	if len(rates) == 0 {
		b.Error("the output has no rates")
	}
	return fmt.Sprintf("%d jumps; %s; %d tables printed", b.of(1, 10)*len(jumps)+1, f, len(rates))
}

// checkClock checks that the daemon reports the time of its clock, and that everything else goes on, for a while.
func (d *daemon) checkClock(ahead time.Duration) {
	d.b.Helper()
	for begin := time.Now(); time.Since(begin) < 1500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
		for _, path := range []string{"healthz", "readyz"} {
			if status, body := d.Get(path); status != 200 {
				d.b.Errorf("clock %v ahead: %s: %d %s", ahead, path, status, body)
				return
			}
		}
	}
	seen := time.Unix(int64(d.values(`gonetmon_device_last_seen_timestamp_seconds{device="192.168.2.7"}`)[0]), 0)
	if want := time.Now().Add(ahead); seen.Sub(want).Abs() > 5*time.Second {
		d.b.Errorf("clock %v ahead: the device was seen last at %v, it is %v", ahead, seen, want)
	}
	_, page := d.Get("")
	if rate := regexp.MustCompile(`<p class="big out">([^<]*)</p>`).FindStringSubmatch(page); rate == nil ||
		!strings.HasSuffix(rate[1], "Mbit/s") {
		d.b.Errorf("clock %v ahead: the rate on the page is %q", ahead, rate)
	}
}

// tableRates returns the rate of the device in each table of the output, in Mbit/s.
func tableRates(text string) (rates []float64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "192.168.2.7" && fields[len(fields)-1] == "Mbit/s" {
			rate, _ := strconv.ParseFloat(fields[len(fields)-2], 64)
			rates = append(rates, rate)
		}
	}
	return rates
}
