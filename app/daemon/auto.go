package daemon

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"

	"gonetmon/app/localnet"
	"gonetmon/app/rdns"
)

// An Auto says what auto stands for in the variables that may have this value.
type Auto struct {
	Interface string // or why there is none
	Prefixes  string // without those that routers will announce
	Servers   string
	Domains   string
}

// FindAuto finds out what a daemon would capture on, take for local and ask for names if it started now. It changes nothing.
func FindAuto(interfaces []string, prefixes []netip.Prefix) (Auto, error) {
	kernel, err := localnet.OpenNetlink()
	if err != nil {
		return Auto{}, err
	}
	defer func() { _ = kernel.Close() }()
	lan := localnet.NewTracker(localnet.Config{
		Prefixes: prefixes, Interfaces: interfaces, Announced: localnet.LearnsIPv6(prefixes), Kernel: observer{kernel},
	})
	servers, search := rdns.NewResolvFile("/etc/resolv.conf", slog.New(slog.DiscardHandler), nil).Load()
	a := Auto{Prefixes: lan.String(), Domains: strings.Join(search, ",")}
	if first := lan.Interfaces()[0]; first.Index != 0 {
		a.Interface = first.Name
	} else {
		a.Interface = first.Reason
	}
	var all []string
	for _, s := range servers {
		all = append(all, s.String())
	}
	a.Servers = strings.Join(all, ",")
	return a, nil
}

// An observer is a kernel whose interfaces stay as they are.
type observer struct{ *localnet.Netlink }

func (observer) BringUp(int) error { return errors.New("not now") }
