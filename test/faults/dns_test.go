package faults

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

const (
	maxInFlight   = 8  // queries
	seenQueries   = 50 // a second, at most, for hosts that were seen
	sweptQueries  = 10 // likewise, for the others of a small prefix
	maxFirstFrame = 2500 * time.Millisecond
)

// A dnsFault is a way in which DNS servers fail.
type dnsFault struct {
	name   string
	answer testnet.Answer
	noTCP  bool
	reason string // that gonetmon gives; "": it finds names
	flaps  bool   // the server comes and goes each second
}

func dnsRows() []row {
	truth, lie := []string{"truth.lan."}, []string{"lie.lan."}
	const expected = "first frame on the page within 2.5 s, counts exact, at most 8 queries in flight and 50/s, "
	return []row{
		dnsRow("dns-silent", "no answer, answers after 5 s, a server that comes and goes", expected+"no false name", []dnsFault{
			{name: "black hole", answer: testnet.Answer{Mode: testnet.BlackHole, Delay: 1500 * time.Millisecond}, reason: "timeout"},
			{name: "slow", answer: testnet.Answer{Names: lie, TTL: 60, Delay: 5 * time.Second}, reason: "timeout"},
			{name: "flapping", answer: testnet.Answer{Names: truth, TTL: 60}, flaps: true},
		}),
		dnsRow("dns-errors", "SERVFAIL, REFUSED, NXDOMAIN with a TTL of 0, truncated without TCP", expected+"no false name", []dnsFault{
			{name: "servfail", answer: testnet.Answer{Mode: testnet.ServFail}, reason: "servfail"},
			{name: "refused", answer: testnet.Answer{Mode: testnet.RefusedCode}, reason: "refused"},
			{name: "nxdomain", answer: testnet.Answer{Mode: testnet.NXDomain}, reason: "none"},
			{name: "truncated", answer: testnet.Answer{Mode: testnet.TruncatedUDP, Names: lie}, noTCP: true, reason: "truncated"},
		}),
		dnsRow("dns-forged", "wrong ID, question or owner; answers marked as questions; CNAME loops and chains of 100",
			expected+"no false name", []dnsFault{
				{name: "ID", answer: testnet.Answer{Mode: testnet.WrongID, Names: lie, TTL: 60}, reason: "mismatch"},
				{name: "question", answer: testnet.Answer{Mode: testnet.WrongQuestion, Names: lie, TTL: 60}, reason: "mismatch"},
				{name: "owner", answer: testnet.Answer{Mode: testnet.WrongOwner, Names: lie, TTL: 60}, reason: "mismatch"},
				{name: "no response", answer: testnet.Answer{Mode: testnet.NotResponse, Names: lie, TTL: 60}, reason: "mismatch"},
				{name: "loop", answer: testnet.Answer{Mode: testnet.Loop, TTL: 60}, reason: "mismatch"},
				{name: "chain", answer: testnet.Answer{Mode: testnet.Chain, Links: 100, Names: lie, TTL: 60}, reason: "mismatch"},
			}),
		dnsRow("dns-malformed", "a name that points to itself, a name of 10,000 bytes", expected+"no false name", []dnsFault{
			{name: "compression", answer: testnet.Answer{Mode: testnet.CompressionLoop, TTL: 60}, reason: "malformed"},
			{name: "huge", answer: testnet.Answer{Mode: testnet.Huge, TTL: 60}, reason: "malformed"},
		}),
		dnsRow("dns-noise", "the truth behind a runt, behind garbage and a forged ID, with 65,535 records promised",
			expected+"the true names", []dnsFault{
				{name: "runt", answer: testnet.Answer{Mode: testnet.RuntFirst, Names: truth, TTL: 60}},
				{name: "garbage", answer: testnet.Answer{Mode: testnet.GarbageFirst, Names: truth, TTL: 60}},
				{name: "record count", answer: testnet.Answer{Mode: testnet.Overstated, Names: truth, TTL: 60}},
			}),
	}
}

// dnsRow returns a row that tries several DNS servers.
func dnsRow(name, fault, expected string, faults []dnsFault) row {
	var servers []string
	for _, f := range faults {
		servers = append(servers, f.name)
	}
	return row{name: name, fault: "DNS servers: " + fault, expected: expected, parallel: true, run: func(b *bench) string {
		return b.each(servers, func(b *bench, i int) string { return b.dns(faults[i]) })
	}}
}

// dns has hosts of a /16 talk while the DNS server fails.
func (b *bench) dns(f dnsFault) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, !f.noTCP, func(netip.Addr) testnet.Answer { return f.answer })
	if f.flaps {
		b.flap(server)
	}
	begin := time.Now()
	d := b.start(here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_CIDR=192.168.0.0/16")
	s := testnet.NewSender(there, "in0")
	send := func(host int) {
		s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), away, 72))
	}
	send(1)
	d.Until("the first frame is on the page", func() bool { return d.values("network_bytes_total")[0] > 0 })
	first := time.Since(begin)
	if first > maxFirstFrame {
		b.Errorf("the first frame was on the page %v after the start", first)
	}
	hosts := b.of(3000, 4096)
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	const truth = `gonetmon_device_info{device="truth.lan`
	d.Until("names, or the reason why there are none", func() bool {
		_, body := d.Get("metrics")
		switch f.reason {
		case "":
			return strings.Contains(body, truth)
		case "none":
			return server.Queries() > 0
		}
		return find(body, fmt.Sprintf(`gonetmon_dns_failures_total{reason="%s"}`, f.reason))[0] > 0
	})
	time.Sleep(b.seconds(3, 20))
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	d.waitCounted(s.Sent)
	_, body := d.Get("metrics")
	_, page := d.Get("")
	for _, text := range []string{body, page, d.Log.String(), d.Out.String()} {
		if strings.Contains(text, "lie") {
			b.Error("a lie is shown")
			break
		}
	}
	if got, want := find(body, "network_bytes_total")[0], s.Sent*100; got != want {
		b.Errorf("%d bytes counted, want %d", got, want)
	}
	queries, inFlight := server.Queries(), server.MaxInFlight()
	if limit := int((seenQueries+sweptQueries)*time.Since(begin).Seconds()) + maxInFlight; queries > limit {
		b.Errorf("%d queries in %v", queries, time.Since(begin))
	}
	if inFlight > maxInFlight && f.answer.Delay < 2*time.Second { // for a slow server the abandoned ones are still in flight
		b.Errorf("%d queries in flight", inFlight)
	}
	end := d.finish(s.Sent)
	return fmt.Sprintf("%.2f s to the first frame, %d queries, %d in flight, %d addresses named, %.1f %% of a core, %s",
		first.Seconds(), queries, inFlight, strings.Count(body, truth), 100*end.idle, end)
}

// flap lets a server come and go until the row ends.
func (b *bench) flap(server *testnet.DNS) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		answers := [2]*testnet.Answer{{Mode: testnet.BlackHole}, nil}
		for i := 0; ; i++ {
			server.SetAll(answers[i%2])
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	b.Cleanup(func() {
		close(stop)
		<-done
	})
}
