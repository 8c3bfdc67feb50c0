// Command measure prints what gonetmon's page costs a browser: the first paint, the longest frame while somebody scrolls through
// many devices, and the memory of many tabs. Without a URL it is the page of a simulated home.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	cdpperformance "github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"gonetmon/test/browser"
)

var (
	url     = flag.String("url", "", "of a running gonetmon")
	devices = flag.Int("devices", 1000, "of the simulated home")
	scroll  = flag.Duration("scroll", 45*time.Second, "how long to scroll")
	tabs    = flag.Int("tabs", 10, "open at once")
	open    = flag.Duration("open", 10*time.Minute, "how long the tabs are open")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	address := *url
	if address == "" {
		server := httptest.NewServer(browser.NewHome(*devices, time.Now()).Handler())
		defer server.CloseClientConnections()
		address = server.URL
	}
	chromium, stop := browser.Chromium(ctx)
	defer stop()
	first, closeTab := browser.NewTab(chromium)
	defer closeTab()
	if err := measureFrames(first, address); err != nil {
		return err
	}
	if *tabs == 0 {
		return nil
	}
	return measureTabs(first, address)
}

// live is true when the page shows what comes with the stream.
const live = `document.querySelector('.light.good, .light.warn') !== null && document.querySelector('.body .row') !== null`

func measureFrames(tab *browser.Tab, address string) error {
	if err := errors.Join(tab.Screen(1280, 800, false), tab.Open(address), tab.Until(live), // starts what the browser needs
		tab.Open(address), tab.Until(live)); err != nil {
		return err
	}
	type paint struct{ Answer, Loaded, First, Rows float64 }
	p, err := browser.Eval[paint](tab, `({first: performance.getEntriesByName('first-contentful-paint')[0].startTime,
		rows: performance.now(), answer: performance.getEntriesByType('navigation')[0].responseEnd,
		loaded: performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd})`)
	if err != nil {
		return err
	}
	fmt.Printf("after %.0f ms the page was there, after %.0f ms its scripts had run, after %.0f ms came the first paint, ",
		p.Answer, p.Loaded, p.First)
	fmt.Printf("after %.0f ms at most rows were live\n", p.Rows)
	before, err := used(tab)
	if err != nil {
		return err
	}
	type frames struct {
		Count              int
		Longest, Task, P99 float64
		Tasks              int
	}
	f, err := browser.Eval[frames](tab, fmt.Sprintf(`new Promise(done => {
		const all = [], tasks = []
		new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration))).observe({type: 'longtask'})
		let last = performance.now(), down = 25
		const end = last + %d
		const frame = () => {
			const now = performance.now()
			all.push(now - last)
			last = now
			if (scrollY <= 0) down = 25
			if (scrollY >= document.body.scrollHeight - innerHeight - 1) down = -25
			scrollBy(0, down)
			if (now < end) return requestAnimationFrame(frame)
			all.sort((a, b) => a - b)
			done({count: all.length, longest: all.at(-1), p99: all[Math.floor(all.length * .99)],
				tasks: tasks.length, task: Math.max(0, ...tasks)})
		}
		requestAnimationFrame(frame)
	})`, scroll.Milliseconds()))
	if err != nil {
		return err
	}
	after, err := used(tab)
	if err != nil {
		return err
	}
	fmt.Print("CPU time of a frame:")
	for _, name := range []string{"ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration"} {
		fmt.Printf(" %s %.2f ms", name, 1000*(after[name]-before[name])/float64(f.Count))
	}
	fmt.Println()
	fmt.Printf("%d frames in %v of scrolling: 99 %% within %.0f ms, the longest %.0f ms; %d tasks above 50 ms, the longest %.0f ms\n",
		f.Count, *scroll, f.P99, f.Longest, f.Tasks, f.Task)
	return nil
}

// used returns what the page has used of the processor, in seconds.
func used(tab *browser.Tab) (map[string]float64, error) {
	enable := cdpperformance.EnableParams{TimeDomain: "threadTicks"}
	if _, err := chromedp.Call(tab.Context(), cdpperformance.Enable, enable); err != nil {
		return nil, err
	}
	got, err := chromedp.Call(tab.Context(), cdpperformance.GetMetrics, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for _, m := range got.Metrics {
		all[m.Name] = m.Value
	}
	return all, nil
}

func measureTabs(first *browser.Tab, address string) error {
	all := []*browser.Tab{first}
	for len(all) < *tabs {
		tab, closeTab := first.NewTab()
		defer closeTab()
		if err := errors.Join(tab.Open(address), tab.Until(live)); err != nil {
			return fmt.Errorf("tab %d: %w", len(all)+1, err)
		}
		all = append(all, tab)
	}
	for begin := time.Now(); ; time.Sleep(min(time.Minute, *open/4)) {
		var sum float64
		connected := 0
		for _, tab := range all {
			if err := chromedp.Do(tab.Context(), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{})
				return err
			})); err != nil {
				return err
			}
			used, err := browser.Eval[float64](tab, "performance.memory.usedJSHeapSize")
			if err != nil {
				return err
			}
			is, err := browser.Eval[bool](tab, live)
			if err != nil {
				return err
			}
			if is {
				connected++
			}
			sum += used
		}
		fmt.Printf("%v: %d tabs, %d live, heap %.1f MB each\n",
			time.Since(begin).Round(time.Second), len(all), connected, sum/1e6/float64(len(all)))
		if time.Since(begin) > *open {
			return nil
		}
	}
}
