package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
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

// A written is a record that is in the file.
type written struct {
	whole, timeless device.Record
	at              time.Time
}

// devices are the records that are in the file, by ID.
type devices map[uint64]written

// changed returns the records to write, as JSON by ID; nil is a record to remove. all is what is in the file once they are
// written. Most records have not changed, and encoding takes ten times as long as comparing.
func (d devices) changed(now time.Time, c *Changes) (values map[uint64][]byte, all devices, err error) {
	values, all = map[uint64][]byte{}, make(devices, len(c.Devices))
	for _, rec := range c.Devices {
		was, is := d[rec.ID], written{rec, timeless(rec), now}
		if reflect.DeepEqual(is.timeless, was.timeless) &&
			(!c.Final && now.Sub(was.at) < timesEvery || reflect.DeepEqual(is.whole, was.whole)) {
			all[rec.ID] = was
			continue
		}
		all[rec.ID] = is
		if values[rec.ID], err = json.Marshal(rec); err != nil {
			return nil, nil, err
		}
	}
	for id := range d {
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
	b.FillPercent = 0.9 // as records keep their size, pages need little room for more
	for _, id := range slices.Sorted(maps.Keys(values)) {
		value := values[id]
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
