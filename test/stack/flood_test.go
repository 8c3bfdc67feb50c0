package stack_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"gonetmon/test/testnet"
)

const (
	forged    = 50_000 // addresses, in two frames each
	floodRate = 20_000 // frames per second, for five seconds
	// How long the stack is watched from the beginning of the flood, in scrapes of 15 s.
	floodScrapes = 5
)

// forgedFrames returns the frames of a host that announces a prefix and sends a packet from each of many addresses in it.
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
		ends := testnet.Ends{SrcMAC: mac, DstMAC: router, Src: ip, Dst: netip.MustParseAddr("2600::1")}
		all = append(all, testnet.NeighborAdvert(mac, ip, ip, testnet.TargetMAC(mac)),
			testnet.Datagram(ends, 4000, 4001, 64, make([]byte, 8)))
	}
	return all
}

// flood has one host forge far more addresses than GONETMON_MAX_HOSTS. Every service must stay up within its memory limit, and
// every scrape must succeed.
func (e *engine) flood() {
	before := map[string]container{}
	for _, service := range []string{"gonetmon", "prometheus", "alertmanager"} {
		before[service] = e.container(service)
	}
	begun := time.Now()
	testnet.NewSender(e.lan, "mon1").SendAll(forgedFrames(), floodRate)
	e.t.Logf("flood: %d addresses in %.1f s", forged, time.Since(begun).Seconds())
	for time.Since(begun) < floodScrapes*15*time.Second {
		if status, text := e.get("http://127.0.0.1:18080/readyz"); status != 200 {
			e.t.Fatalf("gonetmon is not ready %v after the flood began: %d %s", time.Since(begun), status, text)
		}
		for service, b := range before {
			c := e.container(service)
			if c.State.Pid != b.State.Pid || c.RestartCount != 0 || c.State.OOMKilled || c.State.Health.Status != "healthy" {
				log := e.must("docker", "compose", "logs", "--tail=20", service)
				e.t.Fatalf("%s: %v after the flood began: %+v\n%s", service, time.Since(begun), c, log)
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
	up := `_over_time(up{job="gonetmon"}` + window + `)`
	if good := one("min" + up + " * count" + up); good < floodScrapes-1 {
		e.t.Errorf("%v scrapes, or one of them failed", good)
	}
	devices, limit := one(`gonetmon_devices`), one(`gonetmon_hosts_limit`)
	if overflow := one(`gonetmon_overflow_bytes_total`); devices > limit || devices < limit/4 || overflow == 0 {
		e.t.Errorf("%v devices of at most %v hosts, %v bytes of overflow: the flood did not fill the table", devices, limit, overflow)
	}
	e.t.Logf("%v devices, %v series", devices, one(`scrape_samples_scraped{job="gonetmon"}`))
	for service, b := range before {
		peak, err := strconv.ParseInt(e.procStatus(b.State.Pid)["VmHWM"], 10, 64) // in KiB
		limit := b.HostConfig.Memory >> 10
		e.t.Logf("%s: peak memory %d of %d MiB", service, peak>>10, limit>>10)
		if err != nil || peak > limit*3/4 || peak == 0 {
			e.t.Errorf("%s: %d KiB are more than three quarters of its limit, %d: %v", service, peak, limit, err)
		}
	}
}
