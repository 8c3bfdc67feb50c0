package names

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minShared is how many hexadecimal digits in a row a name shares with an IPv6 address that it was made from.
const minShared = 12

var (
	// quad matches four numbers in a row: an IPv4 address, whichever.
	quad = regexp.MustCompile(`(?:^|[^0-9])[0-9]{1,3}(?:[-_.x][0-9]{1,3}){3}(?:[^0-9]|$)`)

	// lent matches the label of what a server lends, with a number of the server's choice.
	lent = regexp.MustCompile(`^(?:dhcp|dyn|dynamic|pool|ppp|adsl|dsl)[-_]?` +
		`(?:[0-9]{2,}|[0-9]+[-_x][-_x0-9]+|[0-9a-f]*[0-9][0-9a-f]{3,})$`)

	// customer matches the number of a customer in hexadecimal, in a domain for customers of a provider.
	customer = regexp.MustCompile(`^(?:[^.]*[^.0-9a-f])?[0-9a-f]{8}\.` +
		`(?:.*\.)?(?:dyn|dynamic|dip0?|pools?|ppp|pppoe|adsl|dsl|cable)\.`)

	// numbered matches a label of up to three numbers, alone or behind the word for what a server numbers.
	numbered = regexp.MustCompile(`^(?:dhcp|dyn|dynamic|static|pool|host|ip|ipv4|client|customer|cpe|ppp|adsl|dsl)?[-_]?` +
		`([0-9]{1,3})(?:[-_x]([0-9]{1,3}))?(?:[-_x]([0-9]{1,3}))?$`)

	withoutSeparators = strings.NewReplacer("-", "", "_", "", ".", "")
)

// IsFromAddress reports whether a canonical name was probably made from an address, as by a DNS server that has a name for
// every address. It contains the address (see ContainsAddress), or the last numbers of addr behind a word such as host, or the
// number that a DHCP server or a provider gives to a client.
//
// Numbers that people give to their devices are not among them, as in nas-10 or raspberry3.
func IsFromAddress(name string, addr netip.Addr) bool {
	first, _, _ := strings.Cut(name, ".")
	addr = addr.Unmap()
	return ContainsAddress(name, addr) || lent.MatchString(first) || customer.MatchString(name) ||
		addr.Is4() && endsIPv4(first, addr.As4())
}

// ContainsAddress reports whether a canonical name contains addr, in decimal or hexadecimal digits, padded or not, from either
// end; or any IPv4 address. Such a name tells people no more than the address.
func ContainsAddress(name string, addr netip.Addr) bool {
	switch addr = addr.Unmap(); {
	case quad.MatchString(name):
		return true
	case addr.Is4():
		return containsIPv4(name, addr.As4())
	case addr.Is6():
		return containsIPv6(name, addr)
	}
	return false
}

// containsIPv4 reports whether a name contains an IPv4 address without separators.
func containsIPv4(name string, addr [4]byte) bool {
	reversed := [4]byte{addr[3], addr[2], addr[1], addr[0]}
	joined := withoutSeparators.Replace(name)
	for _, a := range [][4]byte{addr, reversed} {
		if strings.Contains(joined, hex.EncodeToString(a[:])) ||
			strings.Contains(joined, fmt.Sprintf("%03d%03d%03d%03d", a[0], a[1], a[2], a[3])) {
			return true
		}
	}
	return false
}

// endsIPv4 reports whether a label consists of the last numbers of an IPv4 address, maybe behind a word such as host.
func endsIPv4(first string, addr [4]byte) bool {
	reversed := [4]byte{addr[3], addr[2], addr[1], addr[0]}
	numbers := numbered.FindStringSubmatch(first)
	if numbers == nil {
		return false
	}
	var end []byte
	for _, number := range numbers[1:] {
		if n, err := strconv.ParseUint(number, 10, 8); err == nil {
			end = append(end, byte(n))
		} else if number != "" {
			return false
		}
	}
	return strings.HasSuffix(string(addr[:]), string(end)) || strings.HasPrefix(string(reversed[:]), string(end))
}

// containsIPv6 reports whether a name contains an IPv6 address, or half of it.
func containsIPv6(name string, addr netip.Addr) bool {
	b := addr.As16()
	nibbles, joined := hex.EncodeToString(b[:]), withoutSeparators.Replace(name)
	reversed := []byte(nibbles)
	slices.Reverse(reversed)
	for i := range len(nibbles) - minShared + 1 {
		if strings.Contains(joined, nibbles[i:i+minShared]) || strings.Contains(joined, string(reversed[i:i+minShared])) {
			return true
		}
	}
	// Groups may have lost their leading zeros: 2001-db8--5, 2001-db8-0-0-0-0-0-5 or, of its second half, 211-32ff-fe12-3456.
	bounded := "-" + strings.NewReplacer(".", "-", "_", "-").Replace(name) + "-"
	compressed := strings.ReplaceAll(addr.WithZone("").String(), ":", "-")
	groups := strings.Split(addr.WithZone("").StringExpanded(), ":")
	for i, group := range groups {
		groups[i] = cmp.Or(strings.TrimLeft(group, "0"), "0")
	}
	half := strings.Join(groups[4:], "-")
	return strings.Contains(bounded, "-"+compressed+"-") || strings.Contains(bounded, "-"+strings.Join(groups, "-")+"-") ||
		len(half) >= minShared && strings.Contains(bounded, "-"+half+"-")
}
