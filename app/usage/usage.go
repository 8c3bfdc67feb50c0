// Package usage books what each device moves by hour, day and billing period, in local time. It knows nothing of disks, of how
// traffic is counted, or of what devices are called.
//
// Every byte is in one slot of each kind: the ones that the moment of its Add is in. While the clock is not right, bytes are held,
// and booked when it is. The clock is right if
//   - it says 2026 or later, and
//   - it is within an hour of what is expected, or has run for ten minutes without a jump of more than an hour; for a day, if it is
//     more than a day behind the last booking.
//
// The monotonic clock tells what is expected since the clock was last right. After a start, any time after the last booking is.
// When the clock is right, what is in slots that lie ahead is moved into those of now: the clock was ahead when it was booked.
package usage

import (
	"time"

	"gonetmon/app/traffic"
)

// Bytes are IP bytes by direction, as the device sees it (in: download, out: upload). LAN includes multicast.
type Bytes struct{ InternetIn, InternetOut, LANIn, LANOut uint64 }

// BytesOf returns the bytes of totals.
func BytesOf(t *traffic.Totals) Bytes {
	return Bytes{
		InternetIn:  t.In[traffic.ScopeInternet].Bytes,
		InternetOut: t.Out[traffic.ScopeInternet].Bytes,
		LANIn:       t.In[traffic.ScopeLAN].Bytes,
		LANOut:      t.Out[traffic.ScopeLAN].Bytes + t.Out[traffic.ScopeMulticast].Bytes,
	}
}

// Add adds o to b.
func (b *Bytes) Add(o Bytes) {
	b.InternetIn += o.InternetIn
	b.InternetOut += o.InternetOut
	b.LANIn += o.LANIn
	b.LANOut += o.LANOut
}

// Internet returns the bytes exchanged with the internet, in and out.
func (b Bytes) Internet() uint64 { return b.InternetIn + b.InternetOut }

// LAN returns the bytes exchanged inside the LAN, in and out.
func (b Bytes) LAN() uint64 { return b.LANIn + b.LANOut }

// A Slot is what was moved in one hour, day or billing period.
type Slot struct {
	Start, End time.Time // in local time; End is excluded
	Bytes
}

// A History is what a device, or the network, moved. Slots without any traffic are left out; the oldest are first.
type History struct{ Hours, Days, Periods []Slot }

// A Use is what a device, or the network, has moved so far.
type Use struct {
	Today, Period Bytes  // Period: in the current billing period
	Standby       uint64 // internet bytes of the last 72 hours that it moved in hours in which it was idle
}

// A Span is a time from Start to End, which is excluded.
type Span struct{ Start, End time.Time }

// A Summary is the use of all devices at one moment.
type Summary struct {
	Time      time.Time
	Since     time.Time      // of the first booking that is still kept
	Day       Span           // today, in local time
	Period    Span           // the current billing period, in local time
	Network   Use            // sum over all devices, and what belongs to none. What one device sends to another is in and out, both
	Devices   map[uint64]Use // those with any use, by ID; 0 is what belongs to none
	Cap       uint64         // of internet bytes in a billing period; 0: none
	Projected uint64         // internet bytes at the end of the period, if it goes on as in the last days; 0: too early to say
}

// A Recent is the internet traffic of the last ten minutes, in bytes per second: one value for each Step, or fewer right after the
// start. The last value ends at End. In and Out are nil if there was no traffic.
type Recent struct {
	Step    time.Duration
	End     time.Time
	In, Out []float64
}
