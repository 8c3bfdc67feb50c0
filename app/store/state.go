package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"gonetmon/app/device"
	"gonetmon/app/usage"
)

// format is the version of what is in the buckets. A file with another one is not opened.
const format = "1"

// The buckets of the file. The entries of the current hour, day and period are side by side, so that a write touches few pages.
//
//	meta     "format" -> its version
//	devices  device (8 bytes) -> device.Record as JSON
//	hours    start (8 bytes), device (8 bytes) -> InternetIn, InternetOut, LANIn, LANOut (uvarint each)
//	days, periods, held   the same
//
// Numbers in keys are big endian. Starts and devices are those of usage.Entry.
const (
	bucketMeta    = "meta"
	keyFormat     = "format"
	bucketDevices = "devices"
)

// usageBuckets have the entries of usage, by kind.
var usageBuckets = map[usage.Kind]string{
	usage.Hour: "hours", usage.Day: "days", usage.Period: "periods", usage.Held: "held",
}

// A State is what is kept.
type State struct {
	Devices []device.Record
	Usage   []usage.Entry

	format string
	bad    error // entries that cannot be read, and are left out
}

// add adds an entry of the file. It ignores buckets that it does not know.
func (s *State) add(bucket, key, value []byte) {
	var err error
	switch name := string(bucket); name {
	case bucketMeta:
		if string(key) == keyFormat {
			s.format = string(value)
		}
	case bucketDevices:
		var rec device.Record
		if rec, err = decodeDevice(key, value); err == nil {
			s.Devices = append(s.Devices, rec)
		}
	default:
		for kind, of := range usageBuckets {
			if of != name {
				continue
			}
			var e usage.Entry
			if e, err = decodeEntry(kind, key, value); err == nil {
				s.Usage = append(s.Usage, e)
			}
		}
	}
	if err != nil {
		s.bad = errors.Join(s.bad, fmt.Errorf("%s %x: %w", bucket, key, err))
	}
}

func deviceKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func decodeDevice(key, value []byte) (rec device.Record, err error) {
	if err := json.Unmarshal(value, &rec); err != nil {
		return rec, err
	}
	if !bytes.Equal(key, deviceKey(rec.ID)) {
		return rec, fmt.Errorf("it is of device %d", rec.ID)
	}
	return rec, nil
}

func entryKey(e usage.Entry) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(e.Start))
	return binary.BigEndian.AppendUint64(key, e.ID)
}

func entryValue(e usage.Entry) []byte {
	value := make([]byte, 0, 4*binary.MaxVarintLen64)
	for _, n := range []uint64{e.InternetIn, e.InternetOut, e.LANIn, e.LANOut} {
		value = binary.AppendUvarint(value, n)
	}
	return value
}

func decodeEntry(kind usage.Kind, key, value []byte) (usage.Entry, error) {
	e := usage.Entry{Kind: kind}
	if len(key) != 16 {
		return e, errors.New("wrong length of the key")
	}
	e.Start, e.ID = int64(binary.BigEndian.Uint64(key)), binary.BigEndian.Uint64(key[8:])
	for _, field := range []*uint64{&e.InternetIn, &e.InternetOut, &e.LANIn, &e.LANOut} {
		n, size := binary.Uvarint(value)
		if size <= 0 {
			return e, errors.New("not four numbers")
		}
		*field, value = n, value[size:]
	}
	if len(value) > 0 {
		return e, errors.New("more than four numbers")
	}
	return e, nil
}

// checkFormat returns an error for a file in a newer format, and for one that is not a state file.
func (s *State) checkFormat() error {
	switch version, err := strconv.Atoi(s.format); {
	case s.format == format:
		return nil
	case err == nil && version > 0:
		return fmt.Errorf("it has format %d, and this gonetmon knows format %s only; use a newer gonetmon, or move the file away to"+
			" begin a new one", version, format)
	default:
		return damage{errors.New("not a state file of gonetmon")}
	}
}
