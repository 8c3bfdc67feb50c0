package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gonetmon/test/testnet"
)

const everyHost = 65534 // of a /16

// crowd has every host of a /16 talk, and returns their frames.
func (b *bench) crowd() (d *daemon, s *testnet.Sender, frames [][]byte) {
	b.Helper()
	here, there := testnet.NewPair(b)
	d = b.start(here, "GONETMON_CIDR=192.168.0.0/16", "GONETMON_REPORT_INTERVAL=0")
	s = testnet.NewSender(there, "in0")
	for host := 1; host <= everyHost; host++ {
		frames = append(frames, testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), away, 72))
	}
	s.SendAll(frames, 50000)
	d.settled(s.Sent)
	d.Until("all hosts are on the page", func() bool {
		_, body := d.Get("metrics")
		return strings.Count(body, "\nnode_bytes_total{") == everyHost
	})
	return d, s, frames
}

// steadily sends the frames again and again until the returned func is called.
func (b *bench) steadily(s *testnet.Sender, frames [][]byte, rate int) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		testnet.PinCPU(b)
		begin := time.Now()
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			default:
			}
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(begin); ahead > 0 {
				time.Sleep(max(ahead, time.Millisecond))
			}
			s.Send(frames[i%len(frames)])
		}
	}()
	stop = sync.OnceFunc(func() {
		close(ended)
		<-done
	})
	b.Cleanup(stop)
	return stop
}

// keptAlive is a client that scrapes as Prometheus does: zipped, over one connection.
func (d *daemon) keptAlive() *http.Client {
	dial := d.Client.Transport.(*http.Transport).DialContext
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial, DisableCompression: true}}
}

// scrape reads the metrics zipped, and says how long it took.
func (d *daemon) scrape(client *http.Client) (took time.Duration, size int64) {
	begin := time.Now()
	r, err := http.NewRequest(http.MethodGet, d.URL+"metrics", nil)
	if err != nil {
		d.b.Error(err)
		return 0, 0
	}
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := client.Do(r)
	if err != nil {
		d.b.Errorf("scrape: %v", err)
		return 0, 0
	}
	defer func() { _ = answer.Body.Close() }()
	if size, err = io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		d.b.Errorf("scrape: %s, %v", answer.Status, err)
	}
	return time.Since(begin), size
}

func scrapers(b *bench) string {
	const clients, interval = 100, 5 * time.Second
	d, s, frames := b.crowd()
	_, before := d.captured()
	d.connections.Add(clients)
	stop := b.steadily(s, frames, 20000)
	var mu sync.Mutex // guards took and size
	var took []time.Duration
	var size int64
	var all sync.WaitGroup
	scrapes := b.of(3, 24)
	for i := range clients {
		client := d.keptAlive()
		b.Cleanup(client.CloseIdleConnections)
		all.Go(func() {
			time.Sleep(time.Duration(i) * interval / clients) // as Prometheus spreads its targets
			for next := time.Now(); ; {
				t, n := d.scrape(client)
				mu.Lock()
				took, size = append(took, t), n
				enough := len(took) >= clients*scrapes
				mu.Unlock()
				if enough {
					return
				}
				next = next.Add(interval)
				time.Sleep(time.Until(next))
			}
		})
	}
	all.Wait()
	burst := d.burst(clients)
	stop()
	_, after := d.captured()
	if after != before {
		b.Errorf("%d frames lost", after-before)
	}
	p := p99(took)
	if p > 250*time.Millisecond {
		b.Errorf("p99 of a scrape: %v", p)
	}
	f := d.end(s.Sent)
	return fmt.Sprintf("%d scrapes of %.1f MB, each client every 5 s: %s (median), %s (p99), %s (longest); all 100 in the same moment: %s (longest); %s; %.1f MiB beside the ring",
		len(took), float64(size)/1e6, ms(median(took)), ms(p), ms(took[len(took)-1]), ms(burst), f, mib(d.most.peak-ring))
}

// burst has clients scrape in the same moment, and returns how long the last one waited.
func (d *daemon) burst(clients int) time.Duration {
	var all sync.WaitGroup
	begin := time.Now()
	for range clients {
		client := d.keptAlive()
		all.Go(func() {
			d.scrape(client)
			client.CloseIdleConnections()
		})
	}
	all.Wait()
	return time.Since(begin)
}
