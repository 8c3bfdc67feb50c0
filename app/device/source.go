package device

import "slices"

// Where the name of a device comes from.
const (
	SourceFile    = "file"    // the user's hosts file
	SourcePTR     = "ptr"     // the reverse DNS
	SourceDHCP    = "dhcp"    // what it calls itself when it asks for an address, or the server calls it
	SourceMDNS    = "mdns"    // what it calls itself in multicast DNS
	SourceAddress = "address" // there is none: the address itself
)

// Sources are those of names, in the order that is best for most.
var Sources = []string{SourceFile, SourcePTR, SourceDHCP, SourceMDNS}

// A source is one of them, or byAddress.
type source uint8

const (
	byAddress source = iota
	byFile
	byPTR
	byDHCP
	byMDNS
)

func (s source) String() string {
	return [...]string{SourceAddress, SourceFile, SourcePTR, SourceDHCP, SourceMDNS}[s]
}

// sourcesOf are those that are called so. Unknown ones, which the configuration does not let through, have no names.
func sourcesOf(texts []string) (all []source) {
	for _, text := range texts {
		for s := byFile; s <= byMDNS; s++ {
			if s.String() == text {
				all = append(all, s)
			}
		}
	}
	return all
}

// uses says whether names of a source are used.
func (r *Registry) uses(s source) bool { return slices.Contains(r.sources, s) }
