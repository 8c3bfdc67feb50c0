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

// A ResolvFile watches the DNS servers and search domains in a resolv.conf(5), which change when the machine moves to another
// network. Like names.HostsFile it polls, as inotify misses changes of bind-mounted files.
type ResolvFile struct {
	path    string
	log     *slog.Logger
	changed func(servers []netip.AddrPort, search []string)

	servers []netip.AddrPort // the last ones that were named
	search  []string         // all that were ever named, in the order in which they came
	loaded  fs.FileInfo      // of the file when it was loaded; nil if it was not
}

// NewResolvFile returns the file at path. Run calls changed with the current servers and search domains when they change.
func NewResolvFile(path string, log *slog.Logger, changed func(servers []netip.AddrPort, search []string)) *ResolvFile {
	return &ResolvFile{path: path, log: log.With("file", path), changed: changed}
}

// Load reads the file; call it once before Run. A missing or unreadable file has no servers and no search domains. Of later
// versions of the file, Load returns the search domains in addition: a VPN that replaces them must not rename all devices.
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
	for _, domain := range search {
		if !slices.Contains(f.search, domain) {
			f.search = append(slices.Clip(f.search), domain)
		}
	}
	return f.servers, f.search
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
		servers, search := f.servers, f.search
		if f.Load(); !slices.Equal(f.servers, servers) || !slices.Equal(f.search, search) {
			f.log.Info("dns servers or search domains changed", "servers", f.servers, "search", f.search)
			f.changed(f.servers, f.search)
		}
	}
}
