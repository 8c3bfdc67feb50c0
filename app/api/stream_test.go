package api

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/device"
	"gonetmon/test/snapshots"
)

func idText(id uint64) string { return strconv.FormatUint(id, 10) }

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, test func()) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { test() })
}

// serve answers a request.
func serve(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// A listener reads a stream, unless it is slow.
type listener struct {
	mu     sync.Mutex
	header http.Header
	status int
	text   bytes.Buffer

	slow  chan struct{} // Write waits until it is closed; nil: it does not wait
	leave context.CancelFunc
	done  chan struct{} // closed when the stream has ended
}

func (l *listener) Header() http.Header { return l.header }

func (l *listener) WriteHeader(status int) { l.status = status }

func (l *listener) Write(p []byte) (int, error) {
	if l.slow != nil {
		<-l.slow
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *listener) Flush() {}

// count returns how many events of a name have come.
func (l *listener) count(event string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), "event: "+event+"\n")
}

// listen starts to read a stream.
func listen(h http.Handler, slow chan struct{}) *listener {
	ctx, leave := context.WithCancel(context.Background())
	l := &listener{header: http.Header{}, slow: slow, leave: leave, done: make(chan struct{})}
	r := httptest.NewRequest(http.MethodGet, "/api/v1/stream", nil).WithContext(ctx)
	go func() {
		defer close(l.done)
		h.ServeHTTP(l, r)
	}()
	return l
}

// However many listen, each message is rendered once, and none when nobody listens.
func TestStream_RendersOnceForAll(t *testing.T) {
	inBubble(t, func() {
		cfg, s := home(), snapshots.Home()
		var rendered atomic.Int64
		cfg.Snapshot = func() *device.Snapshot { rendered.Add(1); return s }
		h := New(cfg)
		var all []*listener
		for range maxListeners {
			all = append(all, listen(h, nil))
		}
		synctest.Wait()
		if w := serve(h, "/api/v1/stream"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
			!strings.Contains(w.Body.String(), "64") {
			t.Errorf("one more: status %d, %v, %s", w.Code, w.Header(), w.Body)
		}
		time.Sleep(4*tickInterval + time.Millisecond)
		synctest.Wait()
		if n := rendered.Load(); n != 5 {
			t.Errorf("rendered %d times, want 5", n)
		}
		for i, l := range all {
			if n := l.count("rates"); n != 5 {
				t.Errorf("listener %d has got %d events, want 5", i, n)
			}
			if !strings.HasPrefix(l.text.String(), "retry: 2000\n\n") || l.header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("listener %d: %v, %s", i, l.header, l.text.String()[:20])
			}
		}
		all[0].leave()
		<-all[0].done
		late := listen(h, nil)
		synctest.Wait()
		if n := late.count("rates"); n != 1 {
			t.Errorf("a late listener has got %d events at once, want 1", n)
		}
		for _, l := range append(all, late) {
			l.leave()
			<-l.done
		}
		before := rendered.Load()
		time.Sleep(time.Hour)
		if n := rendered.Load(); n != before {
			t.Errorf("rendered %d times for nobody", n-before)
		}
		again := listen(h, nil)
		time.Sleep(tickInterval + time.Millisecond)
		synctest.Wait()
		if n := again.count("rates"); n != 2 {
			t.Errorf("a listener after an hour has got %d events, want 2", n)
		}
		again.leave()
		<-again.done
	})
}

// A listener that does not keep up is dropped, and the others get every message in time.
func TestStream_DropsSlowListener(t *testing.T) {
	inBubble(t, func() {
		h, stuck := New(home()), make(chan struct{})
		slow, quick := listen(h, stuck), listen(h, nil)
		for i := range 2 * maxBehind {
			synctest.Wait()
			if n := quick.count("rates"); n != i+1 {
				t.Errorf("after %d ticks %d events", i, n)
			}
			time.Sleep(tickInterval)
		}
		synctest.Wait()
		close(stuck)
		<-slow.done
		if n := slow.count("rates"); n != maxBehind {
			t.Errorf("the slow listener has got %d events, want %d", n, maxBehind)
		}
		quick.leave()
		<-quick.done
	})
}

// Many listeners come and go at once. Nothing is left when all have gone.
func TestStream_ListenersComeAndGo(t *testing.T) {
	inBubble(t, func() {
		h := New(home())
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				time.Sleep(time.Duration(i%7) * tickInterval / 3)
				var slow chan struct{}
				if i%10 == 0 {
					slow = make(chan struct{})
				}
				l := listen(h, slow)
				time.Sleep(time.Duration(i%11) * tickInterval)
				l.leave()
				if slow != nil {
					close(slow)
				}
				<-l.done
				if l.status == 0 && slow == nil && l.count("rates") < i%11 {
					t.Errorf("%d events in %d ticks", l.count("rates"), i%11)
				}
			})
		}
		wg.Wait()
	})
}

func TestStream_Head(t *testing.T) {
	w := ask(home(), http.MethodHead, "/api/v1/stream")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() > 0 {
		t.Errorf("status %d, %v, %s", w.Code, w.Header(), w.Body)
	}
}

func TestMessenger_SaysWhenDevicesChange(t *testing.T) {
	m := messenger{zone: time.UTC}
	now, s := snapshots.Start, snapshots.Home()
	for _, step := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"the stream begins", func() {}, false},
		{"traffic", func() { s.Devices[1].Totals, s.Devices[1].InRate = s.Devices[0].Totals, 17 }, false},
		{"a name", func() { s.Devices[0].Name = "phone" }, true},
		{"nothing", func() {}, false},
		{"an address", func() { s.Devices[3].Hosts = snapshots.Addrs("10.0.0.1", "10.0.0.2") }, true},
		{"a kind", func() { s.Devices[3].Kind = "" }, true},
		{"a new device", func() { s.Devices = append(s.Devices, device.Device{ID: 9, Name: "new"}) }, true},
		{"just before the time", func() { now = now.Add(devicesEvery - 2*tickInterval) }, false},
		{"the time", func() {}, true},
		{"a device fewer", func() { s.Devices = s.Devices[1:] }, true},
	} {
		now = now.Add(tickInterval)
		step.change()
		text := string(m.message(s, now))
		if got := strings.Contains(text, "\n\nevent: devices\ndata: {"); got != step.want {
			t.Errorf("%s: event devices is %v, want %v:\n%s", step.name, got, step.want, text)
		}
		if !strings.HasPrefix(text, "event: rates\ndata: {") || !strings.HasSuffix(text, "}\n\n") {
			t.Errorf("%s: %s", step.name, text)
		}
	}
}
