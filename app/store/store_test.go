package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"gonetmon/app/device"
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

func TestOpen_Refuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		dir  string
		want error
	}{
		"no parent":    {filepath.Join(t.TempDir(), "a", "b"), fs.ErrNotExist},
		"a file":       {file, errors.New("not a directory")},
		"below a file": {filepath.Join(file, "a"), errors.New("not a directory")},
		"/proc/self":   {"/proc/self", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Open(tt.dir, discard()); err == nil || !errors.Is(err, tt.want) &&
				!strings.Contains(err.Error(), tt.want.Error()) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// A file that another process has is refused after a while.
func TestOpen_RefusesFileInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	for name, call := range map[string]func() error{
		"Open": func() error { _, _, err := Open(dir, discard()); return err },
		"Restore": func() error {
			_, err := Restore(dir, bytes.NewReader(newFile(t)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(); !errors.Is(err, ErrInUse) {
				t.Errorf("%v, want %v", err, ErrInUse)
			}
		})
	}
}

// newFile returns the bytes of a store with some history.
func newFile(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	s := open(tb, dir)
	save(tb, s, history(12)...)
	if err := s.Save(Changes{Devices: []device.Record{record(1), record(2)}, Usage: minute(12, 1)}); err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return read(tb, filepath.Join(dir, fileName))
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// folderWith returns a new folder with data as the file.
func folderWith(tb testing.TB, data []byte) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// A damaged file is set aside, whatever the damage, and the store begins a new one.
func TestOpen_SetsDamagedFileAside(t *testing.T) {
	whole := newFile(t)
	damaged := func(change func(data []byte)) []byte {
		data := bytes.Clone(whole)
		change(data)
		return data
	}
	for name, data := range map[string][]byte{
		"no file of bbolt":    []byte(strings.Repeat("gonetmon", 10000)),
		"truncated":           whole[:len(whole)/3],
		"shorter than a page": whole[:100],
		"empty":               {},
		"both metas": damaged(func(data []byte) {
			data[40]++
			data[pageSize+40]++
		}),
		"zeros from page 2": damaged(func(data []byte) { clear(data[2*pageSize:]) }),
		"ones from page 2": damaged(func(data []byte) {
			for i := range data[2*pageSize:] {
				data[2*pageSize+i] = 0xff
			}
		}),
		"format of somebody else": damaged(func(data []byte) {
			i := bytes.LastIndex(data, []byte("format1"))
			copy(data[i:], "colour1")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderWith(t, data)
			log, lines := newLog()
			s, state, err := Open(dir, log)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			save(t, s, entry(usage.Day, 20261129, 1, 1))
			if got := load(t, s); len(got) != 1 || len(state.Usage) > 0 {
				t.Errorf("it has %v, and had %v", got, state.Usage)
			}
			aside, err := filepath.Glob(filepath.Join(dir, fileName+".damaged-20*"))
			if err != nil || len(aside) != 1 || !bytes.Equal(read(t, aside[0]), data) {
				t.Errorf("set aside: %q, %v", aside, err)
			}
			if len(aside) == 1 && !strings.Contains(lines(), aside[0]) {
				t.Errorf("the log does not name it: %q", lines())
			}
		})
	}
}

// A file in a newer format, of ours or of bbolt, stays as it is.
func TestOpen_RefusesNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.db.Update(func(tx *bolt.Tx) error {
		deeper, err := tx.CreateBucket([]byte("a later one"))
		if err == nil {
			_, err = deeper.CreateBucket([]byte("deeper"))
		}
		return errors.Join(err, tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), []byte("2")))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	newer := newFile(t)
	for _, at := range []int{0, pageSize} {
		m := newer[at+pageHeader:]
		order.PutUint32(m[4:], boltVersion+1)
		order.PutUint64(m[metaSize-8:], checksum(m))
	}
	for name, data := range map[string][]byte{"format 2": read(t, filepath.Join(dir, fileName)), "another format of bbolt": newer} {
		t.Run(name, func(t *testing.T) {
			dir := folderWith(t, data)
			_, _, err := Open(dir, discard())
			if err == nil {
				t.Fatal("opened")
			}
			for _, part := range []string{filepath.Join(dir, fileName), name, "newer gonetmon"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not contain %q", err, part)
				}
			}
			if names, err := filepath.Glob(dir + "/*"); err != nil || len(names) != 1 || !bytes.Equal(data, read(t, names[0])) {
				t.Errorf("changed: %q, %v", names, err)
			}
			if _, err := Restore(t.TempDir(), bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Restore: %v", err)
			}
		})
	}
}

// FuzzOpen damages a file. What the check lets through, bbolt reads and writes without a fault.
func FuzzOpen(f *testing.F) {
	whole := newFile(f)
	const page = pageSize
	for i := range uint32(len(whole)) / page {
		f.Add(i*page+8, []byte{1})
		f.Add(i*page+16, []byte{0xff, 0xff})
		f.Add(i*page+24, []byte{3, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		data := bytes.Clone(whole)
		for i, c := range change {
			data[(at+uint32(i))%uint32(len(data))] ^= c
		}
		dir := folderWith(t, data)
		file, err := os.Open(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		_, err = check(file)
		if closed := file.Close(); closed != nil {
			t.Fatal(closed)
		}
		if err != nil {
			return
		}
		s, state := reopen(t, dir)
		if err := inconsistency(s); err != nil {
			t.Errorf("bbolt finds %v", err)
		}
		before := load(t, s)
		if diff := gocmp.Diff(state.Usage, before); diff != "" {
			t.Errorf("-Open +bbolt\n%s", diff)
		}
		save(t, s, minute(10, 1)...)
		if after := load(t, s); len(after) < len(before) {
			t.Errorf("%d entries, before %d", len(after), len(before))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// inconsistency returns what bbolt's own check says of the file, besides pages that are lost and the headers of the first two,
// which nothing reads.
func inconsistency(s *Store) (all error) {
	harmless := regexp.MustCompile(`unreachable unfreed|page [01]: has unexpected type|Page expected to be: [01],`)
	err := s.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			if !harmless.MatchString(err.Error()) {
				all = errors.Join(all, err)
			}
		}
		return nil
	})
	return errors.Join(all, err)
}

// checksum returns the checksum of a meta.
func checksum(m []byte) uint64 {
	sum := uint64(14695981039346656037) // FNV-1a
	for _, b := range m[:metaSize-8] {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum
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

func TestStore_BackupIsConsistent(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, history(40)...)
	save(t, s, minute(40, 1)...)
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for n := uint64(2); ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := s.Save(Changes{Usage: minute(40, n)}); err != nil {
				done <- err
				return
			}
		}
	}()
	for range 20 {
		var backup bytes.Buffer
		if err := s.Backup(&backup); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if kept, err := Restore(dir, &backup); err != nil || kept != "" {
			t.Fatalf("Restore: %q, %v", kept, err)
		}
		copied := open(t, dir)
		seen := map[uint64]bool{}
		for _, e := range load(t, copied) {
			if e.Start == map[usage.Kind]int64{usage.Hour: 72, usage.Day: 62, usage.Period: 24}[e.Kind]*3600 {
				seen[e.InternetIn] = true
			}
		}
		if len(seen) != 1 {
			t.Errorf("the copy has parts of %d states", len(seen))
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A reader that does not read holds up neither Save nor the status, and other backups are refused.
func TestStore_BackupToSlowReader(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, history(10)...)
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.Backup(w) }()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(io.Discard); !errors.Is(err, errBusy) {
		t.Errorf("a second backup: %v", err)
	}
	pages := func() (n int64) {
		info, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	was := pages()
	for n := range uint64(100) {
		save(t, s, minute(10, n)...)
	}
	if now := pages(); now > 2*was {
		t.Errorf("the file grew from %d to %d bytes: the reader holds old pages", was, now)
	}
	_ = r.Close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the first backup: %v", err)
	}
	if err := s.Backup(io.Discard); err != nil {
		t.Errorf("a third backup: %v", err)
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

// Restore keeps the file that was there, and refuses what is none of its backups.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, entry(usage.Day, 20261129, 1, 4711))
	want := load(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old, backup := read(t, s.path), newFile(t)
	for name, data := range map[string][]byte{
		"empty": nil, "half": backup[:len(backup)/2], "no backup": []byte("hello"),
		"a page of an error": []byte(strings.Repeat("<p>", 9000)),
	} {
		if _, err := Restore(dir, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", name, err)
		}
		if names, err := filepath.Glob(dir + "/*"); err != nil || len(names) != 1 || !bytes.Equal(read(t, names[0]), old) {
			t.Errorf("%s: changed %q, %v", name, names, err)
		}
	}
	kept, err := Restore(dir, bytes.NewReader(backup))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kept, s.path+".replaced-20") || !bytes.Equal(read(t, kept), old) {
		t.Errorf("it keeps %q", kept)
	}
	if !bytes.Equal(read(t, s.path), backup) {
		t.Error("the backup is not in place")
	}
	if _, err := Restore(dir, bytes.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, load(t, open(t, dir))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
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
