package names

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"strings"
	"time"

	"gonetmon/app/mac"
)

const (
	maxBook     = 65_536  // entries
	maxBookSize = 8 << 20 // bytes of a file
	maxBookLine = 4096    // bytes of a line
	maxBookBad  = 10      // bad lines that are told one by one
)

// A Hosts is what a hosts file says: names of addresses and of MACs. Its addresses are unicast, never IPv4-mapped and without
// a zone, its MACs those of stations, its names as Canonical returns them.
type Hosts struct {
	Addrs map[netip.Addr]string
	MACs  map[mac.Addr]string
}

// Len returns how many addresses and MACs have a name.
func (b *Hosts) Len() int { return len(b.Addrs) + len(b.MACs) }

func (b *Hosts) equal(c *Hosts) bool {
	return c != nil && maps.Equal(b.Addrs, c.Addrs) && maps.Equal(b.MACs, c.MACs)
}

// ParseHosts reads the form of hosts(5), in which a MAC may stand in place of an address: one of both, white space, a name. What
// follows the name (aliases) and what follows # is ignored. The first line for an address or a MAC wins.
//
// What every machine's own hosts file has says nothing of the LAN and is skipped: loopback, multicast, broadcast and
// unspecified addresses, and names of the localhost kind.
//
// Bad lines are skipped too; the errors say what is wrong with the first ten of them and how many more there are. They quote
// the file escaped and cut, and each fits on a line. Lines of more than 4 KiB are bad; past 65,536 entries or 8 MiB, the
// rest of the file is. If r fails, the book is nil and the only error says why.
func ParseHosts(r io.Reader) (*Hosts, []error) {
	b := bookReader{book: &Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}}
	if err := b.read(r); err != nil {
		return nil, []error{err}
	}
	if b.more > 0 {
		b.bad = append(b.bad, fmt.Errorf("%d more lines are bad", b.more))
	}
	return b.book, b.bad
}

// A bookReader is a Hosts that is being read.
type bookReader struct {
	book *Hosts
	line int // number of the line at hand
	bad  []error
	more int // bad lines beyond maxBookBad
}

func (b *bookReader) read(r io.Reader) error {
	limit := &io.LimitedReader{R: r, N: maxBookSize + 1}
	lines := bufio.NewReaderSize(limit, maxBookLine)
	for {
		b.line++
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		switch {
		case err != nil && err != io.EOF:
			return err
		case limit.N == 0:
			b.end("the file has more than %d bytes", maxBookSize)
			return nil
		case long:
			b.refuse("it has more than %d bytes", maxBookLine)
		case !b.entry(line):
			b.end("the file has more than %d entries", maxBook)
			return nil
		}
		if err == io.EOF {
			return nil
		}
	}
}

// entry takes one line. It returns false if the book is full.
func (b *bookReader) entry(line []byte) bool {
	if b.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff")) // some editors begin a file with this mark
	}
	line, _, _ = bytes.Cut(line, []byte("#"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return true
	}
	mac, macErr := mac.Parse(words[0])
	addr, addrErr := netip.ParseAddr(words[0])
	addr = addr.Unmap().WithZone("")
	switch {
	case macErr != nil && addrErr != nil:
		b.refuse("%s is neither an IP address nor a MAC", quote(words[0]))
		return true
	case macErr == nil && !mac.IsStation():
		b.refuse("%s is not the MAC of a device", quote(words[0]))
		return true
	case addrErr == nil && !isUnicast(addr):
		return true
	case len(words) == 1:
		b.refuse("%s has no name", quote(words[0]))
		return true
	}
	name, ok := Canonical(words[1])
	switch {
	case !ok:
		b.refuse("name %s: %s", quote(words[1]), whyUnclean(words[1]))
		return true
	case isLocalhost(name):
		return true
	case macErr == nil:
		return enter(b.book, b.book.MACs, mac, name)
	}
	return enter(b.book, b.book.Addrs, addr, name)
}

// enter enters name for key into one of the maps of book, unless it has one. It returns false if the book is full.
func enter[K comparable](book *Hosts, names map[K]string, key K, name string) bool {
	if _, ok := names[key]; ok {
		return true
	}
	if book.Len() == maxBook {
		return false
	}
	names[key] = name
	return true
}

// refuse says why the line at hand is bad.
func (b *bookReader) refuse(format string, args ...any) {
	if len(b.bad) == maxBookBad {
		b.more++
		return
	}
	b.bad = append(b.bad, fmt.Errorf("line %d: %s", b.line, fmt.Sprintf(format, args...)))
}

// end says why the file is not read from the line at hand on.
func (b *bookReader) end(format string, limit int) {
	b.bad = append(b.bad, fmt.Errorf("line %d: "+format+", the rest is ignored", b.line, limit))
}

// quote returns a word of the file as it may stand in a log.
func quote(word string) string {
	const most = 64
	if len(word) > most {
		return fmt.Sprintf("%q...", word[:most])
	}
	return fmt.Sprintf("%q", word)
}

// whyUnclean tells a person why Canonical refuses name.
func whyUnclean(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return "an IP address"
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(nameRunes, r) }) {
		return "only letters, digits, dots, hyphens and underscores can be in it"
	}
	return "not one that DNS would take"
}

const nameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// isLocalhost says whether a clean name is one of those with which systems' own hosts files come.
func isLocalhost(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "localhost", "localhost4", "localhost6", "broadcasthost",
		"ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts":
		return true
	}
	return strings.HasSuffix(name, ".localhost")
}

const (
	hostsFileInterval = 2 * time.Second
	maxUnsettled      = 5 // looks at a file that never lies still before it is read nevertheless
)

// A HostsFile is a Hosts in a file, read anew when the file changes.
//
// It looks at the file now and then instead of being told by inotify: that sees every change on every filesystem, of a file
// that was replaced and one that is bind-mounted into a container, for one system call in two seconds.
type HostsFile struct {
	path     string
	log      *slog.Logger
	changed  func(*Hosts)
	interval time.Duration

	book      *Hosts      // the last good one
	read      fs.FileInfo // of the file when book was read, nil if it is to be read again
	seen      fs.FileInfo // at the last look, if it was not read then
	unsettled int         // looks since it was read that saw another file than the one before
	failing   bool        // the last look failed
}

// NewHostsFile returns the hosts file at path. Load and Run hand each new Hosts to changed; nobody may change it.
func NewHostsFile(path string, log *slog.Logger, changed func(*Hosts)) *HostsFile {
	return &HostsFile{path: path, log: log.With("file", path), changed: changed, interval: hostsFileInterval}
}

// Load reads the file now: once before Run, so that names are there from the start. Its error names the file.
func (f *HostsFile) Load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if info.IsDir() { // compose makes one where the file to be mounted is missing
		return &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a directory")}
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return &fs.PathError{Op: "read", Path: f.path, Err: errors.New("not a regular file")}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if info, err = file.Stat(); err != nil {
		return err
	}
	book, bad := ParseHosts(file)
	if book == nil {
		return bad[0]
	}
	back := f.failing
	f.read, f.seen, f.unsettled, f.failing = info, nil, 0, false
	for _, err := range bad {
		f.log.Warn("bad line in hosts file", "error", err)
	}
	if back || !book.equal(f.book) {
		f.log.Info("hosts file read", "names", book.Len())
	}
	if !book.equal(f.book) {
		f.book = book
		f.changed(book)
	}
	return nil
}

// Run looks for changes every two seconds until ctx ends, and then returns nil. It reads the file when it is another one than
// before (by size, time or inode) and was the same at two looks: it may be in the middle of being written. If the file vanishes
// or cannot be read, the last good Hosts holds.
func (f *HostsFile) Run(ctx context.Context) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := f.look(); err != nil && !f.failing {
			f.log.Warn("hosts file cannot be read, its last names hold", "error", err)
			f.failing, f.read = true, nil
		}
	}
}

// look reads the file if there is reason to.
func (f *HostsFile) look() error {
	now, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if sameFile(now, f.read) {
		f.seen, f.unsettled = nil, 0
		return nil
	}
	if !sameFile(now, f.seen) && f.unsettled < maxUnsettled {
		f.seen = now
		f.unsettled++
		return nil
	}
	return f.Load()
}

// sameFile says whether a file has not been written to or replaced between a and b, which may be nil.
func sameFile(a, b fs.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// isUnicast reports whether a can be the address of one host on a network.
func isUnicast(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
