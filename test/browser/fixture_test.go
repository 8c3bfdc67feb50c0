package browser

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func needChromium(t *testing.T) {
	t.Helper()
	testnet.NeedCommand(t, "chromium", "apt-get install chromium")
}

// A watched is a tab whose test fails if the page complains, or asks another host than that of the test.
type watched struct {
	*Tab
	t    *testing.T
	host string

	mu       sync.Mutex
	problems []string
}

// open shows a page in a new browser. Scripts run before those of the page.
func open(t *testing.T, address string, scripts ...string) *watched {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	browser, stop := Chromium(t.Context())
	tab, closeTab := NewTab(browser)
	w := &watched{Tab: tab, t: t, host: u.Host}
	if _, err := Eval[int](tab, "1"); err != nil { // starts it
		t.Fatal(err)
	}
	for _, s := range scripts {
		p := page.AddScriptToEvaluateOnNewDocumentParams{Source: s}
		if _, err := chromedp.Call(tab.ctx, page.AddScriptToEvaluateOnNewDocument, p); err != nil {
			t.Fatal(err)
		}
	}
	console, requests := chromedp.Console(tab.ctx), chromedp.Events(tab.ctx, network.RequestWillBeSent)
	var watchers sync.WaitGroup
	watchers.Go(func() {
		for m, err := range console {
			switch {
			case err != nil:
			case m.Type == chromedp.ConsoleError, m.Type == chromedp.ConsoleException, m.Type == chromedp.ConsoleWarning:
				w.note(fmt.Sprintf("console: %s: %s", m.Type, m.Text))
			}
		}
	})
	watchers.Go(func() {
		for r, err := range requests {
			if err != nil {
				continue
			}
			if u, err := url.Parse(r.Request.URL); err != nil || u.Host != w.host && u.Scheme != "data" && u.Scheme != "about" {
				w.note("request of " + r.Request.URL)
			}
		}
	})
	t.Cleanup(func() {
		closeTab()
		stop()
		watchers.Wait()
		for _, p := range w.problems {
			t.Error(p)
		}
	})
	w.must(tab.Open(address))
	return w
}

func (w *watched) note(problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, problem)
}

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) until(expression string) {
	w.t.Helper()
	w.must(w.Until(expression))
}

// untilLive waits until the page is connected.
func (w *watched) untilLive() {
	w.t.Helper()
	w.until(`document.querySelector('.light.good') !== null`)
}

// eval returns the value of an expression.
func eval[T any](w *watched, expression string) T {
	w.t.Helper()
	v, err := Eval[T](w.Tab, expression)
	w.must(err)
	return v
}

// scripts turns JavaScript on or off for pages that are opened later.
func (w *watched) scripts(on bool) {
	w.t.Helper()
	_, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
	w.must(err)
}

// press presses a key.
func (w *watched) press(key string) {
	w.t.Helper()
	w.must(chromedp.Do(w.ctx, chromedp.KeyEvent(key)))
}

// serve serves a home, and returns its URL.
func serve(t *testing.T, h *Home) string {
	t.Helper()
	server := httptest.NewServer(h.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections() // of streams, which do not end by themselves
		server.Close()
	})
	return server.URL + "/"
}

// forward lets this machine reach the port of a namespace, and returns the URL.
func forward(t *testing.T, n *testnet.Namespace, port string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			var far net.Conn
			n.Do(func() { far, err = net.Dial("tcp", "127.0.0.1:"+port) })
			if err != nil {
				_ = near.Close()
				continue
			}
			closeBoth := sync.OnceFunc(func() { _, _ = near.Close(), far.Close() })
			context.AfterFunc(ctx, closeBoth)
			for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
				conns.Go(func() {
					_, _ = io.Copy(pair[0], pair[1])
					closeBoth()
				})
			}
		}
	})
	return "http://" + listener.Addr().String() + "/"
}

// build builds gonetmon, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gonetmon")
	cmd := exec.Command("go", "build", "-o", binary, "./app/cmd/gonetmon")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// axe is the source of axe-core (MPL-2.0), which npm fetches. It is not part of this repository.
var axe = sync.OnceValues(func() (string, error) {
	versions, err := os.ReadFile("../versions")
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^AXE_CORE=(.*)$`).FindSubmatch(versions)
	if version == nil {
		return "", errors.New("test/versions has no AXE_CORE")
	}
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, "axe-core@"+string(version[1])).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, out)
	}
	archives, err := filepath.Glob(dir + "/*.tgz")
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("npm pack: %v: %w", archives, err)
	}
	file, err := os.Open(archives[0])
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("%s: no axe.min.js: %w", archives[0], err)
		}
		if header.Name == "package/axe.min.js" {
			source, err := io.ReadAll(r)
			return string(source), err
		}
	}
})

// requireAccessible runs all rules of axe-core on the page, in dark and light, and on a phone.
func (w *watched) requireAccessible(what string) {
	w.t.Helper()
	testnet.NeedCommand(w.t, "npm", "apt-get install npm")
	source, err := axe()
	w.must(err)
	w.must(chromedp.Do(w.ctx, chromedp.Evaluate[chromedp.Void](source, chromedp.EvalIgnoreExceptions)))
	for _, screen := range []struct {
		width int64
		dark  bool
	}{{1280, true}, {1280, false}, {360, false}} {
		w.must(w.Screen(screen.width, 800, screen.dark))
		time.Sleep(100 * time.Millisecond) // until charts have their new width
		type result struct {
			Passes     int
			Violations []string
		}
		got := eval[result](w, `axe.run().then(r => ({passes: r.passes.length, violations: r.violations.map(v =>
			v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 4).map(n => n.html + ' ' + n.failureSummary).join('; '))}))`)
		if got.Passes < 20 {
			w.t.Errorf("%s: axe-core has only checked %d rules", what, got.Passes)
		}
		for _, v := range got.Violations {
			w.t.Errorf("%s, %d wide, dark %t: %s", what, screen.width, screen.dark, v)
		}
	}
	w.must(w.Screen(1280, 800, false))
}

// A line is a device in the list of the page.
type line struct{ Name, Today, Period, Other string }

// lines returns the list.
func (w *watched) lines() map[string]line {
	w.t.Helper()
	all := map[string]line{}
	for _, l := range eval[[]line](w, `[...document.querySelectorAll('.body .row')].map(r => Object.fromEntries(
		['Name', 'Today', 'Period', 'Other'].map(n => [n, r.querySelector('.' + n.toLowerCase()).textContent])))`) {
		if _, twice := all[l.Name]; twice {
			w.t.Errorf("%s is in the list twice", l.Name)
		}
		all[l.Name] = l
	}
	return all
}

// text returns the text of an element.
func (w *watched) text(selector string) string {
	w.t.Helper()
	return strings.TrimSpace(eval[string](w, fmt.Sprintf(`document.querySelector(%q)?.textContent ?? 'no element'`, selector)))
}

// A flaky is a server that can be turned off: then it ends all requests.
type flaky struct {
	handler http.Handler
	mu      sync.Mutex
	ctx     context.Context // of requests
	cancel  context.CancelFunc
}

func newFlaky(h http.Handler) *flaky {
	f := &flaky{handler: h}
	f.on()
	return f
}

func (f *flaky) start(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		f.off()
		server.Close()
	})
	return server.URL + "/"
}

func (f *flaky) on() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ctx, f.cancel = context.WithCancel(context.Background())
}

func (f *flaky) off() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel()
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	now := f.ctx
	f.mu.Unlock()
	if now.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(now, cancel)()
	f.handler.ServeHTTP(w, r.WithContext(ctx))
}
