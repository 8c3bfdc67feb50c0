package dashboards

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/dashboard.svg")

// The picture in README shows the home page as it is. `go test -run Layout -update .` draws it.
func TestLayout_IsCurrent(t *testing.T) {
	const file = "../../docs/dashboard.svg"
	for _, d := range load(t) {
		if d.File != "home.json" {
			continue
		}
		want := drawLayout(d)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(readFile(t, file), want) {
			t.Errorf("%s is out of date: go test -run Layout -update .", file)
		}
	}
}

// The size of a cell of Grafana's grid, and the gap between two panels, in pixels.
const (
	column, line, gap = 50, 38, 8
	header            = 56
)

// drawLayout draws the panels of a dashboard as SVG: position, title, description and, instead of data, a symbol of the type.
func drawLayout(d *dashboard) []byte {
	bottom := 0
	for _, p := range d.Panels {
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
	}
	w, h := 24*column+gap, bottom*line+gap+header
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="Inter, Helvetica, Arial, sans-serif">`+"\n", w, h)
	fmt.Fprintf(&b, "<title>%s: the layout of the dashboard</title>\n", html.EscapeString(d.Title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="6" fill="#f4f5f5"/>`+"\n", w, h)
	text(&b, 2*gap, 35, 20, "600", "#24292e", d.Title)
	x := 24 * column
	for i := len(d.Templating.List) - 1; i >= 0; i-- {
		v := d.Templating.List[i]
		label := v.Label + ": " + fmt.Sprint(unwrap(v.Current.Text))
		width := 16 + 7*len(label)
		x -= width + gap
		fmt.Fprintf(&b, `<rect x="%d" y="15" width="%d" height="28" rx="3" fill="#fff" stroke="#c7d0d9"/>`+"\n", x, width)
		text(&b, x+8, 34, 13, "400", "#464c54", label)
	}
	for i := range d.Panels {
		box(&b, &d.Panels[i])
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// unwrap returns the only element of a list.
func unwrap(v any) any {
	if list, ok := v.([]any); ok && len(list) == 1 {
		return list[0]
	}
	return v
}

func box(b *bytes.Buffer, p *panel) {
	g := p.GridPos
	x, y, w, h := g.X*column+gap, g.Y*line+header, g.W*column-gap, g.H*line-gap
	if p.Type == "row" {
		text(b, x, y+20, 15, "600", "#24292e", "▾ "+p.Title)
		return
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="#fff" stroke="#dce1e6"/>`+"\n", x, y, w, h)
	text(b, x+10, y+21, 14, "600", "#24292e", p.Title)
	about, _, _ := strings.Cut(p.Description, ". ")
	size := 12
	lines := wrap(strings.TrimSuffix(about, ".")+".", (w-20)*10/(size*5))
	room := (h - 60) / 16 // above the type
	for i, l := range lines[:min(len(lines), max(room, 1))] {
		if i == room-1 && len(lines) > room {
			l = strings.TrimRight(l, " ,.:") + " …"
		}
		text(b, x+10, y+40+16*i, size, "400", "#6e7680", l)
	}
	if under := y + 40 + 16*min(len(lines), room); y+h-under > 70 {
		symbol(b, p.Type, x+14, under+4, w-28, y+h-under-34)
	}
	text(b, x+10, y+h-9, 11, "400", "#9fa7b3", p.Type)
}

// symbol draws a symbol for a type of panel.
func symbol(b *bytes.Buffer, typ string, x, y, w, h int) {
	at := func(part, of int) int { return x + w*part/of }
	switch typ {
	case "timeseries":
		fmt.Fprintf(b, `<path d="M%d %dH%d" stroke="#dce1e6"/>`+"\n", x, y+h, x+w)
		for i, wave := range [][]int{{30, 60, 45, 80, 70, 95, 55, 75, 40}, {10, 25, 20, 35, 25, 45, 30, 35, 15}} {
			var points []string
			for k, v := range wave {
				points = append(points, fmt.Sprintf("%d,%d", at(k, len(wave)-1), y+h-h*v/100))
			}
			fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2" opacity="0.35"/>`+"\n", strings.Join(points, " "), []string{"#3274d9", "#e0752d"}[i])
		}
	case "bargauge":
		for i, v := range []int{90, 64, 45, 30, 18, 10} {
			if top := y + i*26; top+14 <= y+h {
				fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="14" rx="2" fill="#3274d9" opacity="0.25"/>`+"\n", x, top, w*v/100)
			}
		}
	case "table":
		for top := y; top <= y+h; top += 26 {
			fmt.Fprintf(b, `<path d="M%d %dH%d" stroke="#dce1e6"/>`+"\n", x, top, x+w)
		}
	}
}

func text(b *bytes.Buffer, x, y, size int, weight, color, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%d" font-weight="%s" fill="%s">%s</text>`+"\n", x, y, size, weight, color, html.EscapeString(s))
}

// wrap breaks a text into lines of at most so many letters.
func wrap(s string, letters int) (lines []string) {
	for _, word := range strings.Fields(s) {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(word) <= letters {
			lines[n-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
