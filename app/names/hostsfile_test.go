package names

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// entries returns a book as text, so that tests can say what they want.
func entries(b *Hosts) map[string]string {
	text := map[string]string{}
	for addr, name := range b.Addrs {
		text[addr.String()] = name
	}
	for mac, name := range b.MACs {
		text[mac.String()] = name
	}
	return text
}

func TestReadBook(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     map[string]string
		errs     []string
	}{
		{"empty", "", nil, nil},
		{"blank lines", "\n  \n\t\r\n\n", nil, nil},
		{"IPv4", "192.168.2.20 tv\n", map[string]string{"192.168.2.20": "tv"}, nil},
		{"IPv6", "2001:DB8::20 tv\n", map[string]string{"2001:db8::20": "tv"}, nil},
		{"MAC", "B0:C5:54:01:9A:EF camera\nb0-c5-54-01-9a-f0 camera2\n",
			map[string]string{"b0:c5:54:01:9a:ef": "camera", "b0:c5:54:01:9a:f0": "camera2"}, nil},
		{"random MAC", "da:a1:19:00:00:01 phone", map[string]string{"da:a1:19:00:00:01": "phone"}, nil},
		{"no newline at the end", "192.168.2.20 tv", map[string]string{"192.168.2.20": "tv"}, nil},
		{"aliases", "192.168.2.20 tv.lan tv büro\n", map[string]string{"192.168.2.20": "tv.lan"}, nil},
		{"tabs, CR and spaces before", " \t192.168.2.20\t\ttv \r\n192.168.2.21 nas\r\n",
			map[string]string{"192.168.2.20": "tv", "192.168.2.21": "nas"}, nil},
		{"comments", "# my hosts\n192.168.2.20 tv#x\n#192.168.2.21 nas\n192.168.2.22 # none\n", map[string]string{"192.168.2.20": "tv"},
			[]string{`line 4: "192.168.2.22" has no name`}},
		{"byte order mark", "\ufeff192.168.2.20 tv\n", map[string]string{"192.168.2.20": "tv"}, nil},
		{"byte order mark elsewhere", "192.168.2.20 tv\n\ufeff192.168.2.21 nas\n", map[string]string{"192.168.2.20": "tv"},
			[]string{`line 2: "\ufeff192.168.2.21" is neither an IP address nor a MAC`}},
		{"names are cleaned", "192.168.2.20 TV.Lan.\n", map[string]string{"192.168.2.20": "tv.lan"}, nil},
		{"the first line wins", "192.168.2.20 tv\n192.168.2.20 nas\n::ffff:192.168.2.20 box\n", map[string]string{"192.168.2.20": "tv"}, nil},
		{"the first good line wins", "192.168.2.20 t!v\n192.168.2.20 nas\n", map[string]string{"192.168.2.20": "nas"},
			[]string{`line 1: name "t!v": only letters, digits, dots, hyphens and underscores can be in it`}},
		{"mapped", "::ffff:192.168.2.20 tv\n", map[string]string{"192.168.2.20": "tv"}, nil},
		{"zone", "fe80::1%eth0 router\n", map[string]string{"fe80::1": "router"}, nil},
		{"the system's own", `127.0.0.1	localhost
127.0.1.1	box.lan box
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
255.255.255.255	broadcasthost
fe80::1%lo0	localhost
0.0.0.0 ads.example
0.0.0.0
::ffff:127.0.0.1 x
10.0.0.1 localhost.localdomain
10.0.0.2 app.localhost
10.0.0.3 localhost-3
`, map[string]string{"10.0.0.3": "localhost-3"}, nil},
		{"bad addresses", "192.168.2.300 tv\ntv 192.168.2.20\nb0:c5:54:01:9a tv\n192.168.2.0/24 lan\n", nil, []string{
			`line 1: "192.168.2.300" is neither an IP address nor a MAC`,
			`line 2: "tv" is neither an IP address nor a MAC`,
			`line 3: "b0:c5:54:01:9a" is neither an IP address nor a MAC`,
			`line 4: "192.168.2.0/24" is neither an IP address nor a MAC`,
		}},
		{"MACs of no device", "01:00:5e:00:00:fb mdns\n00:00:00:00:00:00 none\n", nil, []string{
			`line 1: "01:00:5e:00:00:fb" is not the MAC of a device`,
			`line 2: "00:00:00:00:00:00" is not the MAC of a device`,
		}},
		{"bad names", "10.0.0.1 room!\n10.0.0.2 10.0.0.3\n10.0.0.4 a..b\n10.0.0.5 <b>\"\x1b[31m\n10.0.0.6 " + strings.Repeat("x", 100) + "!\n", nil, []string{
			`line 1: name "room!": only letters, digits, dots, hyphens and underscores can be in it`,
			`line 2: name "10.0.0.3": an IP address`,
			`line 3: name "a..b": not one that DNS would take`,
			`line 4: name "<b>\"\x1b[31m": only letters, digits, dots, hyphens and underscores can be in it`,
			`line 5: name "` + strings.Repeat("x", 64) + `"...: only letters, digits, dots, hyphens and underscores can be in it`,
		}},
		{"long line", "10.0.0.1 a\n10.0.0.2 " + strings.Repeat("b ", 4096) + "\n10.0.0.3 c\n",
			map[string]string{"10.0.0.1": "a", "10.0.0.3": "c"}, []string{"line 2: it has more than 4096 bytes"}},
		{"long last line", "10.0.0.1 a\n#" + strings.Repeat("b", 9999), map[string]string{"10.0.0.1": "a"}, []string{"line 2: it has more than 4096 bytes"}},
		{"many bad lines", strings.Repeat("x\n", 13) + "10.0.0.1 a\n", map[string]string{"10.0.0.1": "a"}, append(
			badLines(10), "3 more lines are bad")},
		{"binary", "\x00\xff\xfe\n10.0.0.1 \x00\n10.0.0.2\x00 a\n", nil, []string{
			`line 1: "\x00\xff\xfe" is neither an IP address nor a MAC`,
			`line 2: name "\x00": only letters, digits, dots, hyphens and underscores can be in it`,
			`line 3: "10.0.0.2\x00" is neither an IP address nor a MAC`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, errs := ParseHosts(strings.NewReader(tt.in))
			if diff := cmp.Diff(tt.want, entries(book), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("book (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.errs, texts(errs)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func texts(errs []error) (text []string) {
	for _, err := range errs {
		text = append(text, err.Error())
	}
	return text
}

func badLines(n int) (text []string) {
	for i := range n {
		text = append(text, fmt.Sprintf(`line %d: "x" is neither an IP address nor a MAC`, i+1))
	}
	return text
}

func TestReadBookLimits(t *testing.T) {
	var many strings.Builder
	for i := range maxBook + 2 {
		fmt.Fprintf(&many, "10.%d.%d.%d h%d\n", i>>16, i>>8&255, i&255, i)
	}
	for _, tt := range []struct {
		name string
		in   io.Reader
		want int
		errs []string
	}{
		{"entries", strings.NewReader(many.String()), maxBook, []string{"line 65537: the file has more than 65536 entries, the rest is ignored"}},
		{"size", strings.NewReader("10.0.0.1 a\n" + strings.Repeat("#\n", maxBookSize/2)), 1,
			[]string{"line 4194300: the file has more than 8388608 bytes, the rest is ignored"}},
		{"endless", iotest.OneByteReader(zeros{}), 0, []string{"line 1: the file has more than 8388608 bytes, the rest is ignored"}},
		{"exact size", strings.NewReader("10.0.0.1 a\n" + strings.Repeat("#", 3998) + strings.Repeat("\n", maxBookSize-4009)), 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			book, errs := ParseHosts(tt.in)
			if book.Len() != tt.want {
				t.Errorf("%d names, want %d", book.Len(), tt.want)
			}
			if diff := cmp.Diff(tt.errs, texts(errs)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestReadBookFails(t *testing.T) {
	broken := errors.New("input/output error")
	book, errs := ParseHosts(io.MultiReader(strings.NewReader("10.0.0.1 a\nx\n"), iotest.ErrReader(broken)))
	if book != nil || len(errs) != 1 || !errors.Is(errs[0], broken) {
		t.Errorf("ParseHosts = %v, %v, want nil and %v alone", book, errs, broken)
	}
}

func FuzzHostsFile(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n192.168.2.20 tv.lan tv # mine\n"))
	f.Add([]byte("\ufeffb0:c5:54:01:9a:ef camera\r\nB0-C5-54-01-9A-F0 camera2\r\n"))
	f.Add([]byte("fe80::1%eth0 router\n::ffff:10.0.0.1 a\n192.168.2.300 b\n10.0.0.1 room!\n01:00:5e:00:00:fb x\n"))
	f.Add(bytes.Repeat([]byte("10.0.0.2 b "), 500))
	f.Fuzz(func(t *testing.T, in []byte) {
		book, errs := ParseHosts(bytes.NewReader(in))
		if len(errs) > maxBookBad+2 {
			t.Errorf("%d errors", len(errs))
		}
		for _, err := range errs {
			if text := err.Error(); len(text) > 500 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("error does not fit on a line: %q", text)
			}
		}
		for addr, name := range book.Addrs {
			if addr != addr.Unmap().WithZone("") || !isUnicast(addr) {
				t.Errorf("address %s", addr)
			}
			checkClean(t, name)
		}
		for mac, name := range book.MACs {
			if !mac.IsStation() {
				t.Errorf("MAC %v", mac)
			}
			checkClean(t, name)
		}
	})
}

// A watched is a HostsFile that tests drive by the file and judge by what comes out.
type watched struct {
	t    *testing.T
	path string
	file *HostsFile

	mu    sync.Mutex
	books []map[string]string
	log   bytes.Buffer
}

func (w *watched) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *watched) changed(b *Hosts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.books = append(w.books, entries(b))
}

func watch(t *testing.T, text string) *watched {
	w := &watched{t: t, path: filepath.Join(t.TempDir(), "hosts")}
	w.write(text)
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "file" {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime}))
	w.file = NewHostsFile(w.path, log, w.changed)
	return w
}

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) write(text string) {
	w.t.Helper()
	w.must(os.WriteFile(w.path, []byte(text), 0o600))
}

// replace does as editors do: writes another file and renames it.
func (w *watched) replace(text string) {
	w.t.Helper()
	w.must(os.WriteFile(w.path+"~", []byte(text), 0o600))
	w.must(os.Rename(w.path+"~", w.path))
}

// run starts Run inside a bubble of testing/synctest.
func (w *watched) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.file.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.looks(0)
}

// looks waits until the file was looked at n times more.
func (w *watched) looks(n int) {
	time.Sleep(time.Duration(n) * w.file.interval)
	synctest.Wait()
}

// said checks which books came out and what was logged since it was last called.
func (w *watched) said(log string, books ...map[string]string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(books, w.books); diff != "" {
		w.t.Errorf("books (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(log, strings.ReplaceAll(w.log.String(), w.path, "hosts")); diff != "" {
		w.t.Errorf("log (-want +got):\n%s", diff)
	}
	w.books = nil
	w.log.Reset()
}

func TestHostsFile(t *testing.T) {
	const (
		read1 = "level=INFO msg=\"hosts file read\" names=1\n"
		read2 = "level=INFO msg=\"hosts file read\" names=2\n"
	)
	tv := map[string]string{"10.0.0.1": "tv"}
	both := map[string]string{"10.0.0.1": "tv", "b0:c5:54:01:9a:ef": "camera"}
	for _, tt := range []struct {
		name string
		run  func(w *watched)
	}{
		{"unchanged", func(w *watched) {
			w.looks(10)
			w.said("")
		}},
		{"written", func(w *watched) {
			w.write("10.0.0.1 tv\nb0:c5:54:01:9a:ef camera\n")
			w.looks(1)
			w.said("") // it may not be whole
			w.looks(1)
			w.said(read2, both)
			w.looks(10)
			w.said("")
		}},
		{"replaced by one of the same size and time", func(w *watched) {
			info, err := os.Stat(w.path)
			w.must(err)
			w.must(os.WriteFile(w.path+"~", []byte("10.0.0.1 pc\n"), 0o600))
			w.must(os.Chtimes(w.path+"~", info.ModTime(), info.ModTime()))
			w.must(os.Rename(w.path+"~", w.path))
			w.looks(2)
			w.said(read1, map[string]string{"10.0.0.1": "pc"})
		}},
		{"touched", func(w *watched) {
			w.must(os.Chtimes(w.path, time.Unix(1, 0), time.Unix(1, 0)))
			w.looks(3)
			w.said("")
		}},
		{"a comment more", func(w *watched) {
			w.write("10.0.0.1 tv # mine\n")
			w.looks(3)
			w.said("")
		}},
		{"emptied", func(w *watched) {
			w.write("")
			w.looks(2)
			w.said("level=INFO msg=\"hosts file read\" names=0\n", map[string]string{})
		}},
		{"a bad line", func(w *watched) {
			w.replace("10.0.0.1 tv\n10.0.0.300 pc\n")
			w.looks(5)
			w.said("level=WARN msg=\"bad line in hosts file\" error=\"line 2: \\\"10.0.0.300\\\" is neither an IP address nor a MAC\"\n")
		}},
		{"gone and back", func(w *watched) {
			w.must(os.Remove(w.path))
			w.looks(5)
			w.said("level=WARN msg=\"hosts file cannot be read, its last names hold\" error=\"stat hosts: no such file or directory\"\n")
			w.write("10.0.0.1 tv\n")
			w.looks(2)
			w.said(read1)
			w.write("10.0.0.1 tv\nb0:c5:54:01:9a:ef camera\n")
			w.looks(2)
			w.said(read2, both)
			w.must(os.Remove(w.path))
			w.looks(1)
			w.said("level=WARN msg=\"hosts file cannot be read, its last names hold\" error=\"stat hosts: no such file or directory\"\n")
		}},
		{"a directory for a while", func(w *watched) {
			w.must(os.Remove(w.path))
			w.must(os.Mkdir(w.path, 0o700))
			w.looks(5)
			w.said("level=WARN msg=\"hosts file cannot be read, its last names hold\" error=\"read hosts: is a directory\"\n")
		}},
		{"never still", func(w *watched) {
			for i := range 12 {
				w.write("10.0.0.1 tv\nb0:c5:54:01:9a:ef camera\n" + strings.Repeat("#", i))
				w.looks(1)
			}
			w.said(read2, both)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, "10.0.0.1 tv\n")
				w.must(w.file.Load())
				w.said(read1, tv)
				w.run()
				tt.run(w)
			})
		})
	}
}

func TestHostsFileLoad(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, path, err string }{
		{"missing", filepath.Join(dir, "none"), "no such file or directory"},
		{"directory", dir, "is a directory"},
		{"device", os.DevNull, "not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := NewHostsFile(tt.path, slog.New(slog.DiscardHandler), func(*Hosts) { t.Error("changed") })
			if err := f.Load(); err == nil || !strings.HasSuffix(err.Error(), tt.err) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("Load: %v, want %s: %s", err, tt.path, tt.err)
			}
		})
	}
}
