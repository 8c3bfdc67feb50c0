package rdns

// A Reason says why a lookup gave no usable name although it might have: an answer that there is no name is none.
type Reason uint8

// The reasons, in the order of Stats.Failures.
const (
	Timeout   Reason = iota // no datagram until the deadline
	Network                 // ICMP unreachable, no route, connection closed
	ServFail                // the server says SERVFAIL
	Refused                 // the server says REFUSED
	RCode                   // the server says FORMERR, NOTIMP or another error, without EDNS too
	Truncated               // the answer is too big for UDP, and TCP gave none
	Mismatch                // wrong ID, question or owner, or a chain of CNAMEs that loops
	Malformed               // nothing but undecodable datagrams until the deadline
	BadName                 // there are names, but Clean refused them all
	NumReasons

	none = NumReasons // not a failure
)

// answered says whether a server that gives this reason is alive and spoke to the question, be it to fail it.
func (r Reason) answered() bool {
	switch r {
	case ServFail, Refused, RCode, Truncated:
		return true
	}
	return false
}

// String returns the value of the label reason.
func (r Reason) String() string {
	texts := [NumReasons]string{"timeout", "network", "servfail", "refused", "rcode", "truncated", "mismatch", "malformed", "name"}
	if r >= NumReasons {
		return "none"
	}
	return texts[r]
}
