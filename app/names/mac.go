package names

import "errors"

var errMAC = errors.New("not six pairs of hexadecimal digits with : or - between them")

// ParseMAC reads a MAC as people write it: aa:bb:cc:dd:ee:ff or AA-BB-CC-DD-EE-FF, six bytes of two digits each with the same
// separator throughout. It does not judge what it reads, see IsStation. It does not allocate.
func ParseMAC(s string) (MAC, error) {
	const size = len("aa:bb:cc:dd:ee:ff")
	if len(s) != size || s[2] != ':' && s[2] != '-' {
		return MAC{}, errMAC
	}
	var m MAC
	for i := range m {
		high, ok := hexDigit(s[3*i])
		low, ok2 := hexDigit(s[3*i+1])
		if !ok || !ok2 || i > 0 && s[3*i-1] != s[2] {
			return MAC{}, errMAC
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
