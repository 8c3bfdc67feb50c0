package rdns

// A Reason says why a lookup gave no usable name. An address without a name is not a failure.
type Reason uint8

// The reasons, in the order of Stats.Failures.
const (
	Timeout   Reason = iota // no answer until the deadline, over TCP either
	Network                 // ICMP unreachable, no route, connection closed
	ServFail                // SERVFAIL
	Refused                 // REFUSED
	RCode                   // FORMERR, NOTIMP or another error code
	Truncated               // too large for UDP, and no answer over TCP
	Mismatch                // wrong ID, question or owner, or a CNAME loop
	Malformed               // only undecodable datagrams until the deadline
	BadName                 // none of the names is canonical, or all are placeholders
	NumReasons

	none = NumReasons // not a failure
)

// answered reports whether a server that gives this reason is alive and has read the question.
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
