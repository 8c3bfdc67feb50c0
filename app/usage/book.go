package usage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Config says how a Book adds up.
type Config struct {
	Zone       *time.Location // of hours, days and billing periods; nil: time.Local
	BillingDay int            // of the month, on which a billing period begins: 1 to 31; 0: 1. In a shorter month: its last day
	Cap        uint64         // internet bytes in a billing period; 0: none
}

// limits are how many slots with traffic are kept of each kind: three days of hours, two months of days, two years of periods.
var limits = [numSlotKinds]int{Hour: 72, Day: 62, Period: 24}

// maxAccounts limits the devices that are kept. It is several times what a network has at a time: a machine in the LAN can forge
// ever new ones.
const maxAccounts = 1 << 14

// A Book keeps what every device has moved by hour, day and billing period. All its methods are safe for concurrent use.
type Book struct {
	cfg    Config
	limits [numSlotKinds]int

	mu       sync.Mutex
	born     time.Time // the first reading; the monotonic clock counts from here
	clock    clock
	accounts map[uint64]*account
	network  account          // the sum of the accounts
	held     map[uint64]Bytes // not booked yet, because the clock was not right
	recent   recent
	changed  map[entryKey]struct{} // since the last Changed
	saving   map[entryKey]struct{} // handed out by Changed, and not saved yet
}

type entryKey struct {
	kind  Kind
	start int64
	id    uint64
}

// NewBook returns an empty Book.
func NewBook(cfg Config) *Book {
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	cfg.BillingDay = max(cfg.BillingDay, 1)
	if cfg.BillingDay > 31 {
		panic(fmt.Sprintf("usage: billing day %d", cfg.BillingDay))
	}
	return &Book{
		cfg: cfg, limits: limits,
		accounts: map[uint64]*account{}, held: map[uint64]Bytes{},
		changed: map[entryKey]struct{}{},
	}
}

// Add books what each device has moved since the last Add, by ID. ID 0 is what belongs to no device. now is from time.Now:
// without its monotonic clock, a jump of the wall clock is not noticed.
func (b *Book) Add(now time.Time, gains map[uint64]Bytes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.born.IsZero() {
		b.born = now
	}
	b.add(reading{wall: now.Round(0), mono: now.Sub(b.born)}, gains)
}

func (b *Book) add(now reading, gains map[uint64]Bytes) {
	now.mono = max(now.mono, b.clock.last.mono)
	b.recent.add(now, gains)
	if !b.clock.isRight(now, b.newestHour()) {
		for id, gained := range gains {
			b.hold(id, gained)
		}
		return
	}
	starts := b.startsAt(now.wall)
	b.fold(starts)
	for id, gained := range b.held {
		b.book(id, starts, gained)
		b.changed[entryKey{Held, 0, id}] = struct{}{}
	}
	clear(b.held)
	for id, gained := range gains {
		b.book(id, starts, gained)
	}
	b.prune()
}

// newestHour returns the start of the last hour with a booking, zero if there is none.
func (b *Book) newestHour() time.Time {
	hours := b.network.slots[Hour]
	if len(hours) == 0 {
		return time.Time{}
	}
	return time.Unix(hours[len(hours)-1].start, 0)
}

// Held returns what is not booked yet, of all devices together, because the clock of the machine may be wrong.
func (b *Book) Held() (sum Bytes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, held := range b.held {
		sum.Add(held)
	}
	return sum
}

// hold keeps bytes until the clock is right.
func (b *Book) hold(id uint64, gained Bytes) {
	if gained == (Bytes{}) {
		return
	}
	if _, ok := b.held[id]; !ok && len(b.held) >= maxAccounts {
		id = 0
	}
	sum := b.held[id]
	sum.Add(gained)
	b.held[id] = sum
	b.changed[entryKey{Held, 0, id}] = struct{}{}
}

// book adds bytes to the slots that begin at starts.
func (b *Book) book(id uint64, starts [numSlotKinds]int64, gained Bytes) {
	if gained == (Bytes{}) {
		return
	}
	b.account(id).add(starts, gained)
	b.network.add(starts, gained)
	for k, start := range starts {
		b.changed[entryKey{Kind(k), start, id}] = struct{}{}
	}
}

// account returns the account of the device. It makes one if there is none.
func (b *Book) account(id uint64) *account {
	a := b.accounts[id]
	if a == nil {
		a = new(account)
		b.accounts[id] = a
	}
	return a
}

// startsAt returns the starts of the slots that now is in.
func (b *Book) startsAt(now time.Time) [numSlotKinds]int64 {
	now = now.In(b.cfg.Zone)
	hour, _ := hourOf(now)
	today := dateOf(now)
	return [numSlotKinds]int64{Hour: hour.Unix(), Day: int64(today), Period: int64(today.billingStart(b.cfg.BillingDay))}
}

// periodEnd returns the end of the billing period that began at start: the start of the next one that is kept, unless a whole
// period is missing between them.
func (b *Book) periodEnd(start date) date {
	periods := b.network.slots[Period]
	if i, _ := periods.find(int64(start) + 1); i < len(periods) && date(periods[i].start) <= start.add(31) {
		return date(periods[i].start)
	}
	return start.nextBillingStart(b.cfg.BillingDay)
}

// fold moves slots that begin later than starts into those that begin at starts: the clock was ahead when they were booked.
func (b *Book) fold(starts [numSlotKinds]int64) {
	for k, start := range starts {
		if n := len(b.network.slots[k]); n == 0 || b.network.slots[k][n-1].start <= start {
			continue
		}
		b.network.fold(Kind(k), start)
		for id, a := range b.accounts {
			for _, from := range a.fold(Kind(k), start) {
				b.changed[entryKey{Kind(k), from, id}] = struct{}{}
				b.changed[entryKey{Kind(k), start, id}] = struct{}{}
			}
		}
	}
}

// prune drops the slots that are beyond the limits, and empty accounts.
func (b *Book) prune() {
	for k, limit := range b.limits {
		surplus := len(b.network.slots[k]) - limit
		if surplus <= 0 {
			continue
		}
		oldest := b.network.slots[k][surplus].start
		b.network.prune(Kind(k), oldest)
		for id, a := range b.accounts {
			for _, start := range a.prune(Kind(k), oldest) {
				b.changed[entryKey{Kind(k), start, id}] = struct{}{}
			}
			if a.isEmpty() {
				delete(b.accounts, id)
			}
		}
	}
	if len(b.accounts) > maxAccounts {
		b.merge()
	}
}

// merge adds accounts, a quarter of maxAccounts, to account 0, which belongs to no device: those that have been silent for
// longest and, of these, those that have moved least.
func (b *Book) merge() {
	ids := slices.SortedFunc(maps.Keys(b.accounts), func(i, j uint64) int { return b.accounts[i].compare(b.accounts[j]) })
	ids = slices.DeleteFunc(ids, func(id uint64) bool { return id == 0 })
	none := b.account(0)
	for _, id := range ids[:maxAccounts/4] {
		for k, slots := range b.accounts[id].slots {
			for _, s := range slots {
				none.slots[k].add(s.start, s.Bytes)
				b.changed[entryKey{Kind(k), s.start, id}] = struct{}{}
				b.changed[entryKey{Kind(k), s.start, 0}] = struct{}{}
			}
		}
		delete(b.accounts, id)
	}
}

// Load gives the Book the entries that an earlier one returned. Call it once, before the first Add. It leaves out those that no
// Book can have returned, and returns an error that names the first of them.
func (b *Book) Load(entries []Entry) (err error) {
	entries = slices.Clone(entries)
	entries = slices.DeleteFunc(entries, func(e Entry) bool {
		bad := e.check()
		err = cmp.Or(err, bad)
		return bad != nil
	})
	slices.SortFunc(entries, compareEntries)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		switch {
		case e.Bytes == (Bytes{}):
		case e.Kind == Held:
			b.held[e.ID] = e.Bytes
		default:
			b.account(e.ID).slots[e.Kind].add(e.Start, e.Bytes)
			b.network.slots[e.Kind].add(e.Start, e.Bytes)
		}
	}
	b.rebill()
	b.prune()
	return err
}

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
}

// rebill divides the days into billing periods again, if the billing day was changed since they were booked. It begins with the
// first period of which all days are kept. Earlier periods stay, and the first new one begins after them.
func (b *Book) rebill() {
	days, periods := b.network.slots[Day], b.network.slots[Period]
	first, day := len(periods), len(days)
	for ; first > 0; first-- {
		sum, d := Bytes{}, day
		for ; d > 0 && days[d-1].start >= periods[first-1].start; d-- {
			sum.Add(days[d-1].Bytes)
		}
		if sum != periods[first-1].Bytes {
			break
		}
		day = d
	}
	if first == len(periods) {
		return
	}
	from, free := periods[first].start, int64(0) // the periods before begin before free
	if first > 0 {
		free = periods[first-1].start + 1
	}
	if day > 0 {
		free = max(free, days[day-1].start+1)
	}
	periodOf := func(day int64) int64 {
		if start := int64(date(day).billingStart(b.cfg.BillingDay)); start >= free {
			return start
		}
		return from
	}
	old := slices.Clone(periods[first:])
	b.network.rebill(from, periodOf)
	if slices.Equal(old, b.network.slots[Period][first:]) {
		return
	}
	for id, a := range b.accounts {
		for _, start := range a.rebill(from, periodOf) {
			b.changed[entryKey{Period, start, id}] = struct{}{}
		}
	}
}

// Changed returns all entries that have changed since the last Changed that was followed by Saved, sorted. Remove an entry with
// zero Bytes. The entries belong together: store all of them or none.
func (b *Book) Changed() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.changed, b.saving)
	b.saving, b.changed = b.changed, map[entryKey]struct{}{}
	entries := make([]Entry, 0, len(b.saving))
	for k := range b.saving {
		e := Entry{Kind: k.kind, Start: k.start, ID: k.id}
		if k.kind == Held {
			e.Bytes = b.held[k.id]
		} else if a := b.accounts[k.id]; a != nil {
			e.Bytes = a.slots[k.kind].at(k.start)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, compareEntries)
	return entries
}

// Saved says that the entries of the last Changed are stored. What has changed since then is still to be stored.
func (b *Book) Saved() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saving = nil
}
