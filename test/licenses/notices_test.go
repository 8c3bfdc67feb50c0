package licenses

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "update THIRD_PARTY_NOTICES")

const (
	root = "../.."
	data = "data"
	path = root + "/THIRD_PARTY_NOTICES"
)

// Everything linked into the binary has a license that gonetmon may pass on, and THIRD_PARTY_NOTICES lists all of it; -update
// writes it.
func TestNotices(t *testing.T) {
	all, err := parts(root, data)
	if err != nil {
		t.Fatal(err)
	}
	found, err := texts(all)
	if err != nil {
		t.Fatal(err)
	}
	want := notices(found)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("THIRD_PARTY_NOTICES is not current, run make notices")
	}
}

// The list has every module that the binary itself says it was built of, and no other.
func TestPartsAreThoseOfTheBinary(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "gonetmon")
	if _, err := goTool(root, "", "build", "-o", binary, "./app/cmd/gonetmon"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(out), -1) {
		want = append(want, m[1]+" "+m[2])
	}
	all, err := parts(root, data)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		if p.Version != "" {
			got = append(got, p.Name+" "+p.Version)
		}
	}
	if len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("parts %q, the binary has %q", got, want)
	}
}

// Data that is built in from elsewhere has its license here, in the version that is built in.
func TestDataIsListed(t *testing.T) {
	vendors, err := os.ReadFile(root + "/app/mac/vendor.bin")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(vendors, []byte("\n"))
	_, source, ok := strings.Cut(string(line), "from npm ")
	if _, err := os.Stat(filepath.Join(data, source+".txt")); !ok || err != nil {
		t.Errorf("vendor.bin is %q; its license: %v", line, err)
	}
}

const gpl = `
This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as
published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.
`

func TestJudge(t *testing.T) {
	mit, err := os.ReadFile(root + "/LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := judge(mit, false); err != nil || !slices.Equal(ids, []string{"MIT"}) {
		t.Errorf("our own: %v, %v", ids, err)
	}
	either := "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */\n" + gpl
	if ids, err := judge([]byte(either), false); err != nil || !slices.Equal(ids, []string{"BSD-3-Clause"}) {
		t.Errorf("either one: %v, %v", ids, err)
	}
	for name, content := range map[string]string{
		"two of GPL":      "SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-only\n" + gpl,
		"nothing":         "",
		"no license":      "All rights reserved. Ask me.",
		"SSPL":            "https://www.mongodb.com/licensing/server-side-public-license\n",
		"MIT and GPL":     string(mit) + gpl,
		"GPL":             gpl,
		"MIT and a novel": string(mit) + strings.Repeat("It was a dark and stormy night. ", 200),
	} {
		if ids, err := judge([]byte(content), false); err == nil {
			t.Errorf("%s is taken for %v", name, ids)
		}
	}
	if ids, err := judge([]byte("Copyright 2011 somebody\n"), true); err != nil || len(ids) > 0 {
		t.Errorf("notice: %v, %v", ids, err)
	}
	if ids, err := judge([]byte(gpl), true); err == nil {
		t.Errorf("notice with a license is taken for %v", ids)
	}
}
