package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// soon is how long a page may take for what it must do soon.
const soon = 30 * time.Second

// Executable returns the path of Chromium, "" if there is none.
func Executable() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Chromium is an allocator of tabs, which starts Chromium without a window. The browser ends with the context, or by stop.
func Chromium(ctx context.Context, options ...chromedp.ExecAllocatorOption) (browser context.Context, stop context.CancelFunc) {
	all := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(Executable()),
		chromedp.NoSandbox, // which root needs
		chromedp.Flag("force-prefers-reduced-motion", true), chromedp.Flag("no-proxy-server", true))
	return chromedp.NewExecAllocator(ctx, append(all, options...)...)
}

// A Tab is a page in a browser.
type Tab struct{ ctx context.Context }

// NewTab opens a tab of the browser of ctx, or of a new browser if ctx has only an allocator.
func NewTab(ctx context.Context) (*Tab, context.CancelFunc) {
	tab, closeTab := chromedp.NewContext(ctx)
	return &Tab{tab}, closeTab
}

// NewTab opens another tab of the same browser.
func (t *Tab) NewTab() (*Tab, context.CancelFunc) { return NewTab(t.ctx) }

// Context returns the context of the tab, for calls of chromedp.
func (t *Tab) Context() context.Context { return t.ctx }

// Screen sets the size of the window, and whether colors are dark.
func (t *Tab) Screen(width, height int64, dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	if err := chromedp.Do(t.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		return err
	}
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

// Open loads a URL anew.
func (t *Tab) Open(url string) error {
	return chromedp.Do(t.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
}

// Until waits until a JavaScript expression is true.
func (t *Tab) Until(expression string) error {
	var err error
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var is bool
		if is, err = Eval[bool](t, expression); is {
			return nil // an error may be that of a page which is about to go
		}
	}
	return fmt.Errorf("not within %v: %s: %w", soon, expression, errors.Join(err, t.ctx.Err()))
}

// Picture returns all of the page as PNG.
func (t *Tab) Picture() ([]byte, error) { return chromedp.Run(t.ctx, chromedp.FullScreenshot(100)) }

// Eval returns the value of a JavaScript expression, or what it promises.
func Eval[T any](t *Tab, expression string) (T, error) {
	return chromedp.Run(t.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
