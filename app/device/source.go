package device

import (
	"slices"

	"gonetmon/app/names"
)

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
	return [...]string{names.SourceAddress, names.SourceFile, names.SourcePTR, names.SourceDHCP, names.SourceMDNS}[s]
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
