// Package dashboards checks Grafana's dashboards: by reading them, and by running their queries on a real Prometheus.
package dashboards

// The tests read files outside of this module, which Go's cache of test results does not track: run them with -count=1.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const grafana = "../../grafana"

// A dashboard is one file of grafana/dashboards, as far as the tests read it.
type dashboard struct {
	UID           string
	SchemaVersion int
	Links         []link
	Templating    struct{ List []templateVar }
	Annotations   struct{ List []annotation }
	Panels        []panel

	File string `json:"-"` // base name
}

type link struct{ URL string }

type dataSource struct{ Type, UID string }

// An annotation is a query for marks in charts.
type annotation struct{ Name, Expr string }

// A templateVar is a selector at the top of a dashboard.
type templateVar struct {
	Type, Name, Query string
	Multi, IncludeAll bool
	Hide              int // 2: hidden
}

// A panel is a panel, or the heading of a row of panels.
type panel struct {
	ID                                            int
	Type, Title, Description, TimeFrom, TimeShift string
	Datasource                                    *dataSource
	GridPos                                       struct{ X, Y, W, H int }
	Links                                         []link
	Panels                                        []panel // of a collapsed row
	Targets                                       []target
	Transformations                               []transformation
	FieldConfig                                   struct {
		Defaults struct {
			Unit, NoValue string
			Links         []link
			Mappings      any
		}
		Overrides []struct {
			Matcher struct {
				ID      string
				Options any
			}
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
}

// A transformation is what Grafana does with a result before it shows it.
type transformation struct{ ID string }

type target struct {
	RefID, Expr, LegendFormat, Format, Interval string
	Datasource                                  *dataSource
	Instant, Range                              bool
}

// overridden returns the values of a property that overrides set for single fields.
func (p *panel) overridden(property string) (all []json.RawMessage) {
	for _, o := range p.FieldConfig.Overrides {
		for _, set := range o.Properties {
			if set.ID == property {
				all = append(all, set.Value)
			}
		}
	}
	return all
}

// unit returns the unit of the field with that name.
func (p *panel) unit(field string) string {
	unit := p.FieldConfig.Defaults.Unit
	for _, o := range p.FieldConfig.Overrides {
		for _, set := range o.Properties {
			if o.Matcher.ID == "byName" && o.Matcher.Options == field && set.ID == "unit" {
				unit = strings.Trim(string(set.Value), `"`)
			}
		}
	}
	return unit
}

// uids are part of links and of users' bookmarks.
var uids = map[string]string{
	"home.json": "gonetmon-home", "device.json": "gonetmon-device", "groups.json": "gonetmon-groups", "usage.json": "gonetmon-usage",
	"gonetmon.json": "gonetmon-self",
}

// load reads all dashboards, in the order of their names.
func load(t *testing.T) (all []*dashboard) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(grafana, "dashboards", "*.json"))
	if err != nil || len(files) != len(uids) {
		t.Fatalf("%d dashboards, want %d: %v", len(files), len(uids), err)
	}
	for _, file := range files {
		d := &dashboard{File: filepath.Base(file)}
		if err := json.Unmarshal(readFile(t, file), d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			d.Panels = append(d.Panels, p.Panels...)
		}
		all = append(all, d)
	}
	return all
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
