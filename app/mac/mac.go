// Package mac holds hardware addresses: how they are written, and which vendor bought their prefix. It knows nothing of
// frames, devices or names.
package mac

import (
	"bytes"
	"fmt"
	"net"
)

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

// MarshalText returns the address as String does, for encoding/json.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText returns.
func (a *Addr) UnmarshalText(text []byte) (err error) {
	if *a = (Addr{}); len(text) > 0 {
		*a, err = Parse(string(text))
	}
	return err
}

// IsStation reports whether a can be the address of one interface: not zero, and not a group (IEEE 802, I/G bit).
func (a Addr) IsStation() bool { return a != Addr{} && a[0]&1 == 0 }

// IsRandom reports whether a device has made the address up, as phones do to be anonymous (IEEE 802, U/L bit).
func (a Addr) IsRandom() bool { return a[0]&2 != 0 }

// IsVirtualRouter reports whether the address is that of a virtual router, which several devices share (RFC 9568, 7.3).
func (a Addr) IsVirtualRouter() bool {
	return a[0] == 0 && a[1] == 0 && a[2] == 0x5e && a[3] == 0 && (a[4] == 1 || a[4] == 2)
}

// Less reports whether a is before b.
func (a Addr) Less(b Addr) bool { return bytes.Compare(a[:], b[:]) < 0 }

// Parse reads an address in the form aa:bb:cc:dd:ee:ff or AA-BB-CC-DD-EE-FF. It accepts any address, see IsStation.
func Parse(s string) (Addr, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(s) != len("aa:bb:cc:dd:ee:ff") { // net takes other lengths and forms, too
		return Addr{}, fmt.Errorf("%q is not a MAC", s)
	}
	return Addr(hw), nil
}
