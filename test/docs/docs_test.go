// Package docs checks what the documents name: files, tests, links and metrics must exist.
package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// pages are the documents that people write. The fault bench writes docs/faults.md.
var pages = []string{
	"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "config/README.md",
	"docs/api.md", "docs/architecture.md", "docs/configuration.md", "docs/metrics.md", "docs/systemd.md",
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// declared returns the name of every test, fuzz target and benchmark in the repository.
func declared(t *testing.T) []string {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	var names []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(source, -1) {
			names = append(names, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A page that explains what a test holds is wrong when the test is gone.
func TestPages_TestsExist(t *testing.T) {
	tests := declared(t)
	for page, want := range map[string]int{"SECURITY.md": 20, "docs/architecture.md": 10} {
		t.Run(page, func(t *testing.T) {
			named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)`").FindAllStringSubmatch(read(t, page), -1)
			for _, m := range named {
				if !slices.Contains(tests, m[1]) {
					t.Errorf("there is no %s", m[1])
				}
			}
			if len(named) < want {
				t.Errorf("%d tests are named, want at least %d", len(named), want)
			}
		})
	}
}

func TestPages_FilesExist(t *testing.T) {
	file := regexp.MustCompile("`((?:app|test|config|docs|docker|grafana|prometheus|systemd|\\.github|\\.ci)/[\\w./-]+)`")
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			for _, m := range file.FindAllStringSubmatch(read(t, page), -1) {
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestPages_VariablesExist(t *testing.T) {
	example := read(t, ".env.example")
	variable := regexp.MustCompile(`\b(?:GONETMON|GRAFANA|PROMETHEUS|ALERTMANAGER)_[A-Z_]+\b`)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			for _, name := range variable.FindAllString(read(t, page), -1) {
				if !strings.Contains(example, "\n#"+name+"=") {
					t.Errorf(".env.example has no %s", name)
				}
			}
		})
	}
}

func TestPages_MakeTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	target := regexp.MustCompile("(?m)(?:`|^)(?:sudo (?:-E )?)?make ([a-z-]+)\\b")
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			for _, m := range target.FindAllStringSubmatch(read(t, page), -1) {
				if !strings.Contains(makefile, "\n"+m[1]+":") {
					t.Errorf("there is no make %s", m[1])
				}
			}
		})
	}
}

func TestPages_LinksWork(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				name := page
				if target != "" {
					name = filepath.Join(filepath.Dir(page), target)
				}
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Error(err)
				} else if anchor != "" && !slices.Contains(anchors(read(t, name)), anchor) {
					t.Errorf("%s has no heading #%s", name, anchor)
				}
			}
		})
	}
}

// anchors returns the anchors that GitHub gives to the headings of a page.
func anchors(text string) []string {
	var all []string
	drop := regexp.MustCompile(`[^\w -]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		all = append(all, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// Prose wraps at 100 columns. Tables, code and what cannot be broken are longer.
func TestPages_Wrap(t *testing.T) {
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			code := false
			for i, line := range strings.Split(read(t, page), "\n") {
				switch {
				case strings.HasPrefix(strings.TrimSpace(line), "```"):
					code = !code
				case code, strings.HasPrefix(line, "|"), strings.HasPrefix(line, "["):
				case len([]rune(line)) > 100:
					t.Errorf("line %d has %d columns", i+1, len([]rune(line)))
				}
			}
		})
	}
}

// docs/metrics.md lists the families of the golden page, and no other.
func TestMetrics_Listed(t *testing.T) {
	var shown, listed []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+)`).FindAllStringSubmatch(read(t, "app/metrics/testdata/page.txt"), -1) {
		if !strings.HasPrefix(m[1], "process_") && !strings.HasPrefix(m[1], "go_") {
			shown = append(shown, m[1])
		}
	}
	for row := range strings.Lines(read(t, "docs/metrics.md")) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		names, _, _ := strings.Cut(row[1:], "|")
		for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(names, -1) {
			listed = append(listed, m[1])
		}
	}
	if len(shown) == 0 {
		t.Fatal("the golden page has no metrics")
	}
	for _, name := range shown {
		if !slices.Contains(listed, name) {
			t.Errorf("docs/metrics.md does not list %s", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(shown, name) {
			t.Errorf("docs/metrics.md lists %s, which gonetmon does not export", name)
		}
	}
}

// docs/architecture.md has the imports that depguard allows, and no other.
func TestLayers_AreThoseOfDepguard(t *testing.T) {
	allowed, listed := map[string]string{}, map[string]string{}
	rule := regexp.MustCompile(`^        (\w+):(.*)`)
	name := ""
	for line := range strings.Lines(read(t, ".golangci.yml")) {
		if m := rule.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		for _, m := range regexp.MustCompile(`gonetmon/app/(\w+)\$`).FindAllStringSubmatch(line, -1) {
			allowed[name] += m[1] + " "
		}
	}
	row := regexp.MustCompile("(?m)^\\| \\d \\| `(?:cmd/)?(\\w+)` \\| (.*) \\|$")
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		for _, dependency := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[2], -1) {
			listed[m[1]] += dependency[1] + " "
		}
	}
	if len(allowed) == 0 || !maps.Equal(listed, allowed) {
		t.Errorf("docs/architecture.md lists\n%v\n.golangci.yml allows\n%v", listed, allowed)
	}
}

// Every Dockerfile is published, so that a release has all images of the stack.
func TestRelease_PublishesEveryImage(t *testing.T) {
	workflow := read(t, ".github/workflows/release.yml")
	files, err := filepath.Glob(root + "/docker/*/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, root+"/docker/Dockerfile") {
		name := "gonetmon"
		if folder := filepath.Base(filepath.Dir(file)); folder != "docker" {
			name += "-" + folder
		}
		file, _ = filepath.Rel(root, file)
		if want := "- {name: " + name + ", file: " + file + "}"; !strings.Contains(workflow, want+"\n") {
			t.Errorf("the matrix of release.yml has no\n%s", want)
		}
	}
}
