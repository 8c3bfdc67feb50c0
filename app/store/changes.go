package store

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"gonetmon/app/device"
	"gonetmon/app/usage"
)

// timesEvery is how often a device is written again if nothing but times has changed.
const timesEvery = 10 * time.Minute

// Changes are what to write.
type Changes struct {
	Devices []device.Record // all of them
	Usage   []usage.Entry   // those that changed; one with zero Bytes is removed
	Final   bool            // write the times of all devices; otherwise those of each device are written every ten minutes
}

// A written has hashes of the JSON of a record that is in the file.
type written struct {
	whole    uint64
	timeless uint64 // without times
	at       time.Time
}

// devices finds the records that have changed since they were written.
type devices struct {
	seed    maphash.Seed
	written map[uint64]written // by ID
}

// changed returns the records to write, as JSON by ID; nil is a record to remove. all is what is in the file once they are
// written.
func (d *devices) changed(now time.Time, c *Changes) (values map[uint64][]byte, all map[uint64]written, err error) {
	values, all = map[uint64][]byte{}, make(map[uint64]written, len(c.Devices))
	for _, rec := range c.Devices {
		value, err := json.Marshal(rec)
		if err != nil {
			return nil, nil, err
		}
		bare, err := json.Marshal(timeless(rec))
		if err != nil {
			return nil, nil, err
		}
		was, ok := d.written[rec.ID]
		is := written{maphash.Bytes(d.seed, value), maphash.Bytes(d.seed, bare), now}
		if ok && (is.whole == was.whole || is.timeless == was.timeless && !c.Final && now.Sub(was.at) < timesEvery) {
			is = was
		} else {
			values[rec.ID] = value
		}
		all[rec.ID] = is
	}
	for id := range d.written {
		if _, ok := all[id]; !ok {
			values[id] = nil
		}
	}
	return values, all, nil
}

// timeless returns a record without what changes with every packet: times, and the order of its addresses.
func timeless(rec device.Record) device.Record {
	rec.Last = time.Time{}
	rec.Stations, rec.Hosts = slices.Clone(rec.Stations), slices.Clone(rec.Hosts)
	for i := range rec.Stations {
		rec.Stations[i].Since, rec.Stations[i].Until = time.Time{}, time.Time{}
	}
	for i := range rec.Hosts {
		h := &rec.Hosts[i]
		h.Since, h.Until, h.Sent, h.Last = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	}
	slices.SortFunc(rec.Hosts, func(a, b device.Host) int { return netip.Addr.Compare(a.Addr, b.Addr) })
	return rec
}

// writeDevices writes records, and removes those without a value.
func writeDevices(tx *bolt.Tx, values map[uint64][]byte) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucketDevices))
	if err != nil {
		return err
	}
	for id, value := range values {
		if value == nil {
			err = b.Delete(deviceKey(id))
		} else {
			err = b.Put(deviceKey(id), value)
		}
		if err != nil {
			return fmt.Errorf("device %d: %w", id, err)
		}
	}
	return nil
}

// writeUsage writes entries, and removes those without bytes.
func writeUsage(tx *bolt.Tx, entries []usage.Entry) error {
	for kind, name := range usageBuckets {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		b.FillPercent = 0.9 // entries come in order, so that pages need little room for more
		for _, e := range entries {
			if e.Kind != kind {
				continue
			}
			if e.Bytes == (usage.Bytes{}) {
				err = b.Delete(entryKey(e))
			} else {
				err = b.Put(entryKey(e), entryValue(e))
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}
