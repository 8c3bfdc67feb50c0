package api

import (
	"math"
	"slices"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
	"gonetmon/app/usage"
)

// Bytes are IP bytes by direction, as the device sees it (in: download, out: upload). LAN includes multicast.
type Bytes struct {
	InternetIn  uint64 `json:"internet_in_bytes"`
	InternetOut uint64 `json:"internet_out_bytes"`
	LANIn       uint64 `json:"lan_in_bytes"`
	LANOut      uint64 `json:"lan_out_bytes"`
}

func (b *Bytes) add(o Bytes) {
	b.InternetIn += o.InternetIn
	b.InternetOut += o.InternetOut
	b.LANIn += o.LANIn
	b.LANOut += o.LANOut
}

// Internet returns the bytes exchanged with the internet.
func (b Bytes) Internet() uint64 { return b.InternetIn + b.InternetOut }

// Packets are IP packets by direction, as Bytes.
type Packets struct {
	InternetIn  uint64 `json:"internet_in_packets"`
	InternetOut uint64 `json:"internet_out_packets"`
	LANIn       uint64 `json:"lan_in_packets"`
	LANOut      uint64 `json:"lan_out_packets"`
}

func packetsOf(t *traffic.Totals) Packets {
	return Packets{
		InternetIn:  t.In[traffic.ScopeInternet].Packets,
		InternetOut: t.Out[traffic.ScopeInternet].Packets,
		LANIn:       t.In[traffic.ScopeLAN].Packets,
		LANOut:      t.Out[traffic.ScopeLAN].Packets + t.Out[traffic.ScopeMulticast].Packets,
	}
}

// Rates are the current rates, averaged over some seconds, in whole bytes per second.
type Rates struct {
	InternetIn  uint64 `json:"internet_in_bytes_per_second"`
	InternetOut uint64 `json:"internet_out_bytes_per_second"`
	LANIn       uint64 `json:"lan_in_bytes_per_second"`
	LANOut      uint64 `json:"lan_out_bytes_per_second"`
}

func ratesOf(d *device.Device) Rates {
	return Rates{
		InternetIn: whole(d.InternetInRate), InternetOut: whole(d.InternetOutRate),
		LANIn: whole(d.InRate - d.InternetInRate), LANOut: whole(d.OutRate - d.InternetOutRate),
	}
}

func (r *Rates) add(o Rates) {
	r.InternetIn += o.InternetIn
	r.InternetOut += o.InternetOut
	r.LANIn += o.LANIn
	r.LANOut += o.LANOut
}

// whole rounds a rate to whole bytes per second.
func whole(rate float64) uint64 { return uint64(math.Round(max(rate, 0))) }

// A Recent has the internet traffic of the last ten minutes: one value for each step, in whole bytes per second. The last value
// ends at End. Both lists are empty if nothing was moved.
type Recent struct {
	StepSeconds int       `json:"step_seconds"`
	End         time.Time `json:"end"`
	InternetIn  []uint64  `json:"internet_in_bytes_per_second"`
	InternetOut []uint64  `json:"internet_out_bytes_per_second"`
}

func (a *api) recentOf(r usage.Recent) Recent {
	recent := Recent{StepSeconds: int(r.Step / time.Second), End: a.local(r.End), InternetIn: []uint64{}, InternetOut: []uint64{}}
	if moved := func(rate float64) bool { return rate > 0 }; slices.ContainsFunc(r.In, moved) || slices.ContainsFunc(r.Out, moved) {
		recent.InternetIn, recent.InternetOut = wholes(r.In), wholes(r.Out)
	}
	return recent
}

func wholes(rates []float64) []uint64 {
	all := make([]uint64, len(rates))
	for i, r := range rates {
		all[i] = whole(r)
	}
	return all
}
