package rdns

import (
	"context"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"gonetmon/app/names"
)

const resolvInterval = 5 * time.Second

// A ResolvFile watches the DNS servers in a resolv.conf(5), which change when the machine moves to another network. Like
// names.HostsFile it polls, as inotify misses changes of bind-mounted files.
type ResolvFile struct {
	path    string
	log     *slog.Logger
	changed func(servers []netip.AddrPort)

	servers []netip.AddrPort // the last ones that were named
	loaded  fs.FileInfo      // of the file when it was loaded; nil if it was not
}

// NewResolvFile returns the file at path. Run calls changed with the new servers when they change.
func NewResolvFile(path string, log *slog.Logger, changed func(servers []netip.AddrPort)) *ResolvFile {
	return &ResolvFile{path: path, log: log.With("file", path), changed: changed}
}

// Load reads the file; call it once before Run. A missing or unreadable file has no servers and no search domains.
func (f *ResolvFile) Load() (servers []netip.AddrPort, search []string) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil
	}
	defer func() { _ = file.Close() }()
	if f.loaded, err = file.Stat(); err != nil || !f.loaded.Mode().IsRegular() {
		return nil, nil
	}
	servers, search = ParseResolvConf(file)
	if len(servers) > 0 {
		f.servers = servers
	}
	return servers, search
}

// Run checks for changes every five seconds until ctx ends, and then returns nil. If the file names no server any more,
// for example because it is being written or there is no network, the last servers stay.
func (f *ResolvFile) Run(ctx context.Context) error {
	tick := time.NewTicker(resolvInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		info, err := os.Stat(f.path)
		if err != nil || names.Unchanged(info, f.loaded) {
			continue
		}
		old := f.servers
		if f.Load(); !slices.Equal(f.servers, old) {
			f.log.Info("dns servers changed", "servers", f.servers)
			f.changed(f.servers)
		}
	}
}
