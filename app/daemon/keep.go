package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/misuse"
	"gonetmon/app/notice"
	"gonetmon/app/store"
	"gonetmon/app/traffic"
	"gonetmon/app/units"
	"gonetmon/app/usage"
)

const (
	bookEvery = 10 * time.Second // on whole multiples of the wall clock, so that hours and days end exactly
	saveEvery = time.Minute
)

// A keeper books what the devices move, and saves the devices and their usage in the store.
type keeper struct {
	registry *device.Registry
	book     *usage.Book
	store    *store.Store // nil: nothing is kept
	lastID   uint64       // of the devices with usage before the restart
	failed   string       // why there is no store although one is configured; "" otherwise

	mu     sync.Mutex // keeps bookings in order
	booked time.Time  // when the last one was
}

// openStore makes the keeper, opens the store if GONETMON_STATE_DIR is set, and returns the devices that it has.
func (d *Daemon) openStore() ([]device.Record, error) {
	d.keep = &keeper{book: usage.NewBook(usage.Config{BillingDay: d.cfg.BillingDay, Cap: d.cfg.DataCap})}
	if d.cfg.StateDir == "" {
		return nil, nil
	}
	s, state, err := store.Open(d.cfg.StateDir, d.log)
	switch {
	case errors.Is(err, syscall.ENOSPC): // nothing can be kept, but everything can be counted
		d.keep.failed = err.Error()
		d.log.Error("nothing is kept over a restart", "error", err)
		return nil, nil
	case errors.As(err, new(*fs.PathError)):
		return nil, misuse.Errorf("GONETMON_STATE_DIR=%s: %w; it must be a folder that gonetmon may write to,"+
			" for example GONETMON_STATE_DIR=/var/lib/gonetmon", d.cfg.StateDir, err)
	case err != nil:
		return nil, misuse.Errorf("GONETMON_STATE_DIR=%s: %w; or choose another folder,"+
			" for example GONETMON_STATE_DIR=/var/lib/gonetmon", d.cfg.StateDir, err)
	}
	d.keep.store = s
	for _, e := range state.Usage {
		d.keep.lastID = max(d.keep.lastID, e.ID)
	}
	d.log.Info("devices and usage are kept", "file", s.Status().Path, "devices", len(state.Devices))
	if err := d.keep.book.Load(state.Usage); err != nil {
		d.log.Error("some of the usage of earlier runs cannot be read, and is left out", "error", err)
	}
	return state.Devices, nil
}

// run books until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	for {
		now := time.Now()
		wait := now.Truncate(bookEvery).Add(bookEvery).Sub(now) // of the wall clock, and never longer than bookEvery
		select {
		case <-time.After(wait):
			k.add()
		case <-ctx.Done():
			return nil
		}
	}
}

// runSaving saves until ctx ends.
func (k *keeper) runSaving(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.save(false)
		case <-ctx.Done():
			return nil
		}
	}
}

// finish books and saves what is left. Nothing more may be counted.
func (k *keeper) finish() {
	k.registry.Update(time.Now())
	k.registry.FlushPending() // of devices that still wait for a name
	k.add()
	k.save(true)
}

// add books what was gained until now.
func (k *keeper) add() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.registry.Update(now)
	k.addAt(now)
}

// addAt books what was gained until the last Update, which was just before now.
func (k *keeper) addAt(now time.Time) {
	at := now
	if end := now.Truncate(bookEvery); k.booked.Before(end) && now.Sub(end) < time.Second {
		at = now.Add(end.Sub(now) - 1) // it was gained before end, which may be the end of an hour
	}
	gains := map[uint64]usage.Bytes{}
	k.registry.Gains(func(id uint64, gained *traffic.Totals) { gains[id] = usage.BytesOf(gained) })
	k.book.Add(at, gains)
	k.booked = now
}

// save writes what has changed since the last time that it succeeded. The store logs failures.
func (k *keeper) save(final bool) {
	changes := store.Changes{Usage: k.book.Changed(), Final: final}
	if k.store != nil {
		changes.Devices = k.registry.Records()
		if k.store.Save(changes) != nil {
			return
		}
	}
	k.book.Saved()
}

// usage returns the use of all devices until now.
func (k *keeper) usage() usage.Summary {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Sub(k.booked).Abs() > time.Second {
		k.addAt(now)
	}
	return k.book.Summary(now)
}

// notices says so if the clock of the machine keeps traffic from being booked.
func (k *keeper) notices() []notice.Notice {
	held := k.book.Held()
	if held == (usage.Bytes{}) {
		return nil
	}
	return []notice.Notice{{
		Text: "The clock of this machine was not set, or has jumped: " + units.Bytes(held.Internet(), " ") +
			" of internet traffic is not in the usage of today and of this billing period yet.",
		Hint: "It is added when the clock has been steady for a while. The clock shows " +
			time.Now().Format("2 January 2006, 15:04") + "; if that is wrong, set it, for example by NTP.",
	}}
}

// status returns the state of the store.
func (k *keeper) status() store.Status {
	s := k.store.Status()
	if k.store == nil {
		s.Error = k.failed
	}
	return s
}

// backup returns a func that writes a copy of the state file; nil if there is none.
func (k *keeper) backup() func(io.Writer) error {
	if k.store == nil {
		return nil
	}
	return k.store.Backup
}

// close closes the store.
func (k *keeper) close() error {
	if k == nil || k.store == nil {
		return nil
	}
	return k.store.Close()
}
