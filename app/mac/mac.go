// Package mac holds hardware addresses: how they are written, and which vendor bought their prefix. It knows nothing of
// frames, devices or names.
package mac

import "errors"

// An Addr is the hardware address of an Ethernet interface (EUI-48).
type Addr [6]byte

// String returns the address as aa:bb:cc:dd:ee:ff, and "" for the zero Addr, which stands for none.
func (a Addr) String() string {
	if a == (Addr{}) {
		return ""
	}
	const digits = "0123456789abcdef"
	var b [17]byte
	for i, v := range a {
		if i > 0 {
			b[3*i-1] = ':'
		}
		b[3*i], b[3*i+1] = digits[v>>4], digits[v&15]
	}
	return string(b[:])
}

// IsStation reports whether a can be the address of one interface: not zero, and not a group (IEEE 802, I/G bit).
func (a Addr) IsStation() bool { return a != Addr{} && a[0]&1 == 0 }

var errMAC = errors.New("not six pairs of hexadecimal digits with : or - between them")

// Parse reads a Addr as people write it: aa:bb:cc:dd:ee:ff or AA-BB-CC-DD-EE-FF, six bytes of two digits each with the same
// separator throughout. It does not judge what it reads, see IsStation. It does not allocate.
func Parse(s string) (Addr, error) {
	const size = len("aa:bb:cc:dd:ee:ff")
	if len(s) != size || s[2] != ':' && s[2] != '-' {
		return Addr{}, errMAC
	}
	var m Addr
	for i := range m {
		high, ok := hexDigit(s[3*i])
		low, ok2 := hexDigit(s[3*i+1])
		if !ok || !ok2 || i > 0 && s[3*i-1] != s[2] {
			return Addr{}, errMAC
		}
		m[i] = high<<4 | low
	}
	return m, nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
