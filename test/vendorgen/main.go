// Vendorgen packs the IEEE's registries of MAC prefixes into the table behind mac.Vendor.
//
// It reads the CSV files that the IEEE publishes for MA-L, MA-M and MA-S, or the JSON file of the npm package oui-data,
// which is generated from them daily and has the form {"001788": "Philips Lighting BV\nstreet\ncity\ncountry", …}:
//
//	npm pack oui-data && tar -xzf oui-data-*.tgz
//	REGISTRY="-date 2026-08-26 -from 'npm oui-data 2.1.9' $PWD/package/index.json" go generate ./app/mac
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	out := flag.String("o", "vendor.bin", "`file` to write")
	date := flag.String("date", "", "`date` of the registries, as 2006-01-02")
	from := flag.String("from", "", "`origin` of the registries, with its version")
	flag.Parse()
	if err := run(*out, *date, *from, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "vendorgen:", err)
		os.Exit(1)
	}
}

func run(out, date, from string, files []string) error {
	if _, err := time.Parse(time.DateOnly, date); err != nil || from == "" || len(files) == 0 {
		return errors.New("needs -date 2006-01-02, -from and the files of the registries; see the package comment")
	}
	all := registry{}
	for _, file := range files {
		if err := all.readFile(file); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
	}
	bin, err := all.pack(fmt.Sprintf("IEEE MA-L, MA-M and MA-S of %s, from %s", date, from))
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, bin, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d prefixes, %d bytes\n", out, len(all), len(bin))
	return nil
}

// A registry holds the name of the vendor of each prefix.
type registry map[prefix]string

// A prefix is the first bits of a hardware address, as a number.
type prefix struct {
	bits  int
	value uint64
}

func (r registry) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if filepath.Ext(name) == ".json" {
		return r.readJSON(f)
	}
	return r.readCSV(f)
}

// readJSON reads the format of oui-data. The name is the first line of the value.
func (r registry) readJSON(in io.Reader) error {
	var rows map[string]string
	if err := json.NewDecoder(in).Decode(&rows); err != nil {
		return err
	}
	for _, hex := range slices.Sorted(maps.Keys(rows)) {
		name, _, _ := strings.Cut(rows[hex], "\n")
		if err := r.add(hex, name); err != nil {
			return err
		}
	}
	return nil
}

// readCSV reads the format of the IEEE: Registry,Assignment,Organization Name,Organization Address.
func (r registry) readCSV(in io.Reader) error {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = 4
	header, err := rows.Read()
	if err != nil {
		return err
	}
	if header[1] != "Assignment" || header[2] != "Organization Name" {
		return fmt.Errorf("not a registry of the IEEE: columns %q", header)
	}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.add(row[1], row[2]); err != nil {
			return err
		}
	}
}

// add adds a row. It leaves out the IEEE itself, which owns what it sells in parts, owners that stay private, and the few
// old prefixes that are not of globally unique addresses, as Vendor does not look those up.
func (r registry) add(hex, name string) error {
	value, err := strconv.ParseUint(hex, 16, 64)
	bits := 4 * len(hex)
	if err != nil || bits != 24 && bits != 28 && bits != 36 {
		return fmt.Errorf("%q is not a prefix of 24, 28 or 36 bits", hex)
	}
	if name = cleanName(name); name == "" || name == "Private" || name == "IEEE Registration Authority" {
		return nil
	}
	if value>>(bits-8)&3 == 0 {
		r[prefix{bits, value}] = name
	}
	return nil
}
