// Layout draws the layout of a dashboard: layout DASHBOARD.json writes SVG to standard output. README's picture is made so:
//
//	cd test/dashboards && go run ./cmd/layout ../../grafana/dashboards/home.json > ../../docs/dashboard.svg
package main

import (
	"fmt"
	"os"

	"gonetmon/test/dashboards"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "layout:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: layout DASHBOARD.json")
	}
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	d, err := dashboards.Decode(file)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(dashboards.Layout(d))
	return err
}
