package usage

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests need no zones of the system

	"github.com/google/go-cmp/cmp"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// internet returns bytes of which a third is upload.
func internet(n uint64) Bytes { return Bytes{InternetIn: n - n/3, InternetOut: n / 3} }

// A store has what a Book has changed and said to be stored.
type store map[entryKey]Bytes

// save stores the changes of b, and returns how many they are.
func (s store) save(b *Book) int {
	entries := b.Changed()
	for _, e := range entries {
		k := entryKey{e.Kind, e.Start, e.ID}
		if s[k] = e.Bytes; e.Bytes == (Bytes{}) {
			delete(s, k)
		}
	}
	b.Saved()
	return len(entries)
}

func (s store) entries() (entries []Entry) {
	for k, b := range s {
		entries = append(entries, Entry{k.kind, k.start, k.id, b})
	}
	return entries
}

func TestBook_BooksIntoOneSlotOfEachKind(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	b := NewBook(Config{Zone: z, BillingDay: 15, Cap: 1e12})
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, z) }
	b.Add(at(14, 23, 59), map[uint64]Bytes{1: internet(300), 2: {LANOut: 5}})
	b.Add(at(15, 0, 0), map[uint64]Bytes{1: internet(60)})
	b.Add(at(15, 0, 59), map[uint64]Bytes{1: internet(6), 0: {LANIn: 7}, 3: {}})

	want := History{
		Hours:   []Slot{{at(14, 23, 0), at(15, 0, 0), internet(300)}, {at(15, 0, 0), at(15, 1, 0), internet(66)}},
		Days:    []Slot{{at(14, 0, 0), at(15, 0, 0), internet(300)}, {at(15, 0, 0), at(16, 0, 0), internet(66)}},
		Periods: []Slot{{at(-16, 0, 0), at(15, 0, 0), internet(300)}, {at(15, 0, 0), at(45, 0, 0), internet(66)}},
	}
	if d := cmp.Diff(want, b.History(1)); d != "" {
		t.Errorf("device 1 (-want +got):\n%s", d)
	}
	if got := b.NetworkHistory().Periods[1].Bytes; got != (Bytes{InternetIn: 44, InternetOut: 22, LANIn: 7}) {
		t.Errorf("network: %v", got)
	}
	s := b.Summary(at(15, 1, 0))
	wantSummary := Summary{
		Time: at(15, 1, 0), Since: at(14, 23, 0), Day: Span{at(15, 0, 0), at(16, 0, 0)},
		Period: Span{at(15, 0, 0), at(45, 0, 0)}, Cap: 1e12,
		Network: Use{Today: Bytes{44, 22, 7, 0}, Period: Bytes{44, 22, 7, 0}},
		Devices: map[uint64]Use{0: {Today: Bytes{LANIn: 7}, Period: Bytes{LANIn: 7}}, 1: {Today: internet(66), Period: internet(66)}},
	}
	if d := cmp.Diff(wantSummary, s); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
}

// What changes between Changed and Saved is not lost, nor is what could not be stored.
func TestBook_ChangedUntilSaved(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	now := time.Date(2026, 11, 29, 1, 2, 0, 0, time.UTC)
	entries := func(n uint64) []Entry {
		return []Entry{
			{Hour, time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC).Unix(), 4, internet(n)},
			{Day, 20261129, 4, internet(n)},
			{Period, 20261101, 4, internet(n)},
		}
	}
	check := func(want []Entry) {
		t.Helper()
		if d := cmp.Diff(want, b.Changed()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	b.Add(now, map[uint64]Bytes{4: internet(30)})
	check(entries(30))
	check(entries(30)) // it could not be stored
	b.Add(now, map[uint64]Bytes{4: internet(3)})
	b.Saved()
	check(entries(33))
	b.Saved()
	check([]Entry{})

	again := NewBook(Config{Zone: time.UTC})
	if err := again.Load(entries(33)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.History(4), again.History(4)); d != "" {
		t.Errorf("loaded (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Entry{}, again.Changed()); d != "" {
		t.Errorf("loaded and changed (-want +got):\n%s", d)
	}
}

// What no Book can have stored is left out, and the rest is taken.
func TestBook_LoadLeavesOutWrongEntries(t *testing.T) {
	for _, e := range []Entry{
		{numKinds, 0, 1, internet(3)}, {Hour, -3600, 1, internet(3)}, {Hour, 1 << 40, 1, internet(3)}, {Held, 1, 1, internet(3)},
		{Day, 20260230, 1, internet(3)}, {Day, 0, 1, internet(3)}, {Period, 1769904000, 1, internet(3)},
	} {
		b := NewBook(Config{})
		if err := b.Load([]Entry{{Day, 20261129, 1, internet(3)}, e}); err == nil || len(b.History(1).Days) != 1 {
			t.Errorf("%v: %v", e, err)
		}
	}
}

// addDays books bytes at noon of each day from first to last, which is excluded.
func addDays(b *Book, first, last time.Time, n uint64) {
	for at := first.Add(12 * time.Hour); at.Before(last); at = at.AddDate(0, 0, 1) {
		b.Add(at, map[uint64]Bytes{1: internet(n)})
	}
}

// With another billing day, the days that are kept are in the periods that they would have been in; what is older stays.
func TestBook_ChangedBillingDay(t *testing.T) {
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	slot := func(from, to time.Time, days uint64) Slot { return Slot{from, to, internet(3 * days)} }
	type span struct{ from, to time.Time }
	for _, tt := range []struct {
		name     string
		from, to int // billing days
		booked   []span
		now      time.Time
		want     []Slot
	}{
		{"all days are kept", 1, 15, []span{{at(3, 10), at(3, 20)}}, at(3, 20), []Slot{
			slot(at(2, 15), at(3, 15), 5), slot(at(3, 15), at(4, 15), 5)}},
		{"later in the month", 1, 25, []span{{at(3, 10), at(3, 20)}}, at(3, 20), []Slot{slot(at(2, 25), at(3, 25), 10)}},
		{"old periods stay, and a short one follows", 1, 15, []span{{at(1, 1), at(5, 20)}}, at(5, 20), []Slot{
			slot(at(1, 1), at(2, 1), 31), slot(at(2, 1), at(3, 1), 28), slot(at(3, 1), at(4, 1), 31), slot(at(4, 1), at(4, 15), 14),
			slot(at(4, 15), at(5, 15), 30), slot(at(5, 15), at(6, 15), 5)}},
		{"the short one is not split by a day without traffic", 15, 1, []span{{at(1, 1), at(4, 14)}, {at(4, 15), at(5, 20)}}, at(5, 20),
			[]Slot{slot(at(0, 15), at(1, 15), 14), slot(at(1, 15), at(2, 15), 31), slot(at(2, 15), at(3, 15), 28),
				slot(at(3, 15), at(4, 15), 30), slot(at(4, 15), at(5, 1), 16), slot(at(5, 1), at(6, 1), 19)}},
		{"after a gap", 1, 25, []span{{at(1, 1), at(3, 1)}, {at(5, 1), at(5, 20)}}, at(5, 20), []Slot{
			slot(at(1, 1), at(2, 1), 31), slot(at(2, 1), at(2, 25), 24), slot(at(2, 25), at(3, 25), 4), slot(at(4, 25), at(5, 25), 19)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBook(Config{Zone: time.UTC, BillingDay: tt.from})
			for _, s := range tt.booked {
				addDays(b, s.from, s.to, 3)
			}
			stored := store{}
			stored.save(b)
			for restart := range 3 {
				b = NewBook(Config{Zone: time.UTC, BillingDay: tt.to})
				if err := b.Load(stored.entries()); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, b.NetworkHistory().Periods); d != "" {
					t.Errorf("restart %d (-want +got):\n%s", restart, d)
				}
				if d := cmp.Diff(b.NetworkHistory(), b.History(1)); d != "" {
					t.Errorf("restart %d, network and device (-network +device):\n%s", restart, d)
				}
				if got, want := b.Summary(tt.now).Network.Period, tt.want[len(tt.want)-1].Bytes; got != want {
					t.Errorf("current period: %v, want %v", got, want)
				}
				if changes := stored.save(b); changes > 0 && restart > 0 {
					t.Errorf("%d changes at restart %d", changes, restart)
				}
			}
		})
	}
}

// Bytes of a time in which the clock is not right are booked later, also over a restart.
func TestBook_HoldsOverRestart(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	stored := store{}
	b.Add(time.Unix(100, 0), map[uint64]Bytes{1: internet(30), 0: internet(3)})
	b.Add(time.Unix(110, 0), map[uint64]Bytes{1: internet(30)})
	stored.save(b)
	if h := b.NetworkHistory(); len(h.Hours)+len(h.Days)+len(h.Periods) > 0 {
		t.Errorf("booked in 1970: %v", h)
	}
	b = NewBook(Config{Zone: time.UTC})
	if err := b.Load(stored.entries()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	b.Add(now, map[uint64]Bytes{1: internet(3)})
	if got := b.Summary(now).Devices[1].Today; got != internet(63) {
		t.Errorf("today %v", got)
	}
	stored.save(b)
	for k := range stored {
		if k.kind == Held {
			t.Errorf("stored as booked and as held: %v", k)
		}
	}
}

// Ever new devices do not fill the memory. Their bytes stay, booked for no device. Devices that move much, or were seen today,
// stay, too.
func TestBook_BoundsDevices(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	stored := store{}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	b.Add(now, map[uint64]Bytes{1: internet(3e9), 2: internet(3e9)})
	now = now.AddDate(0, 0, 1)
	const n = 2 * maxAccounts
	for id := uint64(3); id < n; id += 1000 {
		gains := map[uint64]Bytes{2: internet(300)}
		for i := range uint64(1000) {
			gains[id+i] = internet(3)
		}
		b.Add(now, gains)
		stored.save(b)
	}
	if got := len(b.accounts); got > maxAccounts+1 || got < maxAccounts/2 {
		t.Errorf("%d accounts", got)
	}
	if len(b.History(1).Days) > 0 || len(b.History(2).Days) != 2 {
		t.Errorf("device of yesterday: %v; of today: %v", b.History(1), b.History(2))
	}
	var sum Bytes
	for k, bytes := range stored {
		if k.kind == Day {
			sum.Add(bytes)
		}
	}
	var network Bytes
	for _, day := range b.NetworkHistory().Days {
		network.Add(day.Bytes)
	}
	if sum != network || sum.Internet() < 6e9 {
		t.Errorf("stored %v, network %v", sum, network)
	}
	before := len(b.held)
	b.Add(time.Unix(1, 0), map[uint64]Bytes{})
	for id := uint64(1); id < n; id++ {
		b.hold(id, internet(3))
	}
	if got := len(b.held) - before; got > maxAccounts+1 {
		t.Errorf("%d held", got)
	}
}

// A period that an earlier change has cut short stays, when all days since its end are booked again.
func TestBook_ChangedBillingDayTwice(t *testing.T) {
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	stored := store{}
	open := func(billingDay int) *Book {
		b := NewBook(Config{Zone: time.UTC, BillingDay: billingDay})
		if err := b.Load(stored.entries()); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := open(1)
	addDays(b, at(1, 1), at(5, 20), 3)
	stored.save(b)
	b = open(15)
	addDays(b, at(5, 20), at(6, 16), 3)
	stored.save(b)
	b = open(31)
	want := []Slot{
		{at(4, 1), at(4, 15), internet(3 * 14)}, {at(4, 15), at(4, 30), internet(3 * 15)}, {at(4, 30), at(5, 31), internet(3 * 31)},
		{at(5, 31), at(6, 30), internet(3 * 16)},
	}
	if d := cmp.Diff(want, b.NetworkHistory().Periods[3:]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A device is dropped with the last period in which it had traffic.
func TestBook_DropsSilentDevices(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	b.Add(now, map[uint64]Bytes{2: internet(3)})
	for ; now.Before(time.Date(2028, 1, 31, 0, 0, 0, 0, time.UTC)); now = now.AddDate(0, 0, 1) {
		b.Add(now, map[uint64]Bytes{1: internet(3)})
		if _, ok := b.accounts[2]; ok != (now.Year() < 2028) {
			t.Fatalf("at %v, the device is kept: %v", now, ok)
		}
	}
}
