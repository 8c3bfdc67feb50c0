package api

import (
	"net/http"
	"strings"
	"time"

	"gonetmon/app/meter"
	"gonetmon/app/notice"
)

// Status is the answer of /api/v1/status.
type Status struct {
	Version        string      `json:"version"`
	Time           time.Time   `json:"time"`
	Started        time.Time   `json:"started"` // when the counting began
	Timezone       string      `json:"timezone"`
	Ready          bool        `json:"ready"`
	NotReady       []string    `json:"not_ready"` // why traffic is not counted
	Health         Health      `json:"health"`    // of the interface that is heard worst
	Notices        []Notice    `json:"notices"`
	Interfaces     []Interface `json:"interfaces"`
	Prefixes       []string    `json:"prefixes"` // of the LAN
	Addresses      int         `json:"addresses"`
	AddressesLimit int         `json:"addresses_limit"`
	Store          Store       `json:"store"`
	Billing        Billing     `json:"billing"`
	GrafanaURL     string      `json:"grafana_url,omitzero"`
}

// Health is a verdict on the counting.
type Health struct {
	State string `json:"state"` // of meter.Health
	Text  string `json:"text"`
}

// A Notice is a problem, and what to do about it.
type Notice struct {
	Bad  bool   `json:"bad"` // nothing is counted because of it
	Text string `json:"text"`
	Hint string `json:"hint"` // may be empty
}

// An Interface is a network interface to capture on.
type Interface struct {
	Name          string `json:"name"`
	Up            bool   `json:"up"`
	Reason        string `json:"reason"` // why it is not captured; empty if it is
	Frames        uint64 `json:"frames"`
	DroppedFrames uint64 `json:"dropped_frames"`
}

// Store is the state of the store: whether names and usage survive a restart.
type Store struct {
	Kept  bool      `json:"kept"`
	Error string    `json:"error"` // why the last write failed; empty if it did not
	Saved time.Time `json:"saved,omitzero"`
}

// Billing is what is configured about the billing period.
type Billing struct {
	Day      int    `json:"day"`
	CapBytes uint64 `json:"cap_bytes,omitzero"` // of internet traffic
}

// zone returns the name of the time zone: "Europe/Berlin" or, if Go knows only its file, "CET".
func (a *api) zone(now time.Time) string {
	if name := a.cfg.Zone.String(); name != "Local" {
		return name
	}
	name, _ := now.In(a.cfg.Zone).Zone()
	return name
}

func (a *api) serveStatus(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); !ok {
		return
	}
	snapshot, meters, prefixes, kept := a.cfg.Snapshot(), a.cfg.Meters(), a.cfg.Prefixes(), a.cfg.Store()
	s := Status{
		Version: a.cfg.Version, Time: a.local(snapshot.Time), Started: a.local(snapshot.Start), Timezone: a.zone(snapshot.Time),
		Ready: true, NotReady: []string{}, Notices: []Notice{}, Interfaces: []Interface{}, Prefixes: []string{},
		Addresses: snapshot.Hosts, AddressesLimit: snapshot.Limit,
		Store:      Store{Kept: kept.Kept, Error: kept.Error, Saved: a.local(kept.Saved)},
		Billing:    Billing{Day: a.cfg.BillingDay, CapBytes: a.cfg.Usage().Cap},
		GrafanaURL: a.grafana(r),
	}
	if err := a.cfg.Ready(); err != nil {
		s.Ready, s.NotReady = false, strings.Split(err.Error(), "\n")
	}
	for _, n := range notice.All(snapshot, meters, prefixes, a.cfg.Advice()) {
		s.Notices = append(s.Notices, Notice(n))
	}
	worst := meter.Worst(meters)
	s.Health = Health{State: worst.State(), Text: worst.String()}
	for _, m := range meters {
		s.Interfaces = append(s.Interfaces, Interface{
			Name: m.Interface, Up: m.Up, Reason: m.Reason, Frames: m.Frames, DroppedFrames: m.Drops,
		})
	}
	for _, p := range prefixes {
		s.Prefixes = append(s.Prefixes, p.String())
	}
	newAnswer(s).send(w, r)
}
