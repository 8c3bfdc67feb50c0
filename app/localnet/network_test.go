package localnet

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network reads a snapshot from lines separated by semicolons:
//
//	link NAME [down|nocarrier|dormant] [tun] [kind=K] [master=N] [parent=N] [alt=N] [index=N]
//	addr LINK PREFIX
//	route PREFIX LINK[,LINK] [metric=N] [via]
//
// A link's index is its place, from 2 on; its master and parent stand before it.
func network(t *testing.T, lines string) *Snapshot {
	t.Helper()
	lo := Link{Index: 1, Name: "lo", Flags: unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_LOOPBACK, Hardware: unix.ARPHRD_LOOPBACK}
	s := &Snapshot{Links: []Link{lo}}
	index := func(name string) int {
		l := s.named(name)
		if l == nil {
			t.Fatalf("no link %q in %q", name, lines)
		}
		return l.Index
	}
	for line := range strings.SplitSeq(lines, ";") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		l := Link{Index: len(s.Links) + 1, Flags: unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING, Hardware: unix.ARPHRD_ETHER}
		var r Route
		for _, word := range words[1:] {
			key, value, _ := strings.Cut(word, "=")
			n, _ := strconv.Atoi(value)
			switch key {
			case "down":
				l.Flags = 0
			case "nocarrier":
				l.Flags = unix.IFF_UP
			case "dormant":
				l.Flags = unix.IFF_UP | unix.IFF_LOWER_UP
			case "tun":
				l.Hardware, l.Kind = unix.ARPHRD_NONE, "tun"
			case "kind":
				l.Kind = value
			case "master":
				l.Master = index(value)
			case "parent":
				l.Parent = index(value)
			case "alt":
				l.AltNames = append(l.AltNames, value)
			case "index":
				l.Index = n
			case "metric":
				r.Metric = uint32(n)
			case "via":
				r.Gateway = true
			}
		}
		switch words[0] {
		case "link":
			l.Name = words[1]
			s.Links = append(s.Links, l)
		case "addr":
			s.Addresses = append(s.Addresses, Address{index(words[1]), netip.MustParsePrefix(words[2])})
		case "route":
			r.Destination = netip.MustParsePrefix(words[1])
			for name := range strings.SplitSeq(words[2], ",") {
				r.Links = append(r.Links, index(name))
			}
			s.Routes = append(s.Routes, r)
		default:
			t.Fatalf("%q", line)
		}
	}
	return s
}

// A fakeKernel has the network that the test says.
type fakeKernel struct {
	snapshot *Snapshot
	err      error
	up       []int // links that were brought up
}

func (k *fakeKernel) Snapshot() (*Snapshot, error) { return k.snapshot, k.err }
func (k *fakeKernel) Changes() <-chan struct{}     { return nil }

func (k *fakeKernel) BringUp(index int) error {
	k.up = append(k.up, index)
	k.snapshot.link(index).Flags |= unix.IFF_UP | unix.IFF_LOWER_UP
	return nil
}
