package store

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// BenchmarkStore_Save writes what changes in a minute in which every device has traffic, after two years. Its time is mostly that
// of two fdatasync.
func BenchmarkStore_Save(b *testing.B) {
	for _, devices := range []int{40, 250} {
		b.Run(fmt.Sprint(devices, " devices"), func(b *testing.B) {
			s := open(b, b.TempDir())
			c := Changes{Usage: history(devices)}
			for id := range devices {
				c.Devices = append(c.Devices, record(uint64(id+1)))
			}
			if err := s.Save(c); err != nil {
				b.Fatal(err)
			}
			before := s.db.Stats().TxStats
			n := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				for i := range c.Devices {
					c.Devices[i].Last = c.Devices[i].Last.Add(time.Minute)
				}
				c.Usage, c.Final = minute(devices, n), n%10 == 0 // as often as times are written
				if err := s.Save(c); err != nil {
					b.Fatal(err)
				}
			}
			after := s.db.Stats().TxStats
			b.ReportMetric(float64(after.GetPageAlloc()-before.GetPageAlloc())/float64(n)+float64(s.db.Info().PageSize), "written-B/op")
		})
	}
}

// BenchmarkOpen checks and reads what is kept after two years.
func BenchmarkOpen(b *testing.B) {
	for _, devices := range []int{40, 250} {
		b.Run(fmt.Sprint(devices, " devices"), func(b *testing.B) {
			b.ReportAllocs()
			dir := b.TempDir()
			s := open(b, dir)
			save(b, s, history(devices)...)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s := open(b, dir)
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStore_Backup(b *testing.B) {
	s := open(b, b.TempDir())
	save(b, s, history(250)...)
	for b.Loop() {
		if err := s.Backup(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
