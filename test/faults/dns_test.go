package faults

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

const (
	maxInFlight   = 8  // queries
	maxQueryRate  = 50 // a second, for hosts that were seen
	maxFirstFrame = 2500 * time.Millisecond

	truth, lie = "truth", "lie.lan"
)

// A dnsFault is a way in which a DNS server fails.
type dnsFault struct {
	name    string
	answers []testnet.Answer // for one address after the other
	reasons []string         // all of which gonetmon gives
	named   bool             // it finds names
	flaps   bool             // the server comes and goes each second
}

func dnsServers(b *bench) string {
	return b.eachDNS([]dnsFault{
		{name: "black hole", reasons: []string{"timeout"},
			answers: []testnet.Answer{{Mode: testnet.BlackHole, Delay: 1500 * time.Millisecond}}},
		{name: "slow", reasons: []string{"timeout"},
			answers: []testnet.Answer{{Names: []string{lie}, TTL: 60, Delay: 5 * time.Second}}},
		{name: "flapping", named: true, flaps: true,
			answers: []testnet.Answer{{Names: []string{truth}, TTL: 60}}},
	})
}

func dnsAnswers(b *bench) string {
	answer := func(mode testnet.Mode, name string) testnet.Answer {
		return testnet.Answer{Mode: mode, Names: []string{name}, TTL: 60, Links: 100}
	}
	return b.eachDNS([]dnsFault{
		{name: "errors, lies and truths", named: true, reasons: []string{"servfail", "refused", "truncated", "mismatch"},
			answers: []testnet.Answer{
				{Mode: testnet.ServFail}, {Mode: testnet.RefusedCode}, {Mode: testnet.NXDomain}, answer(testnet.TruncatedNoTCP, lie),
				answer(testnet.WrongOwner, lie), answer(testnet.Chain, lie), answer(testnet.Loop, lie),
				answer(testnet.RuntFirst, truth), answer(testnet.GarbageFirst, truth), answer(testnet.Overstated, truth),
			}},
		{name: "forged and malformed", reasons: []string{"mismatch", "malformed"},
			answers: []testnet.Answer{
				answer(testnet.WrongID, lie), answer(testnet.WrongQuestion, lie), answer(testnet.NotResponse, lie),
				answer(testnet.CompressionLoop, lie), answer(testnet.Huge, lie),
			}},
	})
}

func (b *bench) eachDNS(faults []dnsFault) string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return b.each(names, func(b *bench, i int) string { return b.dns(faults[i]) })
}

// dns has hosts of a /16 talk while the DNS server fails.
func (b *bench) dns(f dnsFault) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		b := addr.As4()
		answer := f.answers[int(b[3])%len(f.answers)]
		if slices.Equal(answer.Names, []string{truth}) { // a name for all of them would be a wildcard
			answer.Names = []string{fmt.Sprintf("truth%dx%d.lan", b[2], b[3])}
		}
		return answer
	})
	if f.flaps {
		b.flap(server)
	}
	begin := time.Now()
	d := b.start(here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_CIDR=192.168.0.0/16")
	s := testnet.NewSender(there, "in0")
	send := func(host int) {
		s.Send(machineUDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), 72))
	}
	send(1)
	d.Until("the first frame is on the page", func() bool { return d.values("network_bytes_total")[0] > 0 })
	first := time.Since(begin)
	if first > maxFirstFrame {
		b.Errorf("the first frame was on the page %v after the start", first)
	}
	hosts := b.of(1000, 4096)
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	const named = `gonetmon_device_info{device="` + truth
	d.Until("names, and the reasons why there are no others", func() bool {
		_, body := d.Get("metrics")
		for _, reason := range f.reasons {
			if find(body, fmt.Sprintf(`gonetmon_dns_failures_total{reason="%s"}`, reason))[0] == 0 {
				return false
			}
		}
		return strings.Contains(body, named) || !f.named
	})
	time.Sleep(b.seconds(2, 20))
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	d.waitCounted(s.Sent)
	_, body := d.Get("metrics")
	_, page := d.Get("")
	if strings.Contains(body+page+d.Log.String()+d.Out.String(), lie) {
		b.Error("a lie is shown")
	}
	if got, want := find(body, "network_bytes_total")[0], s.Sent*100; got != want {
		b.Errorf("%d bytes counted, want %d", got, want)
	}
	queries, inFlight := server.Queries(), server.MaxInFlight()
	if limit := int(maxQueryRate*time.Since(begin).Seconds()) + maxInFlight; queries > limit {
		b.Errorf("%d queries in %v", queries, time.Since(begin))
	}
	if inFlight > maxInFlight && f.answers[0].Delay < 2*time.Second { // for a slow server the abandoned ones are still in flight
		b.Errorf("%d queries in flight", inFlight)
	}
	end := d.finish(s.Sent)
	return fmt.Sprintf("%.2f s to the first frame, %d queries, %d in flight, %d addresses named, %.1f %% of a core, %s",
		first.Seconds(), queries, inFlight, strings.Count(body, named), 100*end.idle, end)
}

// flap lets a server come and go until the row ends.
func (b *bench) flap(server *testnet.DNS) {
	ctx := b.Context()
	go func() {
		answers := [2]*testnet.Answer{{Mode: testnet.BlackHole}, nil}
		for i := 0; ; i++ {
			server.SetAll(answers[i%2])
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}()
}
