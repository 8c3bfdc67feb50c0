package faults

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// A page is what the metrics have said so far. It reads the text format of Prometheus more strictly than Prometheus does, and
// faster: a page of 65,536 devices has a million lines.
type page struct {
	scrapes int
	kinds   map[string]string // of families, as of this scrape
	series  map[string]*series
	before  float64 // of what was forgotten, at the last scrape
	errs    []error

	family string // that is read
	sum    sum
}

type series struct {
	value   float64
	scrape  int // that it was last seen in
	counter bool
}

// A sum is what the devices and the others have, and the network.
type sum struct {
	devices, overflow, waiting, forgotten float64
	network                               float64 // between two of ours a packet counts twice
	up                                    []bool  // interfaces
	goroutines, capabilities              float64
}

func newPage() *page { return &page{series: map[string]*series{}} }

func (p *page) wrong(format string, args ...any) {
	if len(p.errs) < mostErrors {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

// read reads one scrape, and notes what is wrong with it and with it after the one before.
func (p *page) read(body []byte) {
	p.scrapes++
	p.kinds, p.family, p.sum = map[string]string{}, "", sum{capabilities: -1}
	if !utf8.Valid(body) {
		p.wrong("no UTF-8")
	}
	if n := len(body); n == 0 || body[n-1] != '\n' {
		p.wrong("the page does not end with a line break")
	}
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		if err := p.line(line); err != nil {
			p.wrong("%v: %.200q", err, line)
		}
	}
	s := &p.sum
	if have := s.devices + s.overflow + s.waiting + s.forgotten; have != s.network {
		p.wrong("devices %.0f + overflow %.0f + waiting %.0f + forgotten %.0f = %.0f bytes, network %.0f", s.devices, s.overflow, s.waiting, s.forgotten, have, s.network)
	}
	p.gone()
}

// gone takes leave of series that are not on the page any more. What a device had must be forgotten then, not lost.
func (p *page) gone() {
	ended := 0.0
	for name, s := range p.series {
		if s.scrape == p.scrapes {
			continue
		}
		if strings.HasPrefix(name, "node_bytes_total{") {
			ended += s.value
		}
		delete(p.series, name)
	}
	if more := p.sum.forgotten - p.before; ended > more {
		p.wrong("series of devices with %.0f bytes are gone, %.0f bytes more are forgotten", ended, more)
	}
	p.before = p.sum.forgotten
}

func (p *page) line(line []byte) error {
	if bytes.HasPrefix(line, []byte("# ")) {
		return p.comment(string(line[2:]))
	}
	end := bytes.IndexAny(line, "{ ")
	if end <= 0 {
		return errors.New("no series")
	}
	if name := line[:end]; string(name) != p.family {
		if err := p.begin(string(name)); err != nil {
			return err
		}
	}
	space := bytes.LastIndexByte(line, ' ')
	if err := labels(line[end:space]); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(string(line[space+1:]), 64)
	if err != nil {
		return errors.New("no value")
	}
	p.sample(line[:space], end, value)
	return nil
}

var familyName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// comment reads HELP and TYPE, which each family has once and in this order.
func (p *page) comment(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	name, rest, ok := strings.Cut(rest, " ")
	switch {
	case !ok || rest == "" || !familyName.MatchString(name):
		return errors.New("no comment of the format")
	case what == "HELP":
		if _, twice := p.kinds[name]; twice {
			return errors.New("HELP twice")
		}
		p.kinds[name] = ""
		return nil
	case what == "TYPE":
		kind, told := p.kinds[name]
		if !told || kind != "" || rest != "counter" && rest != "gauge" {
			return errors.New("TYPE out of place")
		}
		p.kinds[name], p.family = rest, name
		return nil
	}
	return errors.New("neither HELP nor TYPE")
}

// begin begins a family without a comment, which only the metrics library's own have.
func (p *page) begin(name string) error {
	if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
		return errors.New("a family without HELP and TYPE, or in two places")
	}
	p.family = name
	return nil
}

// labels checks what stands between name and value.
func labels(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	for i := 1; i < len(b); {
		equals := bytes.Index(b[i:], []byte(`="`))
		if equals <= 0 {
			return errors.New("no label")
		}
		for i += equals + 2; ; i++ {
			switch {
			case i >= len(b):
				return errors.New("a label that does not end")
			case b[i] < ' ' || b[i] == 0x7f:
				return errors.New("a control character")
			case b[i] == '\\':
				if i++; i >= len(b) || b[i] != '\\' && b[i] != '"' && b[i] != 'n' {
					return errors.New("an escape that there is not")
				}
				continue
			case b[i] != '"':
				continue
			}
			break
		}
		switch i++; {
		case i == len(b)-1 && b[i] == '}':
			return nil
		case i >= len(b) || b[i] != ',':
			return errors.New("something behind a label")
		}
		i++
	}
	return errors.New("no end of the labels")
}

// sample takes a value.
func (p *page) sample(name []byte, end int, value float64) {
	s := p.series[string(name)]
	if s == nil {
		s = &series{counter: p.kinds[p.family] == "counter" || p.kinds[p.family] == "" && strings.HasSuffix(p.family, "_total")}
		p.series[string(name)] = s
	} else if s.scrape == p.scrapes {
		p.wrong("%s is there twice", name)
	} else if s.counter && value < s.value {
		p.wrong("%s went back from %.0f to %.0f", name, s.value, value)
	}
	s.value, s.scrape = value, p.scrapes
	switch p.family {
	case "node_bytes_total":
		p.sum.devices += value
	case "gonetmon_overflow_bytes_total":
		p.sum.overflow += value
	case "gonetmon_waiting_bytes":
		p.sum.waiting += value
	case "gonetmon_forgotten_bytes_total":
		p.sum.forgotten += value
	case "gonetmon_network_bytes_total":
		switch at := string(name[end:]); {
		case strings.Contains(at, `scope="lan"`):
			p.sum.network += 2 * value
		case !strings.Contains(at, `scope="other"`):
			p.sum.network += value
		}
	case "gonetmon_capture_up":
		p.sum.up = append(p.sum.up, value == 1)
	case "go_goroutines":
		p.sum.goroutines = value
	case "gonetmon_process_capabilities":
		p.sum.capabilities = value
	}
}

// The reader of pages sees what is wrong with one, and with one after the other.
func TestPage(t *testing.T) {
	const (
		head    = "# HELP node_bytes_total Bytes.\n# TYPE node_bytes_total counter\n"
		network = "# HELP gonetmon_network_bytes_total Bytes.\n# TYPE gonetmon_network_bytes_total counter\n"
		good    = head + "node_bytes_total{device=\"a\"} 10\nnode_bytes_total{device=\"b \\\"\\\\\\n\"} 5\n" +
			network + "gonetmon_network_bytes_total{family=\"ipv4\",scope=\"lan\"} 5\ngonetmon_network_bytes_total{family=\"ipv4\",scope=\"internet\"} 5\ngonetmon_network_bytes_total{family=\"ipv4\",scope=\"other\"} 5\ngo_goroutines 7\n"
	)
	for name, tt := range map[string]struct {
		pages []string
		bad   bool
	}{
		"good":             {[]string{good, good}, false},
		"no line break":    {[]string{strings.TrimSuffix(good, "\n")}, true},
		"twice":            {[]string{strings.Replace(good, `"a"} 10`, "\"a\"} 5\nnode_bytes_total{device=\"a\"} 5", 1)}, true},
		"no HELP":          {[]string{good[strings.Index(good, "# TYPE"):]}, true},
		"HELP twice":       {[]string{good + head}, true},
		"in two places":    {[]string{good + "node_bytes_total{device=\"c\"} 0\n"}, true},
		"a raw quote":      {[]string{strings.Replace(good, `device="a"`, `device="a"b"`, 1)}, true},
		"a bad escape":     {[]string{strings.Replace(good, `device="a"`, `device="a\x01"`, 1)}, true},
		"a control":        {[]string{strings.Replace(good, `device="a"`, "device=\"a\x01\"", 1)}, true},
		"bytes":            {[]string{strings.Replace(good, `device="a"`, "device=\"a\xff\"", 1)}, true},
		"no number":        {[]string{strings.Replace(good, "} 10", "} x", 1)}, true},
		"a sum that isn't": {[]string{strings.Replace(good, "} 10", "} 11", 1)}, true},
		"going back":       {[]string{good, strings.NewReplacer("} 10", "} 9", `"lan"} 5`, `"lan"} 4`, "\\n\"} 5", "\\n\"} 4").Replace(good)}, true},
		"lost": {[]string{good, strings.NewReplacer("node_bytes_total{device=\"a\"} 10\n", "", "\\n\"} 5",
			"\\n\"} 15").Replace(good)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage()
			for _, body := range tt.pages {
				p.read([]byte(body))
			}
			if (len(p.errs) > 0) != tt.bad {
				t.Errorf("got %v", p.errs)
			}
		})
	}
}
