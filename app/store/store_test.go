package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"gonetmon/app/usage"
)

// discard is a log that nobody reads.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens the store in dir, and closes it at the end of the test.
func open(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, _ := reopen(tb, dir)
	return s
}

// reopen does the same, and returns what the file has, sorted.
func reopen(tb testing.TB, dir string) (*Store, State) {
	tb.Helper()
	s, state, err := Open(dir, discard())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	sorted(state.Usage)
	return s, state
}

// load returns the entries of usage that bbolt finds in the file, sorted.
func load(tb testing.TB, s *Store) []usage.Entry {
	tb.Helper()
	return sorted(loadAll(tb, s).Usage)
}

func loadAll(tb testing.TB, s *Store) (state State) {
	tb.Helper()
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(key, value []byte) error {
				state.add(name, key, value)
				return nil
			})
		})
	})
	if err != nil {
		tb.Fatal(err)
	}
	return state
}

func sorted(entries []usage.Entry) []usage.Entry {
	slices.SortFunc(entries, func(a, b usage.Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID))
	})
	return entries
}

func save(tb testing.TB, s *Store, entries ...usage.Entry) {
	tb.Helper()
	if err := s.Save(Changes{Usage: entries}); err != nil {
		tb.Fatal(err)
	}
}

// entry returns an entry with numbers that n decides.
func entry(kind usage.Kind, start int64, id, n uint64) usage.Entry {
	return usage.Entry{Kind: kind, Start: start, ID: id, Bytes: usage.Bytes{InternetIn: n, InternetOut: n / 9, LANIn: n / 300}}
}

// history returns as much as is kept of devices after two years.
func history(devices int) (all []usage.Entry) {
	random := rand.New(rand.NewPCG(1, 2))
	for kind, slots := range map[usage.Kind]int{usage.Hour: 72, usage.Day: 62, usage.Period: 24} {
		for slot := range slots {
			for id := range devices {
				all = append(all, entry(kind, int64(slot+1)*3600, uint64(id+1), random.Uint64N(50e9)))
			}
		}
	}
	return all
}

// minute returns what changes in a minute: the current hour, day and period of each device.
func minute(devices int, n uint64) (all []usage.Entry) {
	for kind, slots := range map[usage.Kind]int{usage.Hour: 72, usage.Day: 62, usage.Period: 24} {
		for id := range devices {
			all = append(all, entry(kind, int64(slots)*3600, uint64(id+1), 1e9+n))
		}
	}
	return all
}

func TestStore_KeepsState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gonetmon")
	s := open(t, dir)
	if got := load(t, s); len(got) != 0 {
		t.Errorf("a new store has %v", got)
	}
	const most = 1<<64 - 1
	all := usage.Bytes{InternetIn: most, InternetOut: 1, LANIn: 128, LANOut: most}
	kept := []usage.Entry{
		{Kind: usage.Hour, Start: 1<<40 + 3600, ID: most, Bytes: all},
		{Kind: usage.Day, Start: 20261129, ID: 0, Bytes: usage.Bytes{LANOut: 5}},
		{Kind: usage.Period, Start: 20261101, ID: 7, Bytes: all},
		{Kind: usage.Held, ID: 7, Bytes: all},
	}
	gone := entry(usage.Hour, 3600, 7, 100)
	save(t, s, append(kept, gone)...)
	gone.Bytes = usage.Bytes{}
	save(t, s, gone)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, state := reopen(t, dir)
	for name, got := range map[string][]usage.Entry{"Open": state.Usage, "bbolt": load(t, s)} {
		if diff := gocmp.Diff(sorted(kept), got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
}

// What is known of two years of 250 devices stays small.
func TestStore_FileIsSmall(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	all := history(250)
	for chunk := range slices.Chunk(all, 250) { // as they come: an hour after the other
		save(t, s, chunk...)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries, %d bytes", len(all), info.Size())
	if info.Size() > 30e6 {
		t.Errorf("%d bytes, want at most 30 MB", info.Size())
	}
}

// A power cut leaves any of the sectors of 512 bytes written that a commit writes, and the first page only after all others. The
// file opens every time, and has the state before the commit or after it.
func TestStore_SurvivesCutAtEveryWrite(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, history(15)...)
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 5 {
		before, had := read(t, s.path), load(t, s)
		changes := minute(15+round, uint64(round+2)) // also a device more
		for range 200 * round {                      // and deletions
			e := had[random.IntN(len(had))]
			changes = append(changes, usage.Entry{Kind: e.Kind, Start: e.Start, ID: e.ID})
		}
		save(t, s, changes...)
		after, has := read(t, s.path), load(t, s)
		before = append(before, make([]byte, len(after)-len(before))...) // the file grows first
		var data, metas []int                                            // sectors that differ
		for at := 0; at < len(after); at += 512 {
			switch same := bytes.Equal(before[at:at+512], after[at:at+512]); {
			case same:
			case at < 2*pageSize:
				metas = append(metas, at)
			default:
				data = append(data, at)
			}
		}
		if len(data) == 0 || len(metas) != 1 {
			t.Fatalf("a commit changes %d sectors, and %d of metas", len(data), len(metas))
		}
		try := func(sectors []int, last int, want []usage.Entry) {
			t.Helper()
			cut := bytes.Clone(before)
			for _, at := range sectors {
				copy(cut[at:at+512], after[at:at+512])
			}
			copy(cut[metas[0]:metas[0]+last], after[metas[0]:metas[0]+last])
			s := open(t, folderWith(t, cut))
			if err := inconsistency(s); err != nil {
				t.Error(err)
			}
			if got := load(t, s); !slices.Equal(got, want) {
				t.Fatalf("%d of %d sectors: -want +got\n%s", len(sectors), len(data), gocmp.Diff(want, got))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for n := 0; n <= len(data); n += 1 + n/20 {
			try(data[:n], 0, had)
			random.Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })
			try(data[:n], 0, had) // the disk may choose another order
			slices.Sort(data)
		}
		try(data, 0, had)
		for torn := 0; torn < pageHeader+metaSize; torn += 8 { // disks write a sector whole; if not, the checksum shows it
			if !bytes.Equal(after[metas[0]+torn:metas[0]+pageHeader+metaSize], before[metas[0]+torn:metas[0]+pageHeader+metaSize]) {
				try(data, torn, had)
			}
		}
		try(data, 512, has)
	}
}

// A file whose pages cannot be read any more, as on a disk that fails, ends the saving, but not the process.
func TestStore_SurvivesUnreadablePages(t *testing.T) {
	log, lines := newLog()
	s, _, err := Open(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, history(40)...)
	if err := os.Truncate(s.path, 2*pageSize); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if err := s.Save(Changes{Usage: minute(40, n)}); !errors.As(err, &damage{}) {
			t.Errorf("Save: %v", err)
		}
	}
	if err := s.Backup(io.Discard); err == nil {
		t.Error("Backup: no error")
	}
	if got := s.Status(); !got.Kept || got.Error == "" || strings.Count(lines(), "\n") != 1 {
		t.Errorf("status %+v, log %s", got, lines())
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Without a store nothing is kept, and the status says so.
func TestStore_Status(t *testing.T) {
	var none *Store
	if got := none.Status(); got != (Status{}) {
		t.Errorf("no store: %+v", got)
	}
	dir := t.TempDir()
	s := open(t, dir)
	want := Status{Kept: true, Path: filepath.Join(dir, fileName)}
	if got := s.Status(); got != want {
		t.Errorf("new: %+v", got)
	}
	save(t, s, entry(usage.Day, 20261129, 1, 1))
	if got := s.Status(); got.Saved.IsZero() {
		t.Errorf("saved: %+v", got)
	}
}

func TestDecodeEntry_Refuses(t *testing.T) {
	e := entry(usage.Hour, 3600, 1, 1000)
	key, value := entryKey(e), entryValue(e)
	if got, err := decodeEntry(usage.Hour, key, value); err != nil || got != e {
		t.Errorf("%+v, %v", got, err)
	}
	for name, tt := range map[string][2][]byte{
		"short key": {key[:15], value}, "long key": {append(key[:16:16], 0), value}, "no value": {key, nil},
		"short value": {key, value[:len(value)-1]}, "long value": {key, append(value[:len(value):len(value)], 1)},
		"endless number": {key, bytes.Repeat([]byte{0xff}, 4*binary.MaxVarintLen64)},
	} {
		if _, err := decodeEntry(usage.Hour, tt[0], tt[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// newLog returns a log, and a func that returns its lines so far.
func newLog() (*slog.Logger, func() string) {
	var log bytes.Buffer
	return slog.New(slog.NewTextHandler(&log, nil)), log.String
}
