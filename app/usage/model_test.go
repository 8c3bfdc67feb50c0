package usage

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A model does what a Book does, by the definition: it keeps every single gain in a list, and sums at the end.
type model struct {
	gains    []gain    // booked, in the order of their slots
	held     []gain    // not booked yet
	readings []reading // of this life of the program
	right    int       // index of the last right one; -1: none
	booked   time.Time // when the newest hour begins that has a booking
}

// A gain is what one device has moved, and where it is booked.
type gain struct {
	id uint64
	Bytes
	hour int64 // Unix time of the start of its hour
	day  int64 // as in Entry
}

// isRight reports whether the clock is right at the last reading, by the words of the package.
func (m *model) isRight() bool {
	n := len(m.readings) - 1
	now := m.readings[n]
	var expected bool
	if m.right >= 0 {
		since := m.readings[m.right]
		off := now.wall.Sub(since.wall.Add(now.mono - since.mono))
		expected = off >= -time.Hour && off <= time.Hour
	} else {
		expected = !now.wall.Add(time.Hour).Before(m.booked)
	}
	even := n // from this reading on the clock has not jumped
	for ; even > 0; even-- {
		a, b := m.readings[even-1], m.readings[even]
		if off := b.wall.Sub(a.wall) - b.mono + a.mono; off < -time.Hour || off > time.Hour {
			break
		}
		if now.mono-b.mono > 25*time.Hour {
			break
		}
	}
	doubt := 10 * time.Minute
	if now.wall.Add(24 * time.Hour).Before(m.booked) {
		doubt = 24 * time.Hour
	}
	ok := now.wall.Year() >= 2026 && (expected || now.mono-m.readings[even].mono >= doubt)
	if ok {
		m.right = n
	}
	return ok
}

func (m *model) add(now reading, zone *time.Location, gains map[uint64]Bytes) {
	m.readings = append(m.readings, now)
	m.booked = time.Time{}
	if n := len(m.gains); n > 0 {
		m.booked = time.Unix(m.gains[n-1].hour, 0)
	}
	for id, b := range gains {
		m.held = append(m.held, gain{id: id, Bytes: b})
	}
	if !m.isRight() {
		return
	}
	hour, day := hourByDefinition(now.wall.In(zone)), dateByDefinition(now.wall.In(zone))
	for i := len(m.gains) - 1; i >= 0; i-- {
		g := &m.gains[i]
		if g.hour <= hour && g.day <= day {
			break
		}
		g.hour, g.day = min(g.hour, hour), min(g.day, day)
	}
	for _, g := range m.held {
		g.hour, g.day = hour, day
		m.gains = append(m.gains, g)
	}
	m.held = nil
}

// restart ends a life of the program.
func (m *model) restart() {
	m.readings, m.right = nil, -1
}

// hourByDefinition goes back by quarters of an hour, for as long as date, hour and offset are the same.
func hourByDefinition(t time.Time) int64 {
	const hour = "20060102 15 Z07:00"
	start := t.Truncate(15 * time.Minute)
	for start.Add(-15*time.Minute).Format(hour) == t.Format(hour) {
		start = start.Add(-15 * time.Minute)
	}
	return start.Unix()
}

// dateByDefinition returns the date as the number that it is written as.
func dateByDefinition(t time.Time) int64 {
	n, err := strconv.ParseInt(t.Format("20060102"), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// periodByDefinition goes back by days, to the first that is the billing day, or the last of a month without it.
func periodByDefinition(day int64, billingDay int) int64 {
	d, err := time.Parse("20060102", fmt.Sprint(day))
	if err != nil {
		panic(err)
	}
	for ; ; d = d.AddDate(0, 0, -1) {
		if isLast := d.AddDate(0, 0, 1).Day() == 1; d.Day() == billingDay || isLast && d.Day() < billingDay {
			return dateByDefinition(d)
		}
	}
}

// A slotKey says which slot of which device it is; start is that of Entry.
type slotKey struct {
	id    int
	kind  Kind
	start int64
}

// sums returns the bytes of each device, and of the network as device -1, by slot.
func (m *model) sums(billingDay int) map[slotKey]Bytes {
	periods := map[int64]int64{}
	sums := map[slotKey]Bytes{}
	for _, g := range m.gains {
		if periods[g.day] == 0 {
			periods[g.day] = periodByDefinition(g.day, billingDay)
		}
		for _, id := range []int{int(g.id), -1} {
			for k, start := range []int64{g.hour, g.day, periods[g.day]} {
				b := sums[slotKey{id, Kind(k), start}]
				b.Add(g.Bytes)
				sums[slotKey{id, Kind(k), start}] = b
			}
		}
	}
	return sums
}

// sumsOf puts the same of a history into sums.
func sumsOf(id int, h History, sums map[slotKey]Bytes) {
	for _, s := range h.Hours {
		sums[slotKey{id, Hour, s.Start.Unix()}] = s.Bytes
	}
	for _, s := range h.Days {
		sums[slotKey{id, Day, dateByDefinition(s.Start)}] = s.Bytes
	}
	for _, s := range h.Periods {
		sums[slotKey{id, Period, dateByDefinition(s.Start)}] = s.Bytes
	}
}

// A life is a Book over two simulated years, in which the program and its clocks go through everything that can happen to them.
type life struct {
	*testing.T
	rng        *rand.Rand
	zone       *time.Location
	billingDay int
	limited    bool // to what a Book keeps; nothing happens to the clock then

	now    time.Time     // by a clock that is always right
	off    time.Duration // how far the wall clock is ahead
	mono   time.Duration
	book   *Book
	model  model
	stored store
	moved  bool // the billing day was changed
	fed    Bytes
}

var zones = []string{
	"Pacific/Pago_Pago", "America/St_Johns", "America/New_York", "America/Santiago", "Atlantic/Azores", "UTC", "Europe/Berlin",
	"Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati",
}

var billingDays = []int{1, 15, 29, 30, 31}

func TestBook_IsModel(t *testing.T) {
	for seed := range uint64(len(zones)) {
		l := &life{rng: rand.New(rand.NewPCG(seed, 1)), zone: zone(t, zones[seed%uint64(len(zones))])}
		l.billingDay = billingDays[seed%uint64(len(billingDays))]
		t.Run(fmt.Sprintf("%v, day %d, seed %d", l.zone, l.billingDay, seed), func(t *testing.T) {
			l.T = t
			l.run()
		})
	}
}

func TestBook_KeepsTheLastSlots(t *testing.T) {
	for seed := range uint64(len(zones)) {
		l := &life{rng: rand.New(rand.NewPCG(seed, 2)), zone: zone(t, zones[seed%uint64(len(zones))]), limited: true}
		l.billingDay = billingDays[seed%uint64(len(billingDays))]
		t.Run(fmt.Sprintf("%v, day %d, seed %d", l.zone, l.billingDay, seed), func(t *testing.T) {
			l.T = t
			l.run()
		})
	}
}

func (l *life) run() {
	l.now = time.Date(2026, time.Month(1+l.rng.IntN(12)), 1+l.rng.IntN(28), 0, 0, l.rng.IntN(86400), 0, time.UTC)
	l.stored = store{}
	l.model.restart()
	l.start()
	for end := l.now.AddDate(2, 0, 0); l.now.Before(end); {
		switch l.rng.IntN(2000) {
		case 0:
			l.stored.save(l.book)
			l.restart()
		case 1: // a kill, a while after the last save
			l.stored.save(l.book)
			saved, held, fed := slices.Clone(l.model.gains), slices.Clone(l.model.held), l.fed
			for range l.rng.IntN(5) {
				l.step()
			}
			l.model.gains, l.model.held, l.fed = saved, held, fed
			l.restart()
		case 2: // a save that fails
			l.book.Changed()
		case 3, 4, 5, 6, 7, 8:
			if !l.limited {
				l.upset()
			}
		case 9:
			if l.rng.IntN(4) == 0 {
				l.check()
			}
		default:
			if l.rng.IntN(60) == 0 {
				l.stored.save(l.book)
			}
			l.step()
		}
	}
	l.off = 0
	l.add(l.now)
	l.pass(24 * time.Hour)
	l.add(l.now)
	l.check()
	if len(l.model.held)+len(l.book.held) > 0 {
		l.Errorf("still held: %v, %v", l.model.held, l.book.held)
	}
}

// pass lets time pass.
func (l *life) pass(d time.Duration) {
	l.now, l.mono = l.now.Add(d), l.mono+d
}

// step lets time pass, mostly much, and adds.
func (l *life) step() {
	switch {
	case l.rng.IntN(4) > 0:
		l.pass(10*time.Minute + time.Duration(l.rng.Int64N(int64(4*time.Hour))))
	case l.rng.IntN(2) > 0:
		l.pass(time.Duration(l.rng.Int64N(int64(10 * time.Minute))))
	default: // to a full quarter of an hour: when hours, days, periods and offsets change
		l.pass(l.now.Truncate(15 * time.Minute).Add(15*time.Minute - time.Duration(l.rng.IntN(2))).Sub(l.now))
	}
	l.add(l.now)
}

func (l *life) add(now time.Time) {
	gains := map[uint64]Bytes{}
	for range l.rng.IntN(4) {
		gains[uint64(l.rng.IntN(6))] = Bytes{l.rng.Uint64N(1e9), l.rng.Uint64N(1e9), l.rng.Uint64N(1e9), l.rng.Uint64N(3)}
	}
	for _, b := range gains {
		l.fed.Add(b)
	}
	r := reading{wall: now.Add(l.off), mono: l.mono}
	l.book.add(r, gains)
	l.model.add(r, l.zone, gains)
}

// upset lets something happen to the clock.
func (l *life) upset() {
	far := func() time.Duration { return time.Duration(l.rng.Int64N(int64(3 * 365 * 24 * time.Hour))) }
	switch l.rng.IntN(6) {
	case 0: // small steps
		l.off = time.Duration(l.rng.Int64N(int64(50*time.Minute))) - 25*time.Minute
		return
	case 1: // suspend
		l.now = l.now.Add(time.Duration(l.rng.Int64N(int64(12 * time.Hour))))
		return
	case 2: // a machine without a clock
		l.stored.save(l.book)
		l.restart()
		l.off = time.Unix(0, 0).Sub(l.now)
	case 3: // the clock goes on where the machine was switched off, or is ahead, from the start
		l.stored.save(l.book)
		l.restart()
		l.off = time.Duration(l.rng.Int64N(int64(10*24*time.Hour))) - 8*24*time.Hour
	case 4:
		l.off = far()
	case 5:
		l.off = -far()
	}
	pace := 4 * time.Minute
	if l.rng.IntN(4) == 0 {
		pace = 4 * time.Hour
	}
	for range l.rng.IntN(20) {
		l.pass(time.Duration(l.rng.Int64N(int64(pace))))
		l.add(l.now)
		if l.rng.IntN(20) == 0 {
			l.stored.save(l.book)
			l.restart()
		}
	}
	l.off = 0
}

// restart starts another Book with what is stored, after a while, maybe elsewhere and with another billing day.
func (l *life) restart() {
	l.now = l.now.Add(time.Duration(l.rng.Int64N(int64(10 * time.Hour))))
	l.mono = 0
	switch l.rng.IntN(10) {
	case 0:
		l.billingDay = billingDays[l.rng.IntN(len(billingDays))]
		l.moved = true
	case 1:
		if !l.limited {
			l.zone = zone(l.T, zones[l.rng.IntN(len(zones))])
		}
	}
	l.model.restart()
	l.start()
}

func (l *life) start() {
	l.book = NewBook(Config{Zone: l.zone, BillingDay: l.billingDay})
	if !l.limited {
		l.book.limits = [numSlotKinds]int{1e6, 1e6, 1e6}
	}
	if err := l.book.Load(l.stored.entries()); err != nil {
		l.Fatal(err)
	}
}

// check compares the book with the model.
func (l *life) check() {
	l.Helper()
	got := map[slotKey]Bytes{}
	network := l.book.NetworkHistory()
	sumsOf(-1, network, got)
	for id := range 6 {
		sumsOf(id, l.book.History(uint64(id)), got)
	}
	l.stored.save(l.book)
	stored := map[slotKey]Bytes{}
	for k, b := range l.stored {
		if k.kind != Held {
			stored[slotKey{int(k.id), k.kind, k.start}] = b
		}
	}
	for k, b := range got {
		if k.id >= 0 && stored[k] != b {
			l.Fatalf("stored %v, want %v: %v", stored[k], b, k)
		}
		delete(stored, k)
	}
	if len(stored) > 0 {
		l.Fatalf("stored, but not kept: %v", stored)
	}
	want := l.model.sums(l.billingDay)
	if l.limited {
		l.checkPeriods(network, want)
		keepLast(want)
		if l.moved { // periods before that are those of another billing day
			isPeriod := func(k slotKey, _ Bytes) bool { return k.kind == Period }
			maps.DeleteFunc(want, isPeriod)
			maps.DeleteFunc(got, isPeriod)
		}
	} else {
		l.checkSum("hours", network.Hours)
		l.checkSum("days", network.Days)
		l.checkSum("periods", network.Periods)
	}
	if !maps.Equal(want, got) {
		l.Fatalf("at %v (-want +got):\n%s", l.now.In(l.zone), cmp.Diff(want, got))
	}
}

// checkSum checks that all that was moved is booked, or held.
func (l *life) checkSum(what string, slots []Slot) {
	l.Helper()
	var sum Bytes
	for _, s := range slots {
		sum.Add(s.Bytes)
	}
	for _, b := range l.book.held {
		sum.Add(b)
	}
	if sum != l.fed {
		l.Fatalf("%s: %v, want %v", what, sum, l.fed)
	}
}

// checkPeriods checks that the current period is that of the billing day, and that no byte is lost where the billing day has
// changed.
func (l *life) checkPeriods(network History, want map[slotKey]Bytes) {
	l.Helper()
	s := l.book.Summary(l.now)
	start := periodByDefinition(dateByDefinition(s.Day.Start), l.billingDay)
	wantBytes := want[slotKey{-1, Period, start}]
	if got := dateByDefinition(s.Period.Start); got != start || s.Network.Period != wantBytes {
		l.Fatalf("period since %d: %v, want %v since %d", got, s.Network.Period, wantBytes, start)
	}
	for i, p := range network.Periods {
		if i > 0 && !p.Start.Equal(network.Periods[i-1].End) {
			l.Fatalf("a period ends at %v, and the next one begins at %v", network.Periods[i-1].End, p.Start)
		}
	}
	if len(network.Periods) < limits[Period] {
		l.checkSum("periods", network.Periods)
	}
}

// keepLast leaves what is in the last slots of the network that a Book keeps.
func keepLast(sums map[slotKey]Bytes) {
	for k, limit := range limits {
		var starts []int64
		for s := range sums {
			if s.kind == Kind(k) && s.id < 0 {
				starts = append(starts, s.start)
			}
		}
		slices.Sort(starts)
		oldest := starts[max(len(starts)-limit, 0)]
		maps.DeleteFunc(sums, func(s slotKey, _ Bytes) bool { return s.kind == Kind(k) && s.start < oldest })
	}
}
