package api

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"time"

	"gonetmon/app/usage"
)

// Usage is the answer of /api/v1/usage: today and the billing period so far.
type Usage struct {
	Time    time.Time     `json:"time"`
	Since   time.Time     `json:"since,omitzero"` // of the oldest traffic that is still kept
	Today   Span          `json:"today"`
	Period  BillingPeriod `json:"period"`
	Network Use           `json:"network"`
	Devices []DeviceUse   `json:"devices"` // by internet traffic of the period, highest first
	Others  Use           `json:"others"`  // the part of Network that belongs to none of Devices
}

// A Span is a day.
type Span struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"` // excluded
}

// A BillingPeriod is the current billing period. Its bytes are internet bytes.
type BillingPeriod struct {
	Span
	DaysLeft       int    `json:"days_left"` // including today
	CapBytes       uint64 `json:"cap_bytes,omitzero"`
	ProjectedBytes uint64 `json:"projected_bytes,omitzero"` // at its end; left out while it is too early to say
}

// A Use has what a device, or the network, has moved.
type Use struct {
	Today        Bytes  `json:"today"`
	Period       Bytes  `json:"period"`
	StandbyBytes uint64 `json:"standby_bytes"`
}

// A DeviceUse is the use of a device.
type DeviceUse struct {
	ID        uint64 `json:"id"`
	Name      string `json:"name"`
	ShortName string `json:"short_name"`
	Use
}

func (a *api) serveUsage(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); ok {
		a.usage.get(a.cfg.Snapshot(), a.renderUsage).send(w, r)
	}
}

// renderUsage returns the answer of /api/v1/usage.
func (a *api) renderUsage() answer {
	s := a.cfg.Usage()
	u := Usage{
		Time: a.local(s.Time), Since: a.local(s.Since), Today: Span{a.local(s.Day.Start), a.local(s.Day.End)},
		Period: BillingPeriod{
			Span: Span{a.local(s.Period.Start), a.local(s.Period.End)}, DaysLeft: daysLeft(&s),
			CapBytes: s.Cap, ProjectedBytes: s.Projected,
		},
		Network: useOf(s.Network), Devices: []DeviceUse{},
	}
	others := s.Network
	for _, j := range joinUsed(a.cfg.Snapshot(), s.Devices) {
		use, moved := s.Devices[j.ID]
		if !moved {
			continue
		}
		u.Devices = append(u.Devices, DeviceUse{ID: j.ID, Name: j.Name, ShortName: short(j.Device), Use: useOf(use)})
		subtract(&others.Today, use.Today)
		subtract(&others.Period, use.Period)
		others.Standby -= min(use.Standby, others.Standby)
	}
	u.Others = useOf(others)
	slices.SortStableFunc(u.Devices, func(a, b DeviceUse) int { return cmp.Compare(b.Period.Internet(), a.Period.Internet()) })
	return newAnswer(u)
}

// daysLeft returns how many days are left in the period, including today. A day has 23 to 25 hours.
func daysLeft(s *usage.Summary) int {
	return int(math.Round(s.Period.End.Sub(s.Day.Start).Hours() / 24))
}

func useOf(u usage.Use) Use {
	return Use{Today: Bytes(u.Today), Period: Bytes(u.Period), StandbyBytes: u.Standby}
}

// subtract subtracts b from a sum that contains it.
func subtract(sum *usage.Bytes, b usage.Bytes) {
	sum.InternetIn -= min(b.InternetIn, sum.InternetIn)
	sum.InternetOut -= min(b.InternetOut, sum.InternetOut)
	sum.LANIn -= min(b.LANIn, sum.LANIn)
	sum.LANOut -= min(b.LANOut, sum.LANOut)
}
