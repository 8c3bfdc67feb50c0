package usage

import (
	"sort"
	"time"
)

// A date is a civil date as yyyymmdd. It has no zone: a day that was booked keeps its date when the zone changes.
type date int64

// dateOf returns the date of t in its location.
func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return dateFrom(y, m, d)
}

func dateFrom(y int, m time.Month, d int) date { return date(y*10000 + int(m)*100 + d) }

func (d date) split() (y int, m time.Month, day int) {
	return int(d / 10000), time.Month(d / 100 % 100), int(d % 100)
}

// valid reports whether the calendar has d.
func (d date) valid() bool {
	y, m, day := d.split()
	return y > 0 && y < latest.Year() && d == dateOf(time.Date(y, m, day, 0, 0, 0, 0, time.UTC))
}

// add returns the date that is days later.
func (d date) add(days int) date {
	y, m, day := d.split()
	return dateOf(time.Date(y, m, day+days, 0, 0, 0, 0, time.UTC))
}

// start returns the first instant in zone that has the date d or a later one: midnight does not exist where a clock is put
// forward then, and a whole day does not exist where the date line moves.
func (d date) start(zone *time.Location) time.Time {
	y, m, day := d.split()
	earliest := time.Date(y, m, day, 0, 0, 0, 0, time.UTC).Add(-15 * time.Hour) // no zone is that far ahead
	seconds := sort.Search(30*60*60, func(s int) bool {
		return dateOf(earliest.Add(time.Duration(s)*time.Second).In(zone)) >= d
	})
	return earliest.Add(time.Duration(seconds) * time.Second).In(zone)
}

// billingStart returns the last date up to d on which a billing period begins: the billing day or, in a month without that day,
// its last day.
func (d date) billingStart(billingDay int) date {
	y, m, _ := d.split()
	if start := billingStartIn(y, m, billingDay); start <= d {
		return start
	}
	return billingStartIn(y, m-1, billingDay)
}

// nextBillingStart returns the first date after d on which a billing period begins.
func (d date) nextBillingStart(billingDay int) date {
	y, m, _ := d.split()
	if start := billingStartIn(y, m, billingDay); start > d {
		return start
	}
	return billingStartIn(y, m+1, billingDay)
}

func billingStartIn(y int, m time.Month, billingDay int) date {
	first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return dateOf(first) + date(min(billingDay, last)-1)
}

// hourOf returns the start and the end of the hour of local time that t is in. It ends early where the clock is changed, so that
// it has one offset from UTC, and is in one day.
func hourOf(t time.Time) (start, end time.Time) {
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	begin := t.Unix() - (local%3600+3600)%3600
	start, end = time.Unix(begin, 0).In(t.Location()), time.Unix(begin+3600, 0).In(t.Location())
	since, until := t.ZoneBounds()
	if since.After(start) {
		start = since
	}
	if !until.IsZero() && until.Before(end) {
		end = until
	}
	return start, end
}
