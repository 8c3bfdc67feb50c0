package usage

import (
	"testing"
	"time"
)

// The days of two years follow each other without a gap, and each one's start is the first second with its date.
func TestDate_StartIsItsFirstInstant(t *testing.T) {
	for _, name := range zones {
		z := zone(t, name)
		for d := date(20260101); d < 20280101; d = d.add(1) {
			start := d.start(z)
			if before := start.Add(-time.Second); dateOf(start) != d || dateOf(before) != d.add(-1) {
				t.Errorf("%s: %d starts at %v", name, d, start)
			}
		}
	}
}

func TestDate_Start(t *testing.T) {
	for _, tt := range []struct{ name, zone, day, want string }{
		{"no midnight in Cairo", "Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"},
		{"no midnight in Beirut", "Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"},
		{"no midnight in Santiago", "America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"},
		{"no midnight on the Azores", "Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00Z"},
		{"two midnights on the Azores", "Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"},
		{"no such day in Apia", "Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			day, err := time.Parse(time.DateOnly, tt.day)
			if err != nil {
				t.Fatal(err)
			}
			if got := dateOf(day).start(zone(t, tt.zone)).Format(time.RFC3339); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// The hours of two years follow each other without a gap. None is longer than an hour, or in two days.
func TestHourOf(t *testing.T) {
	for _, name := range zones {
		z := zone(t, name)
		for at, end := time.Date(2026, 1, 1, 0, 0, 0, 0, z), time.Date(2028, 1, 1, 0, 0, 0, 0, z); at.Before(end); {
			start, next := hourOf(at)
			last := next.Add(-time.Second)
			if again, _ := hourOf(last); !start.Equal(at) || !again.Equal(at) || next.Sub(at) > time.Hour || dateOf(last) != dateOf(at) ||
				last.Hour() != at.Hour() {
				t.Fatalf("%s: %v to %v, at %v", name, start, next, at)
			}
			at = next
		}
	}
}

func TestHourOf_HalfHours(t *testing.T) {
	for _, tt := range []struct{ name, zone, at, start, end string }{
		{"Kathmandu", "Asia/Kathmandu", "2026-11-29T12:10:00Z", "2026-11-29T17:00:00+05:45", "2026-11-29T18:00:00+05:45"},
		{"Lord Howe before summer ends", "Australia/Lord_Howe",
			"2026-04-04T14:50:00Z", "2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30"},
		{"Lord Howe after summer has ended", "Australia/Lord_Howe",
			"2026-04-04T15:10:00Z", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"},
		{"Lord Howe after summer has begun", "Australia/Lord_Howe",
			"2026-10-03T15:40:00Z", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			start, end := hourOf(at.In(zone(t, tt.zone)))
			if got := start.Format(time.RFC3339); got != tt.start {
				t.Errorf("starts at %s, want %s", got, tt.start)
			}
			if got := end.Format(time.RFC3339); got != tt.end {
				t.Errorf("ends at %s, want %s", got, tt.end)
			}
		})
	}
}

func TestDate_BillingStart(t *testing.T) {
	for _, tt := range []struct {
		day, billingDay, start, next int
	}{
		{20260228, 31, 20260228, 20260331}, {20260227, 31, 20260131, 20260228}, {20260330, 31, 20260228, 20260331},
		{20280228, 30, 20280130, 20280229}, {20280229, 30, 20280229, 20280330}, {20260101, 1, 20260101, 20260201},
		{20260114, 15, 20251215, 20260115}, {20261231, 31, 20261231, 20270131}, {20260301, 29, 20260228, 20260329},
	} {
		d := date(tt.day)
		got, next := d.billingStart(tt.billingDay), d.nextBillingStart(tt.billingDay)
		if got != date(tt.start) || next != date(tt.next) {
			t.Errorf("%d, billing day %d: %d to %d, want %d to %d", tt.day, tt.billingDay, got, next, tt.start, tt.next)
		}
	}
}
