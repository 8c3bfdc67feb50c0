package rdns

import (
	"context"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"
)

const resolvInterval = 5 * time.Second

// A ResolvFile tells which DNS servers a resolv.conf(5) names, and when that changes: a box gets another one with its address, or when
// it moves.
//
// It looks at the file now and then, as HostsFile does and for the same reasons.
type ResolvFile struct {
	path    string
	log     *slog.Logger
	changed func(servers []netip.AddrPort)

	servers []netip.AddrPort // the last that there were
	read    fs.FileInfo      // of the file when it was read; nil if it was not
}

// NewResolvFile returns the file at path. Run hands other servers to changed.
func NewResolvFile(path string, log *slog.Logger, changed func(servers []netip.AddrPort)) *ResolvFile {
	return &ResolvFile{path: path, log: log.With("file", path), changed: changed}
}

// Load reads the file now: once before Run. A file that is not there, or can't be read, has no servers and no search domains.
func (f *ResolvFile) Load() (servers []netip.AddrPort, search []string) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil
	}
	defer func() { _ = file.Close() }()
	if f.read, err = file.Stat(); err != nil || !f.read.Mode().IsRegular() {
		return nil, nil
	}
	servers, search = ParseResolvConf(file)
	if len(servers) > 0 {
		f.servers = servers
	}
	return servers, search
}

// Run looks for changes every five seconds until ctx ends, and then returns nil. If no server is named any more, say because the file is
// being written or there is no network, the last ones hold.
func (f *ResolvFile) Run(ctx context.Context) error {
	tick := time.NewTicker(resolvInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := os.Stat(f.path)
		if err != nil || unchanged(now, f.read) {
			continue
		}
		was := f.servers
		if f.Load(); !slices.Equal(f.servers, was) {
			f.log.Info("dns servers changed", "servers", f.servers)
			f.changed(f.servers)
		}
	}
}

// unchanged reports whether a file was neither written to nor replaced between a and b, which may be nil.
func unchanged(a, b fs.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
