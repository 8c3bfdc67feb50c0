package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// A variable describes one field of a Config.
type variable struct {
	name, value, standard, example, desc string
}

// variables describes the fields of c in their order, with the names that envconfig gives them.
func (c *Config) variables() []variable {
	var vars []variable
	v := reflect.ValueOf(c).Elem()
	for i, name := range variableNames() {
		tag := v.Type().Field(i).Tag
		vars = append(vars, variable{name, fmt.Sprint(v.Field(i).Interface()), tag.Get("default"), tag.Get("example"), tag.Get("desc")})
	}
	return vars
}

// variableNames lists the variables in the order of the fields.
func variableNames() []string {
	var b strings.Builder
	if err := envconfig.Usagef(prefix, &Config{}, &b, "{{range .}}{{usage_key .}}\n{{end}}"); err != nil {
		panic("config: " + err.Error())
	}
	return strings.Fields(b.String())
}

// Print writes every variable, its value and its meaning.
func (c *Config) Print(w io.Writer) error {
	return c.write(w, func(v variable) string { return v.name + "=" + v.value })
}

func (c *Config) write(w io.Writer, line func(variable) string) error {
	for i, v := range c.variables() {
		blank := "\n"
		if i == 0 {
			blank = ""
		}
		if _, err := fmt.Fprintf(w, "%s# %s\n# Default: %s. Example: %s\n%s\n", blank, wrap(v.desc, 110, "\n# "), v.standard, v.example, line(v)); err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes the table of the variables for docs/configuration.md.
func (c *Config) Markdown(w io.Writer) error {
	b := []byte("| variable | default | meaning |\n|---|---|---|\n")
	for _, v := range c.variables() {
		b = fmt.Appendf(b, "| `%s` | `%s` | %s For example `%s`. |\n", v.name, v.standard, v.desc, v.example)
	}
	_, err := w.Write(b)
	return err
}

// wrap breaks text into lines of at most width bytes, separated by newline.
func wrap(text string, width int, newline string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+1+len(word) > width:
			b.WriteString(newline)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
