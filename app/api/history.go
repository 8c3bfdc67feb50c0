package api

import (
	"net/http"
	"time"

	"gonetmon/app/usage"
)

// History is the answer of /api/v1/history. The oldest slots are first; those without traffic are left out.
type History struct {
	Hours   []Slot `json:"hours"`
	Days    []Slot `json:"days"`
	Periods []Slot `json:"periods"`
}

// A Slot has what was moved in one hour, day or billing period.
type Slot struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"` // excluded
	Bytes
}

// serveHistory answers with the history of the network, or with ?device=ID of a device.
func (a *api) serveHistory(w http.ResponseWriter, r *http.Request) {
	values, ok := query(w, r, "device")
	if !ok {
		return
	}
	if !values.Has("device") {
		newAnswer(a.historyOf(a.cfg.NetworkHistory())).send(w, r)
		return
	}
	id, ok := parseID(w, "device", values.Get("device"))
	if !ok {
		return
	}
	h := a.historyOf(a.cfg.History(id))
	if len(h.Periods) == 0 && find(a.cfg.Snapshot(), id) == nil {
		refuse(w, http.StatusNotFound, "there is no device %d; /api/v1/devices lists them", id)
		return
	}
	newAnswer(h).send(w, r)
}

func (a *api) historyOf(h usage.History) History {
	return History{Hours: a.slotsOf(h.Hours), Days: a.slotsOf(h.Days), Periods: a.slotsOf(h.Periods)}
}

func (a *api) slotsOf(slots []usage.Slot) []Slot {
	all := make([]Slot, len(slots))
	for i, s := range slots {
		all[i] = Slot{Start: a.local(s.Start), End: a.local(s.End), Bytes: Bytes(s.Bytes)}
	}
	return all
}
