// Package usage books what each device moves by hour, day and billing period, in local time. It knows nothing of disks, of how
// traffic is counted, or of what devices are called.
//
// Every byte is in one slot of each kind: the hour, the day and the billing period in which it was added. While the clock is not
// right, bytes are held. They are booked when it is. The clock is right if
//   - it says 2026 or later, and
//   - it is within an hour of the expected time, or has run for ten minutes without a jump of more than an hour (for a day, if it
//     is more than a day behind the last booking).
//
// The expected time is the last right one plus what the monotonic clock has run since then. After a start it is any time after
// the last booking. When the clock is right, slots that begin later are moved into the current ones: the clock was ahead when
// their bytes were booked.
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

// A Slot has what was moved in one hour, day or billing period.
type Slot struct {
	Start, End time.Time // in local time; End is excluded
	Bytes
}

// A History has what a device, or the network, moved. Slots without traffic are left out. The oldest are first.
type History struct{ Hours, Days, Periods []Slot }

// A Use is what a device, or the network, has moved so far.
type Use struct {
	Today, Period Bytes  // Period: in the current billing period
	Standby       uint64 // internet bytes that it moved in its idle hours, of the last 72
}

// A Span is a time from Start to End, which is excluded.
type Span struct{ Start, End time.Time }

// A Summary is the use of all devices at one moment.
type Summary struct {
	Time      time.Time
	Since     time.Time      // of the first booking that is still kept
	Day       Span           // today, in local time
	Period    Span           // the current billing period, in local time
	Network   Use            // the sum of Devices: what one device sends to another counts as in and as out
	Devices   map[uint64]Use // those with any use, by ID; 0 is what belongs to none
	Cap       uint64         // of internet bytes in a billing period; 0: none
	Projected uint64         // internet bytes at the end of the period, at the mean of the last days; 0: too early to say
}

// A Recent has the internet traffic of the last ten minutes, in bytes per second: a value for each Step, and fewer right after
// the start. The last value ends at End. In and Out are nil if there was no traffic.
type Recent struct {
	Step    time.Duration
	End     time.Time
	In, Out []float64
}
