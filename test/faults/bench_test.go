package faults

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const (
	ring     = 8 << 20 // GONETMON_RING_SIZE if it isn't set
	maxHosts = 65536   // GONETMON_MAX_HOSTS likewise
	port     = "8080"

	longestStop = 3 * time.Second // beside other rows; one alone says what it takes
)

var away = netip.MustParseAddr("198.51.100.1") // somebody in the internet

// A bench is what one row works at.
type bench struct {
	*testing.T
	long   bool
	seed   uint64
	binary string
}

// of is how much of something is done in the two forms.
func (b *bench) of(short, long int) int {
	if b.long {
		return long
	}
	return short
}

// random is the same for one seed.
func (b *bench) random() *rand.Rand { return rand.New(rand.NewPCG(b.seed, 1)) }

// command is the daemon's, or another of gonetmon's, in a namespace if there is one. If wrap is given it is that which runs it.
func (b *bench) command(n *testnet.Namespace, variables []string, wrap []string, args ...string) *exec.Cmd {
	args = append(append(slices.Clone(wrap), b.binary), args...)
	cmd := exec.Command(args[0], args[1:]...)
	if n != nil {
		cmd = n.Command(args...)
	}
	cmd.Env = testnet.Environ(variables...)
	return cmd
}

// A daemon is a running gonetmon with a watch beside it.
type daemon struct {
	*testnet.Daemon
	*watch
	b *bench
	n *testnet.Namespace
}

// standard is how the daemon is configured; what follows in the environment goes before it.
func standard(variables ...string) []string {
	return append([]string{
		"GONETMON_PORT=" + port, "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none", "GONETMON_REPORT_INTERVAL=2s",
	}, variables...)
}

// start starts the daemon, and the watch when it has said that it runs.
func (b *bench) start(n *testnet.Namespace, variables ...string) *daemon {
	b.Helper()
	return b.startBy(n, nil, nil, variables...)
}

// startBy is start by another command, wrap, with what also does to it before.
func (b *bench) startBy(n *testnet.Namespace, wrap []string, also func(*exec.Cmd), variables ...string) *daemon {
	b.Helper()
	all := standard(variables...)
	cmd := b.command(n, all, wrap)
	if also != nil {
		also(cmd)
	}
	return b.watched(n, cmd, all)
}

// watched starts a daemon with all these variables, and the watch.
func (b *bench) watched(n *testnet.Namespace, cmd *exec.Cmd, all []string) *daemon {
	b.Helper()
	d := &daemon{Daemon: testnet.LaunchDaemon(b, n, cmd), b: b, n: n}
	d.URL = "http://127.0.0.1:" + last(all, "GONETMON_PORT") + "/"
	d.Until("it answers", func() bool {
		select {
		case <-d.Ended:
			b.Fatalf("ended: %s", d.Log.String())
		default:
		}
		status, _ := d.Get("healthz")
		return status == 200
	})
	d.watch = newWatch(d, all)
	return d
}

// last is the value of a variable that stands there, maybe more than once.
func last(variables []string, name string) (value string) {
	for _, v := range variables {
		if n, is, _ := strings.Cut(v, "="); n == name {
			value = is
		}
	}
	return value
}

// number is a variable's value, in bytes if it says MiB.
func number(variables []string, name string, otherwise int) int {
	value := last(variables, name)
	value, mib := strings.CutSuffix(value, "MiB")
	n, err := strconv.Atoi(value)
	switch {
	case err != nil:
		return otherwise
	case mib:
		return n << 20
	}
	return n
}

// settled waits until the page shows that so many frames have reached the socket, and that all of them are counted.
func (d *daemon) settled(frames uint64) {
	d.b.Helper()
	d.Until(fmt.Sprintf("%d frames on the page", frames), func() bool { return d.reached() >= frames })
	time.Sleep(1200 * time.Millisecond) // what is counted is folded once a second
}

// reached is how many frames have reached the socket, as the page says.
func (d *daemon) reached() uint64 {
	d.b.Helper()
	packets, drops := d.captured()
	return packets + drops
}

// captured is how many frames were read, and how many lost.
func (d *daemon) captured() (packets, drops uint64) {
	d.b.Helper()
	v := d.values(`gonetmon_capture_packets_total{interface="mon0"}`, `gonetmon_capture_drops_total{interface="mon0"}`)
	return v[0], v[1]
}

// values are those of some series of the page, 0 if they are not there. It does not read the others, which may be many.
func (d *daemon) values(series ...string) []uint64 {
	d.b.Helper()
	status, body := d.Get("metrics")
	if status != 200 {
		d.b.Fatalf("metrics: %d %s", status, body)
	}
	return find(body, series...)
}

// find looks up series in a page.
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

// A final is what the daemon said when it stopped.
type final struct {
	frames, drops  uint64
	bytes, packets uint64
	took           time.Duration
	missing        int64   // frames that were sent and are neither read nor lost
	idle           float64 // what it used of a core when nothing happened any more
}

func (f final) String() string {
	return fmt.Sprintf("%d frames, %d lost, identity error %d", f.frames+f.drops, f.drops, f.missing)
}

// end sees that the daemon is idle and its page in order, stops it, and checks all that it has said. Frames read and lost must be
// together those that were sent.
func (d *daemon) end(sent uint64) final {
	d.b.Helper()
	f := d.endAny(sent)
	if f.missing = int64(sent - f.frames - f.drops); f.missing != 0 {
		d.b.Errorf("identity: %d read + %d lost, %d sent", f.frames, f.drops, sent)
	}
	return f
}

// endAny is end where not all that was sent has reached the socket.
func (d *daemon) endAny(atLeast uint64) final {
	d.b.Helper()
	d.settled(atLeast)
	idle := d.rest()
	d.watch.end()
	f := d.stop()
	f.idle = idle
	return f
}

// rest sees that the daemon does next to nothing when nothing happens, how much of a core it says, and that the page is proper.
func (d *daemon) rest() (idle float64) {
	d.b.Helper()
	most, doing := 0.01, ""
	if d.values("gonetmon_dns_queue")[0] > 0 { // 50 times a second
		most, doing = 0.05, " and asking for names"
	}
	d.pause(true)
	idle = 1
	for tries := 0; idle >= most && tries < 5; tries++ { // it may still be busy with what has been
		begin, before := time.Now(), testnet.CPU(d.b, d.Cmd.Process.Pid)
		time.Sleep(time.Duration(d.b.of(1000, 2000)) * time.Millisecond)
		idle = (testnet.CPU(d.b, d.Cmd.Process.Pid) - before).Seconds() / time.Since(begin).Seconds()
	}
	if idle >= most {
		d.b.Errorf("idle%s, it uses %.1f %% of a core", doing, 100*idle)
	}
	d.pause(false)
	status, page := d.Get("")
	if status != 200 {
		d.b.Errorf("page: %d %s", status, page)
		return idle
	}
	for _, err := range readHTML(page) {
		d.b.Errorf("page: %v", err)
	}
	return idle
}

// stop sends SIGTERM and checks how the daemon ends.
func (d *daemon) stop() (f final) {
	d.b.Helper()
	status, took := d.Stop()
	if status != 0 {
		d.b.Errorf("exit status %d", status)
	}
	if took > longestStop {
		d.b.Errorf("the stop took %v", took)
	}
	d.lines()
	return final{
		frames: d.LogValue("stopped", "frames"), drops: d.LogValue("stopped", "drops"),
		bytes: d.LogValue("counted", "bytes"), packets: d.LogValue("counted", "packets"), took: took,
	}
}

// lines checks the log and the output of a daemon that has ended.
func (d *daemon) lines() {
	d.b.Helper()
	for _, err := range readLog(d.Log.String()) {
		d.b.Errorf("log: %v", err)
	}
	for _, err := range readOutput(d.Out.String()) {
		d.b.Errorf("output: %v", err)
	}
}

// kill ends the daemon at once.
func (d *daemon) kill() {
	d.b.Helper()
	d.watch.end()
	if err := d.Cmd.Process.Kill(); err != nil {
		d.b.Error(err)
	}
	<-d.Ended
}

// signal sends the daemon a signal.
func (d *daemon) signal(s os.Signal) {
	d.b.Helper()
	if err := d.Cmd.Process.Signal(s); err != nil {
		d.b.Fatal(err)
	}
}

// says asks for /healthz or /readyz until it says what it must.
func (d *daemon) says(path string, status int, reason string) {
	d.b.Helper()
	d.Until(fmt.Sprintf("%s says %d %q", path, status, reason), func() bool {
		got, body := d.Get(path)
		return got == status && strings.Contains(body, reason)
	})
}
