// Command pictures makes pictures of gonetmon's page with a simulated home, as PNG: of the list and of a device, in three widths,
// in light and dark, in the folder that is named; and one for the README in the file that is named.
package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"gonetmon/test/browser"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "pictures: name a folder and a file, for example: go run ./pictures /tmp/pictures /tmp/page.png")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// evening is when the simulated home is looked at.
func evening() (time.Time, error) {
	zone, err := time.LoadLocation("Europe/Berlin")
	return time.Date(2026, 11, 23, 20, 14, 0, 0, zone), err
}

func run(dir, readme string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	at, err := evening()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	chromium, stop := browser.Chromium(ctx)
	defer stop()
	tab, closeTab := browser.NewTab(chromium)
	defer closeTab()

	home := httptest.NewServer(browser.NewHome(25, at).Handler())
	defer home.CloseClientConnections()
	for _, screen := range []struct{ width, height int64 }{{360, 740}, {1280, 800}, {2560, 1300}} {
		for scheme, dark := range map[string]bool{"light": false, "dark": true} {
			if err := tab.Screen(screen.width, screen.height, dark); err != nil {
				return err
			}
			for name, hash := range map[string]string{"list": "", "device": "#/device/2"} {
				path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, screen.width, scheme))
				if err := take(tab, home.URL+"/"+hash, path); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
		}
	}
	small := httptest.NewServer(browser.NewHome(8, at).Handler())
	defer small.CloseClientConnections()
	if err := tab.Screen(1040, 800, false); err != nil {
		return err
	}
	// The history is in the picture of Grafana.
	return take(tab, small.URL, readme, `document.querySelector('.history').remove()`)
}

// take writes a picture of a page when it shows live numbers, after the statements.
func take(tab *browser.Tab, url, path string, statements ...string) error {
	if err := tab.Open(url); err != nil {
		return err
	}
	if err := tab.Until(`document.querySelector('.light.good') !== null`); err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := browser.Eval[bool](tab, s+", true"); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond) // for what is drawn after the first event
	picture, err := tab.Picture()
	if err != nil {
		return err
	}
	return os.WriteFile(path, picture, 0o644)
}
