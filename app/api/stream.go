package api

import (
	"net/http"
	"sync"
	"time"

	"gonetmon/app/device"
)

const (
	maxListeners  = 64
	tickInterval  = 2 * time.Second
	devicesEvery  = 30 * time.Second
	maxBehind     = 4                 // messages; a listener that is further behind is dropped
	writeTimeout  = 10 * time.Second  // for one message
	reconnectTime = "retry: 2000\n\n" // milliseconds
)

// RatesEvent is the data of the event rates.
type RatesEvent struct {
	Time    time.Time     `json:"time"`
	Network Rates         `json:"network"` // the sum of all devices
	Devices []DeviceRates `json:"devices"` // those that move something
}

// DeviceRates are the rates of a device.
type DeviceRates struct {
	ID uint64 `json:"id"`
	Rates
}

// DevicesEvent is the data of the event devices: clients should fetch /api/v1/devices again.
type DevicesEvent struct {
	Time time.Time `json:"time"`
}

// A stream sends server-sent events (HTML standard, section 9.2). Each message is rendered once for all listeners, and none
// without listeners. A listener that does not keep up is dropped. The stream never waits for one.
type stream struct {
	snapshot func() *device.Snapshot
	zone     *time.Location

	mu        sync.Mutex // guards all below
	listeners map[chan []byte]bool
	stop      chan struct{} // closed when the last listener leaves
	last      []byte        // the last message; nil before the first one
}

func newStream(cfg Config) *stream {
	return &stream{snapshot: cfg.Snapshot, zone: cfg.Zone, listeners: map[chan []byte]bool{}}
}

// serve sends messages until the client leaves or the server stops. Each message has a timeout of its own, in place of the
// server's timeout for a whole answer.
func (s *stream) serve(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); !ok {
		return
	}
	messages := s.join()
	if messages == nil {
		w.Header().Set("Retry-After", "30")
		refuse(w, http.StatusServiceUnavailable, "all %d streams are in use; close a page, or fetch /api/v1/devices", maxListeners)
		return
	}
	defer s.leave(messages)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx waits for more
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	send := func(message []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := w.Write(message)
		return err == nil && control.Flush() == nil
	}
	for ok := send([]byte(reconnectTime)); ok; {
		select {
		case message, more := <-messages:
			ok = more && send(message)
		case <-r.Context().Done():
			ok = false
		}
	}
}

// join returns the messages of a new listener, nil if there are too many listeners.
func (s *stream) join() chan []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.listeners) == maxListeners {
		return nil
	}
	messages := make(chan []byte, maxBehind)
	if s.last != nil {
		messages <- s.last
	}
	if s.listeners[messages] = true; len(s.listeners) == 1 {
		s.stop = make(chan struct{})
		go s.run(s.stop)
	}
	return messages
}

// leave removes a listener that was not dropped.
func (s *stream) leave(messages chan []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(messages)
}

func (s *stream) remove(messages chan []byte) {
	if !s.listeners[messages] {
		return
	}
	delete(s.listeners, messages)
	close(messages)
	if len(s.listeners) == 0 {
		close(s.stop)
		s.last = nil
	}
}

// run sends messages until there are no listeners.
func (s *stream) run(stop <-chan struct{}) {
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	m := messenger{zone: s.zone}
	for {
		if !s.send(m.message(s.snapshot(), time.Now()), stop) {
			return
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// send hands a message to all listeners, and drops those that are too far behind. It reports whether there are any left.
func (s *stream) send(message []byte, stop <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-stop: // later listeners belong to another run
		return false
	default:
	}
	s.last = message
	for messages := range s.listeners {
		select {
		case messages <- message:
		default:
			s.remove(messages)
		}
	}
	return len(s.listeners) > 0
}
