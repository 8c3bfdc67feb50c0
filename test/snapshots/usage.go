package snapshots

import (
	"time"

	"gonetmon/app/usage"
)

// Usage returns the use of the devices of Home, in a billing period that began before gonetmon did.
func Usage() usage.Summary {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	s := usage.Summary{
		Time: Start.Add(2 * time.Minute), Since: Start.AddDate(0, 0, -20).Truncate(time.Hour),
		Day:    usage.Span{Start: day, End: day.AddDate(0, 0, 1)},
		Period: usage.Span{Start: day.AddDate(0, 0, -8), End: day.AddDate(0, 0, 22)},
		Devices: map[uint64]usage.Use{
			1: {Today: usage.Bytes{InternetOut: 512}, Period: usage.Bytes{InternetOut: 512}},
			2: {
				Today:   usage.Bytes{InternetIn: 2_400_000, InternetOut: 120_000, LANIn: 96_000_000, LANOut: 8_400_031_000},
				Period:  usage.Bytes{InternetIn: 9_400_000_000, InternetOut: 1_120_000_000, LANIn: 80_096_000_000, LANOut: 98_400_031_000},
				Standby: 310_000_000,
			},
			5: {
				Today:   usage.Bytes{InternetIn: 612_000_000, InternetOut: 9_800_000, LANOut: 4_100},
				Period:  usage.Bytes{InternetIn: 211_612_000_000, InternetOut: 3_009_800_000, LANOut: 904_100},
				Standby: 41_000_000,
			},
		},
		Network: usage.Use{ // of a device that was forgotten, too
			Today: usage.Bytes{}, Period: usage.Bytes{InternetIn: 1_000_000_000, InternetOut: 20_000_000}, Standby: 9_000_000,
		},
		Cap: 1_000_000_000_000, Projected: 802_000_000_000,
	}
	for _, u := range s.Devices {
		s.Network.Today.Add(u.Today)
		s.Network.Period.Add(u.Period)
		s.Network.Standby += u.Standby
	}
	return s
}

// History returns the history of a device of Home, or with 0 of the network.
func History(id uint64) (h usage.History) {
	u := Usage()
	use := u.Devices[id]
	if id == 0 {
		use = u.Network
	}
	if use == (usage.Use{}) {
		return h
	}
	h.Hours = []usage.Slot{{Start: Start.Truncate(time.Hour), End: Start.Truncate(time.Hour).Add(time.Hour), Bytes: use.Today}}
	yesterday := use.Period
	yesterday.InternetIn -= use.Today.InternetIn
	yesterday.InternetOut -= use.Today.InternetOut
	yesterday.LANIn -= use.Today.LANIn
	yesterday.LANOut -= use.Today.LANOut
	if yesterday != (usage.Bytes{}) {
		h.Days = append(h.Days, usage.Slot{Start: u.Day.Start.AddDate(0, 0, -1), End: u.Day.Start, Bytes: yesterday})
	}
	h.Days = append(h.Days, usage.Slot{Start: u.Day.Start, End: u.Day.End, Bytes: use.Today})
	h.Periods = []usage.Slot{{Start: u.Period.Start, End: u.Period.End, Bytes: use.Period}}
	return h
}

// Recent returns what a device of Home, or with 0 the network, has just moved.
func Recent(id uint64) usage.Recent {
	const values = 60
	r := usage.Recent{Step: 10 * time.Second, End: Start.Add(2 * time.Minute),
		In: make([]float64, values), Out: make([]float64, values)}
	if id == 0 || id == 5 {
		for i := values - 12; i < values; i++ {
			r.In[i], r.Out[i] = 3_000_000+float64(i%7)*20_000, 47_000
		}
	}
	return r
}
