package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"gonetmon/app/api"
	"gonetmon/test/golden"
)

// month returns the use of a network in which something has no device any more.
func month() *api.Usage {
	zone := time.FixedZone("CET", 3600)
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
	u := &api.Usage{
		Time: day.Add(14*time.Hour + 5*time.Minute), Since: day.AddDate(0, 0, -20),
		Today: api.Span{Start: day, End: day.AddDate(0, 0, 1)},
		Period: api.BillingPeriod{
			Span:     api.Span{Start: day.AddDate(0, 0, -8), End: day.AddDate(0, 0, 22)},
			DaysLeft: 22, CapBytes: 1e12, ProjectedBytes: 802e9,
		},
		Devices: []api.DeviceUse{
			{ID: 5, Name: "tv.fritz.box", Use: api.Use{
				Today:  api.Bytes{InternetIn: 612e6, InternetOut: 9.8e6, LANOut: 4_100},
				Period: api.Bytes{InternetIn: 211e9, InternetOut: 3e9, LANOut: 904_100}}},
			{ID: 2, Name: "nas.fritz.box", Use: api.Use{
				Today:  api.Bytes{InternetIn: 2.4e6, InternetOut: 120_000, LANIn: 96e6, LANOut: 8.4e9},
				Period: api.Bytes{InternetIn: 9.4e9, InternetOut: 1.12e9, LANIn: 80e9, LANOut: 98.4e9}}},
			{ID: 1, Name: "evil\x1b[2J,\"\n" + strings.Repeat("x", 50), Use: api.Use{Period: api.Bytes{InternetOut: 512}}},
		},
		Others: api.Use{Period: api.Bytes{InternetIn: 1e9, InternetOut: 20e6}},
	}
	u.Network = api.Use{
		Today:  api.Bytes{InternetIn: 614.4e6, InternetOut: 9.92e6, LANIn: 96e6, LANOut: 8_400_004_100},
		Period: api.Bytes{InternetIn: 221.4e9, InternetOut: 4_140_000_512, LANIn: 80e9, LANOut: 98_400_904_100},
	}
	return u
}

func TestWriteUsage(t *testing.T) {
	var b bytes.Buffer
	WriteUsage(&b, month())
	golden.Equal(t, "usage.txt", b.String())
}

func TestWriteUsage_Headings(t *testing.T) {
	for _, tt := range []struct {
		name       string
		change     func(u *api.Usage)
		want, lack string
	}{
		{"no cap", func(u *api.Usage) { u.Period.CapBytes = 0 }, "projected 802 GB\n", " of "},
		{"too early", func(u *api.Usage) { u.Period.ProjectedBytes = 0 }, "in this period 226 GB, 23 % of 1.00 TB\n", "probably"},
		{"since a day of the period", func(u *api.Usage) { u.Since = u.Today.Start }, "counted since 2026-11-23 00:00\n", "days left,"},
		{"the last day", func(u *api.Usage) { u.Period.DaysLeft = 1 }, ", 1 day left\n", "days left"},
		{"a new network", func(u *api.Usage) { *u = api.Usage{Time: u.Time, Period: u.Period} }, "internet today 0 B", "device"},
	} {
		var b bytes.Buffer
		u := month()
		tt.change(u)
		if WriteUsage(&b, u); !strings.Contains(b.String(), tt.want) || strings.Contains(b.String(), tt.lack) {
			t.Errorf("%s:\n%s, want %q and no %q", tt.name, b.String(), tt.want, tt.lack)
		}
	}
}

// The CSV is that of RFC 4180, and adds up to the network.
func TestWriteUsageCSV(t *testing.T) {
	var b bytes.Buffer
	if err := WriteUsageCSV(&b, month()); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "usage.csv", b.String())
	if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 5 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestWriteHistory(t *testing.T) {
	u := month()
	slots := []api.Slot{
		{Start: u.Today.Start, End: u.Today.End, Bytes: u.Network.Today},
		{Start: u.Period.Start, End: u.Period.End, Bytes: u.Network.Period},
		{Start: time.Date(2026, 10, 25, 0, 0, 0, 0, time.FixedZone("CEST", 7200)), // a day of 25 hours
			End: time.Date(2026, 10, 26, 0, 0, 0, 0, time.FixedZone("CET", 3600)), Bytes: u.Others.Period},
	}
	var text, list, none bytes.Buffer
	WriteHistory(&text, "days of the network", slots)
	golden.Equal(t, "history.txt", text.String())
	if err := WriteHistoryCSV(&list, slots); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "history.csv", list.String())
	if WriteHistory(&none, "days of tv", nil); none.String() != "days of tv: no traffic\n" {
		t.Errorf("%q", none.String())
	}
}
