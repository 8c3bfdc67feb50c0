package usage

import (
	"fmt"
	"time"
)

// Kind says what an Entry contains.
type Kind uint8

// The kinds. Stored entries have these numbers.
const (
	Hour   Kind = iota // a slot of an hour
	Day                // a slot of a day
	Period             // a slot of a billing period
	Held               // bytes that are not booked yet
	numKinds
)

const numSlotKinds = int(Held)

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{"hour", "day", "period", "held", "invalid"}[min(k, numKinds)]
}

// An Entry is the stored form of one slot of a device, or of what is held for it. A device has one Entry for each Kind and Start.
type Entry struct {
	Kind  Kind
	Start int64  // hours: Unix time of the start. Days and periods: civil date of the start as yyyymmdd. Held: 0
	ID    uint64 // of the device; 0: of none
	Bytes        // zero in a change: remove the entry
}

// check returns an error if no Book can have returned e.
func (e Entry) check() error {
	ok := false
	switch e.Kind {
	case Hour:
		ok = e.Start > 0 && e.Start < latest.Unix()
	case Day, Period:
		ok = date(e.Start).valid()
	case Held:
		ok = e.Start == 0
	}
	if !ok {
		return fmt.Errorf("usage of device %d: there is no %s %d", e.ID, e.Kind, e.Start)
	}
	return nil
}

// latest is after any time that can be kept: a year has four digits.
var latest = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
