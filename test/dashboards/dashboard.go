// Package dashboards reads Grafana's dashboards as strictly as can be: what it does not know by name is an error. It knows what
// the dashboards of gonetmon use of Grafana 12's classic model, and nothing of what they mean.
package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// A Dashboard is one file of grafana/dashboards.
type Dashboard struct {
	UID                  string
	Title                string
	Description          string
	Tags                 []string
	Timezone             string
	Editable             bool
	GraphTooltip         int
	Time                 struct{ From, To string }
	Timepicker           struct{}
	Refresh              string
	SchemaVersion        int
	Version              int
	FiscalYearStartMonth int
	Links                []Link
	Annotations          struct{ List []struct{} }
	Templating           struct{ List []Variable }
	Panels               []Panel

	File string `json:"-"` // its name, without the folder
}

// A Link leads from a dashboard, or from a panel or a value in it, which have the first three fields only.
type Link struct {
	Title, URL                                  string
	TargetBlank                                 bool
	Type, Icon, Tooltip                         string
	Tags                                        []string
	AsDropdown, IncludeVars, KeepTime, OneClick bool
}

// A Source is a reference to a data source.
type Source struct{ Type, UID string }

// A Variable is what a user chooses at the top of a dashboard.
type Variable struct {
	Type, Name, Label, Description string
	Datasource                     *Source
	Query, Definition, Regex       string
	Refresh, Sort, Hide            int
	SkipURLSync                    bool `json:"skipUrlSync"`
	Multi, IncludeAll              bool
	AllValue                       string
	Options                        []Option
	Current                        Option
}

// An Option is a choice of a variable. Text and Value are strings, or lists of them where many can be chosen.
type Option struct {
	Selected    bool
	Text, Value any
}

// A Panel is a panel, or a row of panels.
type Panel struct {
	ID                       int
	Type, Title, Description string
	PluginVersion            string
	Datasource               *Source
	GridPos                  struct{ X, Y, W, H int }
	Links                    []Link
	TimeFrom, TimeShift      string
	HideTimeOverride         bool
	Interval                 string
	MaxDataPoints            int
	Transformations          []Transformation
	Targets                  []Target
	FieldConfig              struct {
		Defaults  Field
		Overrides []Override
	}
	Options json.RawMessage // as optionsOf says

	Collapsed bool // the rest is a row's
	Repeat    string
	Panels    []Panel
}

// A Target is a query.
type Target struct {
	RefID                          string `json:"refId"`
	Datasource                     *Source
	EditorMode, Expr, LegendFormat string
	Instant, Range, Exemplar       bool
	Format, Interval               string
}

// A Field says how values are shown.
type Field struct {
	Unit, NoValue, DisplayName string
	Min, Max, Decimals         *float64
	FieldMinMax                bool
	Color                      *Color
	Thresholds                 *struct {
		Mode  string
		Steps []struct {
			Color string
			Value *float64
		}
	}
	Mappings []struct {
		Type    string
		Options json.RawMessage
	}
	Links  []Link
	Custom json.RawMessage // as customOf says
}

// A Color is fixed, or of a scheme.
type Color struct{ Mode, FixedColor string }

// An Override shows one field otherwise.
type Override struct {
	Matcher    struct{ ID, Options string }
	Properties []struct {
		ID    string
		Value json.RawMessage
	}
}

// A Transformation changes what queries gave before it is shown.
type Transformation struct {
	ID      string
	Options json.RawMessage // as transformationOf says
}

// Load reads all dashboards of a folder, in the order of their names.
func Load(dir string) (all []*Dashboard, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		d, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		d.File = filepath.Base(file)
		all = append(all, d)
	}
	return all, nil
}

// Decode reads a dashboard.
func Decode(text []byte) (*Dashboard, error) {
	d := new(Dashboard)
	if err := strict(text, d); err != nil {
		return nil, err
	}
	for i := range d.Panels {
		if err := d.Panels[i].check(); err != nil {
			return nil, fmt.Errorf("panel %d, %q: %w", d.Panels[i].ID, d.Panels[i].Title, err)
		}
	}
	return d, nil
}

// check decodes what is of another shape in each type of panel.
func (p *Panel) check() error {
	if p.Type == "row" {
		return nil
	}
	options, ok := optionsOf[p.Type]
	if !ok {
		return fmt.Errorf("type %q is not known", p.Type)
	}
	if err := strict(p.Options, options()); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if p.FieldConfig.Defaults.Custom != nil {
		if err := strict(p.FieldConfig.Defaults.Custom, customOf(p.Type)); err != nil {
			return fmt.Errorf("custom: %w", err)
		}
	}
	for _, m := range p.FieldConfig.Defaults.Mappings {
		if err := strict(m.Options, mappingOf(m.Type)); err != nil {
			return fmt.Errorf("mapping: %w", err)
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if err := checkProperty(p.Type, property.ID, property.Value); err != nil {
				return fmt.Errorf("override of %s, %s: %w", o.Matcher.Options, property.ID, err)
			}
		}
	}
	for _, t := range p.Transformations {
		options, ok := transformationOf[t.ID]
		if !ok {
			return fmt.Errorf("transformation %q is not known", t.ID)
		}
		if err := strict(t.Options, options()); err != nil {
			return fmt.Errorf("transformation %s: %w", t.ID, err)
		}
	}
	return nil
}

// strict decodes the whole text; a name that v does not have, and anything behind, is an error.
func strict(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	return spelled(plain, reflect.TypeOf(v))
}

// spelled finds names that differ from those of the type in capital letters, which encoding/json takes all the same.
func spelled(v any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if t.Kind() != reflect.Slice || t == raw {
				continue
			}
			if err := spelled(e, t.Elem()); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			var of reflect.Type
			switch t.Kind() {
			case reflect.Map:
				of = t.Elem()
			case reflect.Struct:
				f, ok := t.FieldByNameFunc(func(field string) bool { return jsonName(t, field) == name })
				if !ok {
					return fmt.Errorf("unknown name %q", name)
				}
				of = f.Type
			default:
				continue
			}
			if err := spelled(e, of); err != nil {
				return err
			}
		}
	}
	return nil
}

var raw = reflect.TypeFor[json.RawMessage]()

// jsonName is how a field is spelled in JSON: as its tag says, or with a small letter first, or all small if it is an abbreviation.
func jsonName(t reflect.Type, field string) string {
	f, _ := t.FieldByName(field)
	if tag := f.Tag.Get("json"); tag != "" {
		return tag
	}
	if strings.ToUpper(field) == field {
		return strings.ToLower(field)
	}
	return strings.ToLower(field[:1]) + field[1:]
}
