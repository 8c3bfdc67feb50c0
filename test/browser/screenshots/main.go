// Command screenshots makes pictures of gonetmon's page with a simulated home, as PNG in the folder that is named.
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
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "screenshots: name a folder, for example: go run ./screenshots /tmp/pictures")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	home := browser.NewHome(25, time.Date(2026, 11, 23, 20, 14, 0, 0, zone))
	server := httptest.NewServer(home.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	chromium, stop := browser.Chromium(ctx)
	defer stop()
	tab, closeTab := browser.NewTab(chromium)
	defer closeTab()
	for _, screen := range []struct{ width, height int64 }{{360, 740}, {1280, 800}, {2560, 1300}} {
		for scheme, dark := range map[string]bool{"light": false, "dark": true} {
			if err := tab.Screen(screen.width, screen.height, dark); err != nil {
				return err
			}
			for name, hash := range map[string]string{"list": "", "device": "#/device/2"} {
				path := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, screen.width, scheme))
				if err := take(tab, server.URL+"/"+hash, path); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				fmt.Println(path)
			}
		}
	}
	return nil
}

// take writes a picture of a page when it shows live numbers.
func take(tab *browser.Tab, url, path string) error {
	if err := tab.Open(url); err != nil {
		return err
	}
	if err := tab.Until(`document.querySelector('.light.good') !== null`); err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond) // for what is drawn after the first event
	picture, err := tab.Picture()
	if err != nil {
		return err
	}
	return os.WriteFile(path, picture, 0o644)
}
