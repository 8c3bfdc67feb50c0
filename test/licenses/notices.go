// Package licenses lists what is linked into the binary besides gonetmon itself, under which licenses, and the notices that these
// require to be passed on.
package licenses

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licenses compatible with gonetmon's own, MIT. They only require to be passed on.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// enough is the share of a file that must be license text, in percent; the rest is names of authors.
const enough = 75

// A part is a module, or something else that is built in.
type part struct {
	Name, Version string
	files         []string // its license and notices
}

// A text is a license file that one or more parts share.
type text struct {
	parts    []string // "golang.org/x/net v0.62.0"
	licenses []string // "BSD-3-Clause"
	text     string
}

var (
	platforms = []string{"amd64", "arm64", "arm"} // of Linux, for which there are binaries
	isLicense = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice)([.-].*)?$`)
	isNotice  = regexp.MustCompile(`(?i)^(copyright|notice)`) // accompanies a license, or is one
)

// parts lists what is in the binaries that are built in root. data is the directory of licenses of built-in data that is no
// module; each file has the name of its data.
func parts(root, data string) ([]part, error) {
	goroot, err := goTool(root, "", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	license := filepath.Join(strings.TrimSpace(goroot), "LICENSE")
	all := map[string]*part{"go": {Name: "The Go standard library and runtime", files: []string{license}}}
	for _, platform := range platforms {
		if err := modules(root, platform, all); err != nil {
			return nil, fmt.Errorf("%s: %w", platform, err)
		}
	}
	files, err := os.ReadDir(data)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".txt")
		all["data "+name] = &part{Name: name, files: []string{filepath.Join(data, f.Name())}}
	}
	var list []part
	for _, key := range slices.Sorted(maps.Keys(all)) {
		p := all[key]
		slices.Sort(p.files)
		p.files = slices.Compact(p.files)
		list = append(list, *p)
	}
	return list, nil
}

// modules adds the modules that are linked for one platform.
func modules(root, platform string, all map[string]*part) error {
	out, err := goTool(root, platform, "list", "-deps", "-json=Dir,Module", "./app/cmd/gonetmon")
	if err != nil {
		return err
	}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var pkg struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *struct{}
			}
		}
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m := pkg.Module
		if m == nil || m.Main {
			continue
		}
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced", m.Path)
		}
		p := all[m.Path]
		if p == nil {
			p = &part{Name: m.Path, Version: m.Version}
			all[m.Path] = p
		}
		// A package may have a license of its own, or one of its parents.
		for dir := pkg.Dir; strings.HasPrefix(dir, m.Dir); dir = filepath.Dir(dir) {
			found, err := licenseFiles(dir)
			if err != nil {
				return err
			}
			p.files = append(p.files, found...)
		}
	}
}

func licenseFiles(dir string) (found []string, err error) {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if f.Type().IsRegular() && isLicense.MatchString(f.Name()) {
			found = append(found, filepath.Join(dir, f.Name()))
		}
	}
	return found, err
}

// goTool runs the go command in root, for a platform unless it is "".
func goTool(root, platform string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "CGO_ENABLED=0")
	if platform != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+platform)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// choice matches how a text says that it is under one of several licenses, at the recipient's choice
// (https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/, OR).
var choice = regexp.MustCompile(`SPDX-License-Identifier: (\S+(?: OR \S+)+)`)

// judge returns the licenses in a text, or why gonetmon may not be linked with it. A notice need not have one.
func judge(content []byte, notice bool) ([]string, error) {
	if m := choice.FindSubmatch(content); m != nil {
		for id := range strings.SplitSeq(string(m[1]), " OR ") {
			if slices.Contains(allowed, id) {
				return []string{id}, nil
			}
		}
	}
	coverage := licensecheck.Scan(content)
	if coverage.Percent < enough && !(notice && len(coverage.Match) == 0) {
		return nil, fmt.Errorf("only %.0f %% of it is the text of a license that is known", coverage.Percent)
	}
	var found []string
	for _, m := range coverage.Match {
		if !slices.Contains(allowed, m.ID) {
			return nil, fmt.Errorf("license %s; gonetmon takes %s", m.ID, strings.Join(allowed, ", "))
		}
		if !slices.Contains(found, m.ID) {
			found = append(found, m.ID)
		}
	}
	return found, nil
}

// texts reads and judges the licenses of all parts. Parts with the same text share it.
func texts(all []part) ([]text, error) {
	var found []text
	var wrong []error
	for _, p := range all {
		name := strings.TrimSpace(p.Name + " " + p.Version)
		licensed := false
		for _, file := range p.files {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			ids, err := judge(content, isNotice.MatchString(filepath.Base(file)))
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %s: %w", name, filepath.Base(file), err))
			}
			licensed = licensed || len(ids) > 0
			t := strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n"))
			if i := slices.IndexFunc(found, func(f text) bool { return f.text == t }); i >= 0 {
				found[i].parts = append(found[i].parts, name)
			} else {
				found = append(found, text{parts: []string{name}, licenses: ids, text: t})
			}
		}
		if !licensed {
			wrong = append(wrong, fmt.Errorf("%s: no license", name))
		}
	}
	return found, errors.Join(wrong...)
}

const head = `The gonetmon binary contains, besides gonetmon itself (MIT, see LICENSE), the parts listed here, ` +
	`under the licenses that follow.
This file is generated by ` + "`make notices`" + ` and distributed with the binary, as these licenses require.
`

// notices writes THIRD_PARTY_NOTICES.
func notices(all []text) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for _, t := range all {
		b.WriteString("\n" + strings.Repeat("-", 80) + "\n")
		for _, p := range t.parts {
			fmt.Fprintf(&b, "%s (%s)\n", p, cmp.Or(strings.Join(t.licenses, ", "), "notice"))
		}
		b.WriteString("\n" + t.text + "\n")
	}
	return b.Bytes()
}
