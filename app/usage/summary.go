package usage

import "time"

// projectionDays is how many complete days the projection uses at most.
const projectionDays = 7

// Summary returns the use of all devices at now.
func (b *Book) Summary(now time.Time) Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = now.In(b.cfg.Zone)
	starts := b.startsAt(now)
	today, period := date(starts[Day]), date(starts[Period])
	s := Summary{
		Time:    now,
		Since:   b.since(),
		Day:     b.span(today, today.add(1)),
		Period:  b.span(period, today.nextBillingStart(b.cfg.BillingDay)),
		Network: b.network.use(starts),
		Devices: make(map[uint64]Use, len(b.accounts)),
		Cap:     b.cfg.Cap,
	}
	for id, a := range b.accounts {
		u := a.use(starts)
		if id != 0 {
			u.Standby = a.standbyBefore(starts[Hour])
		}
		if u != (Use{}) {
			s.Devices[id] = u
			s.Network.Standby += u.Standby
		}
	}
	if mean := b.meanDay(today); mean > 0 {
		daysLeft := float64(s.Period.End.Sub(now)) / float64(24*time.Hour)
		s.Projected = s.Network.Period.Internet() + uint64(daysLeft*mean)
	}
	return s
}

// use returns what the account moved in the slots that begin at starts, without Standby.
func (a *account) use(starts [numSlotKinds]int64) Use {
	return Use{
		Today:  a.slots[Day].at(starts[Day]),
		Period: a.slots[Period].at(starts[Period]),
	}
}

func (b *Book) span(start, end date) Span {
	return Span{start.start(b.cfg.Zone), end.start(b.cfg.Zone)}
}

// meanDay returns the mean of the internet bytes of the last complete days before today, or 0 if there is none. A day is complete
// if there was traffic on the day before and on the day after, too.
func (b *Book) meanDay(today date) float64 {
	days := b.network.slots[Day]
	sum, n := 0.0, 0.0
	for i := len(days) - 2; i > 0 && n < projectionDays; i-- {
		day := date(days[i].start)
		if day < today && day.add(-1) == date(days[i-1].start) && day.add(1) == date(days[i+1].start) {
			sum += float64(days[i].Internet())
			n++
		}
	}
	return sum / max(n, 1)
}

// since returns the start of the oldest slot, of the finest kind of which no slot was dropped.
func (b *Book) since() time.Time {
	hours, days, periods := b.network.slots[Hour], b.network.slots[Day], b.network.slots[Period]
	switch {
	case len(hours) == 0:
		return time.Time{}
	case len(hours) < b.limits[Hour]:
		return time.Unix(hours[0].start, 0).In(b.cfg.Zone)
	case len(days) < b.limits[Day]:
		return date(days[0].start).start(b.cfg.Zone)
	}
	return date(periods[0].start).start(b.cfg.Zone)
}

// History returns what a device moved. ID 0 is what belongs to no device.
func (b *Book) History(id uint64) History {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.accounts[id]; a != nil {
		return b.history(a)
	}
	return History{}
}

// NetworkHistory returns what all devices moved together, with what belongs to no device.
func (b *Book) NetworkHistory() History {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.history(&b.network)
}

func (b *Book) history(a *account) History {
	var h History
	for _, s := range a.slots[Hour] {
		start := time.Unix(s.start, 0).In(b.cfg.Zone)
		_, end := hourOf(start)
		h.Hours = append(h.Hours, Slot{start, end, s.Bytes})
	}
	for _, s := range a.slots[Day] {
		span := b.span(date(s.start), date(s.start).add(1))
		h.Days = append(h.Days, Slot{span.Start, span.End, s.Bytes})
	}
	for _, s := range a.slots[Period] {
		span := b.span(date(s.start), b.periodEnd(date(s.start)))
		h.Periods = append(h.Periods, Slot{span.Start, span.End, s.Bytes})
	}
	return h
}

// Recent returns the rates of a device. ID 0 is what belongs to no device.
func (b *Book) Recent(id uint64) Recent {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recent.of(b.recent.devices[id], b.cfg.Zone)
}

// NetworkRecent returns the rates of all devices together, with what belongs to no device.
func (b *Book) NetworkRecent() Recent {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recent.of(&b.recent.network, b.cfg.Zone)
}
