package faults

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const (
	defaultRing = 8 << 20
	port        = "8080"
	address     = "127.0.0.1:" + port

	maxStop = 3 * time.Second // other rows may run at the same time
)

var away = netip.MustParseAddr("198.51.100.1") // an internet host

// A bench is what one row works with.
type bench struct {
	*testing.T
	long   bool
	seed   uint64
	binary string
}

// of picks the short form's or the long form's amount of something.
func (b *bench) of(short, long int) int {
	if b.long {
		return long
	}
	return short
}

// seconds is of for a time.
func (b *bench) seconds(short, long int) time.Duration {
	return time.Duration(b.of(short, long)) * time.Second
}

// each runs the cases of a row beside each other, and joins what they measured.
func (b *bench) each(cases []string, run func(b *bench, i int) (measured string)) string {
	b.Helper()
	measured := make([]string, len(cases))
	b.Run("cases", func(t *testing.T) { // ends when all of them have
		for i, name := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				of := *b
				of.T = t
				measured[i] = name + ": " + run(&of, i)
			})
		}
	})
	return strings.Join(measured, "; ")
}

// random returns the same numbers for the same seed.
func (b *bench) random() *rand.Rand { return rand.New(rand.NewPCG(b.seed, 1)) }

// command returns gonetmon's command line, in a namespace if there is one, run by wrap if that is given.
func (b *bench) command(n *testnet.Namespace, variables []string, wrap []string, args ...string) *exec.Cmd {
	args = append(append(slices.Clone(wrap), b.binary), args...)
	cmd := exec.Command(args[0], args[1:]...)
	if n != nil {
		cmd = n.Command(args...)
	}
	cmd.Env = testnet.Environ(variables...)
	return cmd
}

// A daemon is a running gonetmon with a watcher.
type daemon struct {
	*testnet.Daemon
	*watcher
	b *bench
	n *testnet.Namespace
}

// defaults are the bench's variables, followed by those that override them.
func defaults(variables ...string) []string {
	return append([]string{
		"GONETMON_PORT=" + port, "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none",
		"GONETMON_REPORT_INTERVAL=2s",
	}, variables...)
}

// start starts the daemon and, once it answers, its watcher.
func (b *bench) start(n *testnet.Namespace, variables ...string) *daemon {
	b.Helper()
	return b.startBy(n, nil, nil, variables...)
}

// startBy is start by another command, wrap; prepare may change it.
func (b *bench) startBy(n *testnet.Namespace, wrap []string, prepare func(*exec.Cmd), variables ...string) *daemon {
	b.Helper()
	d := b.launch(n, wrap, prepare, variables...)
	d.watcher = newWatcher(d, variables)
	return d
}

// launch is startBy without a watcher.
func (b *bench) launch(n *testnet.Namespace, wrap []string, prepare func(*exec.Cmd), variables ...string) *daemon {
	b.Helper()
	variables = defaults(variables...)
	cmd := b.command(n, variables, wrap)
	if prepare != nil {
		prepare(cmd)
	}
	d := &daemon{Daemon: testnet.LaunchDaemon(b, n, cmd), b: b, n: n}
	d.URL = "http://127.0.0.1:" + lastValue(variables, "GONETMON_PORT") + "/"
	d.waitStatus("healthz", 200, "")
	return d
}

// lastValue returns a variable's value; the last assignment wins.
func lastValue(variables []string, name string) (value string) {
	for _, v := range variables {
		if n, is, _ := strings.Cut(v, "="); n == name {
			value = is
		}
	}
	return value
}

// waitReached waits until so many frames have reached the socket.
func (d *daemon) waitReached(frames uint64) {
	d.b.Helper()
	d.Until(fmt.Sprintf("%d frames on the page", frames), func() bool { return d.reached() >= frames })
}

// waitCounted waits until so many frames have reached the socket and the registry has been updated.
func (d *daemon) waitCounted(frames uint64) {
	d.b.Helper()
	d.waitReached(frames)
	time.Sleep(1200 * time.Millisecond) // updates come once a second
}

// reached returns how many frames have reached the socket.
func (d *daemon) reached() uint64 {
	d.b.Helper()
	read, dropped := d.captured()
	return read + dropped
}

// captured returns how many frames were read and how many were dropped.
func (d *daemon) captured() (read, dropped uint64) {
	d.b.Helper()
	v := d.values(`gonetmon_capture_packets_total{interface="mon0"}`, `gonetmon_capture_drops_total{interface="mon0"}`)
	return v[0], v[1]
}

// values returns the values of some series of the page, 0 for those that are absent.
func (d *daemon) values(series ...string) []uint64 {
	d.b.Helper()
	status, body := d.Get("metrics")
	if status != 200 {
		d.b.Fatalf("metrics: %d %s", status, body)
	}
	return find(body, series...)
}

// find looks up series in a page without parsing the rest of it.
func find(body string, series ...string) []uint64 {
	found := make([]uint64, len(series))
	for i, s := range series {
		if _, rest, ok := strings.Cut(body, "\n"+s+" "); ok {
			text, _, _ := strings.Cut(rest, "\n")
			v, _ := strconv.ParseFloat(text, 64)
			found[i] = uint64(v)
		}
	}
	return found
}

// A final is what the daemon logged when it stopped.
type final struct {
	frames, drops, bytes uint64
	took                 time.Duration
	missing              int64   // frames sent that were neither read nor dropped
	idle                 float64 // share of a core used when nothing happened any more
}

func (f final) String() string {
	return fmt.Sprintf("%d frames, %d dropped, identity error %d", f.frames+f.drops, f.drops, f.missing)
}

// finish checks the idle daemon, stops it, and checks everything that it has written. The frames read and dropped must add up to
// those sent.
func (d *daemon) finish(sent uint64) final {
	d.b.Helper()
	f := d.finishPartial(sent)
	if f.missing = int64(sent - f.frames - f.drops); f.missing != 0 {
		d.b.Errorf("identity: %d read + %d dropped, %d sent", f.frames, f.drops, sent)
	}
	return f
}

// finishPartial is finish for rows in which not everything sent has reached the socket.
func (d *daemon) finishPartial(atLeast uint64) final {
	d.b.Helper()
	d.waitCounted(atLeast)
	idle := d.checkIdle()
	d.unwatch()
	f := d.stop()
	f.idle = idle
	return f
}

// checkIdle checks that the daemon does next to nothing when nothing happens, and that its page is valid.
func (d *daemon) checkIdle() (idle float64) {
	d.b.Helper()
	maxIdle := 0.01
	if d.values("gonetmon_dns_queue")[0] > 0 { // 50 queries a second
		maxIdle = 0.05
	}
	d.pause(true)
	idle = 1
	for tries := 0; idle >= maxIdle && tries < 5; tries++ { // it may still be busy with what came before
		begin, before := time.Now(), testnet.CPU(d.b, d.Cmd.Process.Pid)
		time.Sleep(time.Duration(d.b.of(1000, 2000)) * time.Millisecond)
		idle = (testnet.CPU(d.b, d.Cmd.Process.Pid) - before).Seconds() / time.Since(begin).Seconds()
	}
	if idle >= maxIdle {
		d.b.Errorf("idle, it uses %.1f %% of a core, bound %.0f %%", 100*idle, 100*maxIdle)
	}
	d.pause(false)
	if status, page := d.Get(""); status != 200 {
		d.b.Errorf("page: %d %s", status, page)
	} else if err := checkPage(page); err != nil {
		d.b.Errorf("page: %v", err)
	}
	return idle
}

// stop sends SIGTERM, and checks how the daemon ends and what it has written.
func (d *daemon) stop() final {
	d.b.Helper()
	took := d.terminate()
	if err := checkLog(d.Log.String()); err != nil {
		d.b.Errorf("log: %v", err)
	}
	if err := checkOutput(d.Out.String()); err != nil {
		d.b.Errorf("output: %v", err)
	}
	return final{
		frames: d.LogValue("stopped", "frames"), drops: d.LogValue("stopped", "drops"),
		bytes: d.LogValue("counted", "bytes"), took: took,
	}
}

// terminate sends SIGTERM and checks the exit status.
func (d *daemon) terminate() time.Duration {
	d.b.Helper()
	status, took := d.Stop()
	if status != 0 || took > maxStop {
		d.b.Errorf("exit status %d after %v", status, took)
	}
	return took
}

// whileStopped calls fn while the daemon is stopped.
func (d *daemon) whileStopped(fn func()) {
	d.b.Helper()
	d.pause(true)
	_ = d.Cmd.Process.Signal(syscall.SIGSTOP)
	fn()
	_ = d.Cmd.Process.Signal(syscall.SIGCONT)
	d.waitStatus("healthz", 200, "")
	d.pause(false)
}

// whileDisturbed calls fn, which does something to the interface and undoes it, and waits until the daemon is ready again.
func (d *daemon) whileDisturbed(fn func()) {
	d.b.Helper()
	d.disturbed.Store(true)
	fn()
	d.waitStatus("readyz", 200, "")
	d.polling.Lock()
	d.last.valid = false
	d.disturbed.Store(false)
	d.polling.Unlock()
}

// waitStatus polls /healthz or /readyz until it answers with this status and reason.
func (d *daemon) waitStatus(path string, status int, reason string) {
	d.b.Helper()
	d.Until(fmt.Sprintf("%s answers %d %q", path, status, reason), func() bool {
		select {
		case <-d.Ended:
			d.b.Fatalf("ended: %s", d.Log.String())
		default:
		}
		got, body := d.Get(path)
		return got == status && strings.Contains(body, reason)
	})
}

// percentile returns the value that p of 100 do not exceed; 0 if there are none.
func percentile(p int, all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(all))[(len(all)*p-1)/100]
}

// ms formats a time for the table.
func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.3g ms", float64(d)/1e6)
}
