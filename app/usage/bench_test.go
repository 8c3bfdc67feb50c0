package usage

import (
	"fmt"
	"testing"
	"time"
)

// fullBook returns a Book of n devices that have moved bytes on every day of two months, and in every hour of three days, and the
// gains of ten seconds.
func fullBook(n uint64) (*Book, time.Time, map[uint64]Bytes) {
	b := NewBook(Config{Zone: time.UTC})
	gains := map[uint64]Bytes{}
	for id := range n {
		gains[id+1] = internet(1000 * (id + 1))
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for days := limits[Day]; days > 3; days-- {
		b.Add(now.AddDate(0, 0, -days), gains)
	}
	for hours := limits[Hour]; hours > 0; hours-- {
		b.Add(now.Add(-time.Duration(hours)*time.Hour), gains)
	}
	b.Changed()
	b.Saved()
	return b, now, gains
}

func benchmark(b *testing.B, f func(b *testing.B, book *Book, now time.Time, gains map[uint64]Bytes)) {
	for _, n := range []uint64{250, 4096} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			book, now, gains := fullBook(n)
			b.ReportAllocs()
			f(b, book, now, gains)
		})
	}
}

func BenchmarkBook_Add(b *testing.B) {
	benchmark(b, func(b *testing.B, book *Book, now time.Time, gains map[uint64]Bytes) {
		for b.Loop() {
			now = now.Add(10 * time.Second)
			book.Add(now, gains)
		}
	})
}

func BenchmarkBook_Summary(b *testing.B) {
	benchmark(b, func(b *testing.B, book *Book, now time.Time, _ map[uint64]Bytes) {
		for b.Loop() {
			book.Summary(now)
		}
	})
}

func BenchmarkBook_History(b *testing.B) {
	benchmark(b, func(b *testing.B, book *Book, _ time.Time, _ map[uint64]Bytes) {
		for b.Loop() {
			book.NetworkHistory()
		}
	})
}

// What changes in a minute.
func BenchmarkBook_Changed(b *testing.B) {
	benchmark(b, func(b *testing.B, book *Book, now time.Time, gains map[uint64]Bytes) {
		for b.Loop() {
			book.Add(now, gains)
			book.Changed()
			book.Saved()
		}
	})
}

func BenchmarkBook_Load(b *testing.B) {
	benchmark(b, func(b *testing.B, book *Book, _ time.Time, _ map[uint64]Bytes) {
		var entries []Entry
		for id, a := range book.accounts {
			for k, slots := range a.slots {
				for _, s := range slots {
					entries = append(entries, Entry{Kind(k), s.start, id, s.Bytes})
				}
			}
		}
		for b.Loop() {
			if err := NewBook(Config{Zone: time.UTC}).Load(entries); err != nil {
				b.Fatal(err)
			}
		}
	})
}
