package stack_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const (
	forged    = 50_000 // addresses, in two frames each
	floodRate = 20_000 // frames per second, for five seconds
	// How long the stack is watched from the beginning of the flood, in scrapes of 15 s.
	floodScrapes = 5
)

// forgedFrames returns the frames of a host that announces a prefix, and many addresses in it, each of which sends a packet to the internet.
func forgedFrames() (all [][]byte) {
	router := [6]byte{2, 0xff, 0, 0, 0, 1}
	prefix := netip.MustParsePrefix("2001:db8:1::/64")
	all = append(all, testnet.RouterAdvert(router, netip.MustParseAddr("fe80::1"), testnet.PrefixInfo(prefix, 24*time.Hour)))
	for i := range uint32(forged) {
		mac, addr := [6]byte{2, 0x10}, prefix.Addr().As16()
		binary.BigEndian.PutUint32(mac[2:], i)
		binary.BigEndian.PutUint32(addr[8:], 0x77)
		binary.BigEndian.PutUint32(addr[12:], i)
		ip := netip.AddrFrom16(addr)
		all = append(all, testnet.NeighborAdvert(mac, ip, ip, testnet.TargetMAC(mac)),
			testnet.Datagram(testnet.Ends{SrcMAC: mac, DstMAC: router, Src: ip, Dst: netip.MustParseAddr("2600::1")}, 4000, 4001, 64, make([]byte, 8)))
	}
	return all
}

// flood has one host forge far more addresses than GONETMON_MAX_HOSTS. Every service must stay up within its memory limit, and every
// scrape must succeed.
func (e *engine) flood() {
	services := []string{"gonetmon", "prometheus"}
	pids := map[string]int{}
	for _, service := range services {
		c := e.container(service)
		pids[service] = c.State.Pid
		if limit, _ := cgroupMemory(e.t, c.State.Pid); limit != c.HostConfig.Memory || limit == 0 {
			e.t.Fatalf("%s: the kernel limits memory to %d, compose.yaml to %d", service, limit, c.HostConfig.Memory)
		}
	}
	all := forgedFrames()
	bytes := 0
	for _, frame := range all {
		bytes += len(frame)
	}
	begun := time.Now()
	testnet.NewSender(e.lan, "mon1").SendAll(all, floodRate)
	e.t.Logf("flood: %d addresses, %.1f MB in %.1f s", forged, float64(bytes)/1e6, time.Since(begun).Seconds())
	for time.Since(begun) < floodScrapes*15*time.Second {
		if status, text := e.get("http://127.0.0.1:18080/readyz"); status != 200 {
			e.t.Fatalf("gonetmon is not ready %v after the flood began: %d %s", time.Since(begun), status, text)
		}
		for _, service := range services {
			c := e.container(service)
			if c.State.Pid != pids[service] || c.RestartCount != 0 || c.State.OOMKilled || c.State.Health.Status != "healthy" {
				e.t.Fatalf("%s: %v after the flood began: %+v\n%s", service, time.Since(begun), c, e.must("docker", "compose", "logs", "--tail=20", service))
			}
		}
		time.Sleep(time.Second)
	}
	one := func(promql string) float64 {
		e.t.Helper()
		v, err := e.query(19090, promql)
		if err != nil || len(v) != 1 {
			e.t.Fatalf("%s: %v, %v", promql, v, err)
		}
		return v["home"]
	}
	window := fmt.Sprintf("[%ds]", floodScrapes*15)
	if up, scrapes := one(`min_over_time(up{job="gonetmon"}`+window+`)`), one(`count_over_time(up{job="gonetmon"}`+window+`)`); up != 1 || scrapes < floodScrapes-1 {
		e.t.Errorf("%v scrapes, of which some failed: %v", scrapes, up == 0)
	}
	devices, limit := one(`gonetmon_devices`), one(`gonetmon_hosts_limit`)
	if overflow := one(`gonetmon_overflow_bytes_total`); devices > limit || devices < limit/4 || overflow == 0 {
		e.t.Errorf("%v devices of at most %v hosts, %v bytes of overflow: the flood did not fill the table", devices, limit, overflow)
	}
	e.t.Logf("%v devices, %v series, scraped in %.2f s", devices, one(`scrape_samples_scraped{job="gonetmon"}`), one(`max_over_time(scrape_duration_seconds{job="gonetmon"}`+window+`)`))
	for _, service := range services {
		limit, peak := cgroupMemory(e.t, pids[service])
		resident, _ := strconv.ParseInt(e.procStatus(pids[service])["VmHWM"], 10, 64)
		e.t.Logf("%s: peak memory %d MiB resident, %d MiB charged, of %d MiB", service, resident>>10, peak>>20, limit>>20)
		if resident<<10 > limit*3/4 {
			e.t.Errorf("%s: %d MiB resident are more than three quarters of its limit", service, resident>>10)
		}
	}
}

// cgroupMemory reads the memory limit of a process's cgroup, version 1 or 2, and the highest charge, page cache included.
func cgroupMemory(t *testing.T, pid int) (limit, peak int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	var dir string
	names := [2]string{"memory.max", "memory.peak"}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if f[1] == "memory" {
			dir, names = filepath.Join("/sys/fs/cgroup/memory", f[2]), [2]string{"memory.limit_in_bytes", "memory.max_usage_in_bytes"}
			break
		}
		if f[0] == "0" {
			dir = filepath.Join("/sys/fs/cgroup", f[2])
		}
	}
	var values [2]int64
	for i, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			values[i], err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return values[0], values[1]
}
