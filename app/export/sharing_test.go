package export

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/meter"
)

// counted makes a page count how often it is rendered, and calls meanwhile each time, if that is not nil.
func counted(p *Page, meanwhile func()) *atomic.Int64 {
	var n atomic.Int64
	p.renderings.render = func(s *device.Snapshot) *rendering {
		n.Add(1)
		if meanwhile != nil {
			meanwhile()
		}
		return p.render(s)
	}
	return &n
}

// A hundred readers of one snapshot cost one rendering, and each gets all of it.
func TestPageShared(t *testing.T) {
	p := ownPage(crowd(5000))
	want := text(p)
	n := counted(p, nil)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			encoding := []string{"gzip", ""}[i%2]
			if got := body(t, get(p, "GET", encoding)); got != want {
				t.Errorf("%q: %d bytes that differ from the %d wanted", encoding, len(got), len(want))
			}
		})
	}
	wg.Wait()
	if n := n.Load(); n < 1 || n > 3 { // it is kept for a second, which may not be enough on a busy machine
		t.Errorf("rendered %d times", n)
	}
	if len(p.renderings.held) != 0 {
		t.Errorf("%d renderings are held by nobody", len(p.renderings.held))
	}
}

// Who comes while a page is made gets that, even if the world has moved on; who comes later gets a page of the new world.
func TestPageJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[device.Snapshot]
		now.Store(home())
		p := ownPage(nil)
		p.renderings.snapshot = now.Load
		p.renderings.folded = func() time.Time { return now.Load().Time }
		n := counted(p, func() {
			time.Sleep(10 * time.Second)
			next := home()
			next.Time = next.Time.Add(time.Second)
			next.Devices = device.Pack(device.Device{Name: "new"})
			now.Store(next)
		})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if strings.Contains(body(t, get(p, "GET", "gzip")), `device="new"`) {
					t.Error("the page is of a later world")
				}
			})
			time.Sleep(50 * time.Millisecond)
		}
		wg.Wait()
		if n := n.Load(); n != 1 {
			t.Errorf("rendered %d times, want once", n)
		}
		if !strings.Contains(body(t, get(p, "GET", "gzip")), `device="new"`) || n.Load() != 2 {
			t.Error("the page is of an earlier world")
		}
		time.Sleep(2 * keepFor)
		if p.renderings.current() != nil {
			t.Error("a page is kept that nobody reads")
		}
	})
}

// Nobody is told that an interface is heard, or not, when that is not so any more: neither by a page that is kept, nor by one that has
// been made meanwhile.
func TestPageUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, up := home(), atomic.Bool{}
		status := func() []meter.Status { return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Up: up.Load()}}} }
		p := NewPage(PageConfig{Snapshot: func() *device.Snapshot { return s }, Folded: func() time.Time { return s.Time }, Meters: status, Own: true})
		p.renderings.render = func(s *device.Snapshot) *rendering {
			defer time.Sleep(time.Second / 2)
			return p.render(s)
		}
		for i := range 8 {
			want := fmt.Sprintf("gonetmon_capture_up{interface=\"eth1\"} %d\n", (i+1)%2)
			early := make(chan string)
			go func() { early <- body(t, get(p, "GET", "gzip")) }()
			time.Sleep(time.Second / 4)
			up.Store(i%2 == 0)
			if got := body(t, get(p, "GET", "gzip")); !strings.Contains(got, want) {
				t.Errorf("round %d: %q is missing", i, want)
			}
			<-early
			if i > 4 {
				time.Sleep(2 * keepFor)
			}
		}
	})
}

// That one rendering fails does not spoil the next.
func TestPageFails(t *testing.T) {
	p := ownPage(home())
	var n *atomic.Int64
	n = counted(p, func() {
		if n.Load() == 1 {
			panic("once")
		}
	})
	func() {
		defer func() { _ = recover() }()
		get(p, "GET", "gzip")
		t.Error("no panic")
	}()
	if body(t, get(p, "GET", "gzip")) != text(p) {
		t.Error("another page than wanted")
	}
}

// However many devices there are, and so in however many pieces it is rendered, a page is the same.
func TestPagePieces(t *testing.T) {
	for _, n := range []int{0, 1, perPart - 1, perPart, perPart + 1, 3*perPart + 7} {
		p := ownPage(crowd(n))
		want := text(p)
		for _, encoding := range []string{"gzip", ""} {
			r := get(p, "GET", encoding)
			if got := body(t, r); got != want {
				t.Errorf("%d devices, %q: %d bytes that differ from the %d wanted", n, encoding, len(got), len(want))
			}
		}
	}
}

// What readers hold stays as it is while the world moves on. If that is too much, the oldest is taken away.
func TestRenderingsHeld(t *testing.T) {
	var now atomic.Pointer[device.Snapshot]
	folded := func() time.Time { return now.Load().Time }
	c := renderings{folded: folded, up: func() []bool { return nil }, snapshot: now.Load, render: func(s *device.Snapshot) *rendering {
		r := newRendering(s.Time, nil)
		r.size = mostHeld/2 - 1
		return r
	}}
	var held []*rendering
	for i := range 5 {
		now.Store(&device.Snapshot{Time: start.Add(time.Duration(i) * time.Second)})
		r := c.take()
		if again := c.take(); again != r {
			t.Error("two renderings of one snapshot")
		}
		c.give(r)
		held = append(held, r)
	}
	for i, r := range held {
		if taken := r.taken.Err() != nil; taken != (i < 2) {
			t.Errorf("rendering %d is taken: %v", i, taken)
		}
	}
	for _, r := range held {
		c.give(r)
	}
	if len(c.held) != 0 {
		t.Errorf("%d renderings are held by nobody", len(c.held))
	}
}

// A reader from whom a page is taken away sees that it is not whole, and holds up nobody.
func TestPageTaken(t *testing.T) {
	for _, encoding := range []string{"gzip", "identity"} {
		p := ownPage(crowd(65536))
		s := serve(t, ServerConfig{Metrics: p}, nil)
		conn, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: "+encoding+"\r\n\r\n")
		var r *rendering
		for begin := time.Now(); r == nil; time.Sleep(10 * time.Millisecond) {
			p.renderings.mu.Lock()
			if len(p.renderings.held) > 0 {
				r = p.renderings.held[0]
			}
			p.renderings.mu.Unlock()
			if time.Since(begin) > 20*time.Second {
				t.Fatal("not asked for")
			}
		}
		r.take()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		head := make([]byte, 15)
		if _, err := io.ReadFull(conn, head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 200 OK") {
			t.Fatalf("%q, %v", head, err)
		}
		n, err := io.Copy(io.Discard, conn)
		if size := map[string]int{"gzip": r.size, "identity": int(r.sum.size)}[encoding]; int(n) >= size || isTimeout(err) {
			t.Errorf("%s: %d bytes of %d, and %v", encoding, n, size, err)
		}
	}
}

func TestSum(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := make([]byte, random.IntN(5000))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		var all sum
		for rest := b; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			var one sum
			one.add(rest[:n])
			all = all.with(one).with(sum{})
			rest = rest[n:]
		}
		if want := crc32.ChecksumIEEE(b); all.crc != want || all.size != uint64(len(b)) {
			t.Fatalf("%x of %d bytes, want %x of %d", all.crc, all.size, want, len(b))
		}
	}
}

// A scraper asks for pages as Prometheus does, over one connection.
type scraper struct {
	url, encoding string
	client        http.Client
	buffer        []byte
}

func newScraper(s *Server, encoding string) *scraper {
	return &scraper{url: s.URL() + "metrics", encoding: encoding, buffer: make([]byte, 64<<10),
		client: http.Client{Transport: &http.Transport{DisableCompression: true}}}
}

// scrape gives all of a page to each, and returns how long it took.
func (c *scraper) scrape(each func([]byte)) (time.Duration, error) {
	begin := time.Now()
	r, err := http.NewRequest("GET", c.url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept-Encoding", c.encoding)
	answer, err := c.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	for {
		n, err := answer.Body.Read(c.buffer)
		if each != nil {
			each(c.buffer[:n])
		}
		if errors.Is(err, io.EOF) {
			return time.Since(begin), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// How long it takes until each of many clients has a page of 65,536 devices that all ask for at once.
func BenchmarkScrape(b *testing.B) {
	for _, c := range []struct {
		clients  int
		encoding string
	}{{1, "gzip"}, {1, "identity"}, {100, "gzip"}, {100, "identity"}} {
		b.Run(fmt.Sprintf("%s/%d", c.encoding, c.clients), func(b *testing.B) {
			all := crowd(65536)
			s := serve(b, ServerConfig{Metrics: NewPage(PageConfig{Snapshot: func() *device.Snapshot { return all }, Folded: time.Now, Meters: meters})}, nil)
			var clients []*scraper
			for range c.clients {
				clients = append(clients, newScraper(s, c.encoding))
			}
			var mu sync.Mutex
			var took []time.Duration
			for b.Loop() {
				var wg sync.WaitGroup
				for _, c := range clients {
					wg.Go(func() {
						d, err := c.scrape(nil)
						mu.Lock()
						defer mu.Unlock()
						took = append(took, d)
						if err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				time.Sleep(50 * time.Millisecond) // all have gone
				b.StartTimer()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-median")
			b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "ms-p99")
			for _, c := range clients {
				c.client.CloseIdleConnections()
			}
		})
	}
}
