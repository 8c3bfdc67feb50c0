package faults

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

const (
	queriesInFlight = 8  // at most
	queriesWanted   = 50 // a second, for hosts that were seen
	queriesSwept    = 10 // likewise, for others of a small prefix
	firstFrame      = 2500 * time.Millisecond
)

// A dnsFault is a way in which DNS servers fail.
type dnsFault struct {
	name, fault string
	answer      testnet.Answer
	noTCP       bool
	reason      string // that gonetmon gives; "": it finds names
	swings      bool   // it comes and goes
}

func dnsFaults() []dnsFault {
	truth := []string{"truth.lan."}
	lie := []string{"lie.lan."}
	return []dnsFault{
		{name: "dns-black-hole", fault: "it never answers", answer: testnet.Answer{Mode: testnet.BlackHole, Delay: 1500 * time.Millisecond}, reason: "timeout"},
		{name: "dns-servfail", fault: "SERVFAIL", answer: testnet.Answer{Mode: testnet.ServFail}, reason: "servfail"},
		{name: "dns-refused", fault: "REFUSED", answer: testnet.Answer{Mode: testnet.RefusedCode}, reason: "refused"},
		{name: "dns-nxdomain", fault: "NXDOMAIN for everything, with a TTL of 0", answer: testnet.Answer{Mode: testnet.NXDomain}, reason: "none"},
		{name: "dns-tc", fault: "TC, and TCP is refused", answer: testnet.Answer{Mode: testnet.TruncatedUDP, Names: lie}, noTCP: true, reason: "truncated"},
		{name: "dns-slow", fault: "it answers after 5 s", answer: testnet.Answer{Names: lie, TTL: 60, Delay: 5 * time.Second}, reason: "timeout"},
		{name: "dns-flapping", fault: "it comes and goes each second", answer: testnet.Answer{Names: truth, TTL: 60}, swings: true},
		{name: "dns-wrong-id", fault: "it lies about the ID", answer: testnet.Answer{Mode: testnet.WrongID, Names: lie, TTL: 60}, reason: "mismatch"},
		{name: "dns-wrong-question", fault: "it lies about the question", answer: testnet.Answer{Mode: testnet.WrongQuestion, Names: lie, TTL: 60}, reason: "mismatch"},
		{name: "dns-wrong-owner", fault: "it lies about the owner", answer: testnet.Answer{Mode: testnet.WrongOwner, Names: lie, TTL: 60}, reason: "mismatch"},
		{name: "dns-no-response", fault: "its answers say that they are questions", answer: testnet.Answer{Mode: testnet.NotResponse, Names: lie, TTL: 60}, reason: "mismatch"},
		{name: "dns-runt-first", fault: "a runt first, then the truth", answer: testnet.Answer{Mode: testnet.RuntFirst, Names: truth, TTL: 60}},
		{name: "dns-garbage-first", fault: "garbage and a forged ID first, then the truth", answer: testnet.Answer{Mode: testnet.GarbageFirst, Names: truth, TTL: 60}},
		{name: "dns-loop", fault: "CNAMEs in a circle", answer: testnet.Answer{Mode: testnet.Loop, TTL: 60}, reason: "mismatch"},
		{name: "dns-chain", fault: "a chain of 100 CNAMEs", answer: testnet.Answer{Mode: testnet.Chain, Links: 100, Names: lie, TTL: 60}, reason: "mismatch"},
		{name: "dns-compression", fault: "a name that points to itself", answer: testnet.Answer{Mode: testnet.CompressionLoop, TTL: 60}, reason: "malformed"},
		{name: "dns-huge", fault: "a name of 10,000 bytes", answer: testnet.Answer{Mode: testnet.Huge, TTL: 60}, reason: "malformed"},
		{name: "dns-bomb", fault: "65,535 records promised, one there", answer: testnet.Answer{Mode: testnet.Overstated, Names: truth, TTL: 60}},
	}
}

func dnsRows() (all []row) {
	for _, f := range dnsFaults() {
		holds := "the first frame on the page at most 2.5 s after the start, counts exact, at most 8 queries in flight and 50/s"
		if f.reason == "" {
			holds += ", the true names"
		} else {
			holds += ", no false name"
		}
		all = append(all, row{name: f.name, fault: "a /16 with a DNS server: " + f.fault, holds: holds, run: func(b *bench) string { return b.dns(f) }, beside: true})
	}
	return all
}

// dns has hosts of a /16 talk while the DNS server fails.
func (b *bench) dns(f dnsFault) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, !f.noTCP, func(netip.Addr) testnet.Answer { return f.answer })
	if f.swings {
		b.swing(server)
	}
	begin := time.Now()
	d := b.start(here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_CIDR=192.168.0.0/16")
	s := testnet.NewSender(there, "in0")
	send := func(host int) {
		s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), away, 72))
	}
	send(1)
	d.Until("the first frame is on the page", func() bool { return d.values("network_bytes_total")[0] > 0 })
	took := time.Since(begin)
	if took > firstFrame {
		b.Errorf("the first frame was on the page %v after the start", took)
	}
	hosts := b.of(3000, 65534)
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	failures := fmt.Sprintf(`gonetmon_dns_failures_total{reason="%s"}`, f.reason)
	const truth = `gonetmon_device_info{device="truth.lan`
	d.Until("names, or the reason why there are none", func() bool {
		_, body := d.Get("metrics")
		switch f.reason {
		case "":
			return strings.Contains(body, truth)
		case "none":
			return server.Queries() > 0
		}
		return find(body, failures)[0] > 0
	})
	time.Sleep(time.Duration(b.of(3, 20)) * time.Second)
	for host := 1; host <= hosts; host++ {
		send(host)
	}
	d.settled(s.Sent)
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
	limit := int((queriesWanted+queriesSwept)*time.Since(begin).Seconds()) + queriesInFlight
	if n := server.Queries(); n > limit {
		b.Errorf("%d queries in %v", n, time.Since(begin))
	}
	if n := server.MaxInFlight(); n > queriesInFlight && f.answer.Delay < 2*time.Second { // what was given up is still in flight to a slow server
		b.Errorf("%d queries in flight", n)
	}
	asked, inFlight := server.Queries(), server.MaxInFlight()
	end := d.end(s.Sent)
	return fmt.Sprintf("%d hosts; first frame after %.2f s; %d queries, %d in flight; %d addresses named; %.1f %% of a core; %s",
		hosts, took.Seconds(), asked, inFlight, strings.Count(body, truth), 100*end.idle, end)
}

// swing lets a server come and go until the row ends.
func (b *bench) swing(server *testnet.DNS) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		gone := &testnet.Answer{Mode: testnet.BlackHole}
		for tick := time.NewTicker(time.Second); ; gone = map[bool]*testnet.Answer{true: nil, false: {Mode: testnet.BlackHole}}[gone != nil] {
			server.SetAll(gone)
			select {
			case <-stop:
				tick.Stop()
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
