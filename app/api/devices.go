package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/names"
	"gonetmon/app/usage"
)

// Devices is the answer of /api/v1/devices.
type Devices struct {
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"` // when total began
	Network Network   `json:"network"`
	Devices []Device  `json:"devices"` // sorted by name
}

// Network is the sum of all devices, and of what belongs to none. What one device sends to another counts as in and as out. Rates
// and Total have only the devices.
type Network struct {
	Rates        Rates  `json:"rates"`
	Total        Bytes  `json:"total"`
	Today        Bytes  `json:"today"`
	Period       Bytes  `json:"period"`
	StandbyBytes uint64 `json:"standby_bytes"`
	Recent       Recent `json:"recent"`
}

// A Device is one device under its present name, with the counts of its former names.
type Device struct {
	ID           uint64    `json:"id"` // the same after a rename and after a restart
	Name         string    `json:"name"`
	ShortName    string    `json:"short_name"` // without its domain
	Source       string    `json:"source"`     // of the name
	Kind         string    `json:"kind"`       // empty if not known, as are Vendor and MAC
	Vendor       string    `json:"vendor"`
	MAC          string    `json:"mac"`
	Addresses    []string  `json:"addresses"` // those from before the restart until it is seen
	FirstSeen    time.Time `json:"first_seen,omitzero"`
	LastSeen     time.Time `json:"last_seen,omitzero"`
	IdleSeconds  uint64    `json:"idle_seconds"` // since LastSeen
	Active       bool      `json:"active"`       // one of its rates is not 0
	Rates        Rates     `json:"rates"`
	Total        Bytes     `json:"total"` // since the start of the counting
	Today        Bytes     `json:"today"`
	Period       Bytes     `json:"period"`        // the billing period so far
	StandbyBytes uint64    `json:"standby_bytes"` // what it moved in idle hours
	Recent       Recent    `json:"recent"`
}

// DeviceDetail is the answer of /api/v1/devices/{id}.
type DeviceDetail struct {
	Time time.Time `json:"time"`
	Device
	Packets  Packets  `json:"packets"`  // of Total
	Evidence []string `json:"evidence"` // for each address, why it belongs to the device
}

// renderDevices returns the answer of /api/v1/devices.
func (a *api) renderDevices() answer {
	s, summary := a.cfg.Snapshot(), a.cfg.Usage()
	all := Devices{Time: a.local(s.Time), Started: a.local(s.Start), Devices: []Device{}, Network: Network{
		Today: Bytes(summary.Network.Today), Period: Bytes(summary.Network.Period), StandbyBytes: summary.Network.Standby,
		Recent: a.recentOf(a.cfg.NetworkRecent()),
	}}
	for _, j := range joinUsed(s, summary.Devices) {
		d := a.deviceOf(j, summary.Devices[j.ID])
		all.Network.Rates.add(d.Rates)
		all.Network.Total.add(d.Total)
		all.Devices = append(all.Devices, d)
	}
	return newAnswer(all)
}

func (a *api) serveDevices(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); ok {
		a.devices.get(a.cfg.Snapshot(), a.renderDevices).send(w, r)
	}
}

func (a *api) serveDevice(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); !ok {
		return
	}
	id, ok := parseID(w, "id", r.PathValue("id"))
	if !ok {
		return
	}
	s := a.cfg.Snapshot()
	j := find(s, id)
	if j == nil {
		refuse(w, http.StatusNotFound, "there is no device %d; /api/v1/devices lists them", id)
		return
	}
	detail := DeviceDetail{
		Time: a.local(s.Time), Device: a.deviceOf(j, a.cfg.Usage().Devices[id]), Packets: packetsOf(&j.totals),
		Evidence: append([]string{}, a.cfg.Why()[j.Name]...),
	}
	newAnswer(detail).send(w, r)
}

// parseID reads the ID of a device. If it is not one, it refuses the request.
func parseID(w http.ResponseWriter, name, text string) (uint64, bool) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		refuse(w, http.StatusBadRequest, "%s=%s: not the ID of a device, which is a number, for example 17; /api/v1/devices lists them",
			name, text)
		return 0, false
	}
	return id, true
}

func (a *api) deviceOf(j *joined, use usage.Use) Device {
	d := Device{
		ID: j.ID, Name: j.Name, ShortName: short(j.Device), Source: j.Source, Kind: j.Kind, Vendor: j.Vendor, MAC: j.MAC.String(),
		Addresses: []string{}, FirstSeen: a.local(j.first), LastSeen: a.local(j.last),
		IdleSeconds: uint64(max(j.idle, 0) / time.Second), Active: j.rates != Rates{}, Rates: j.rates,
		Total: Bytes(usage.BytesOf(&j.totals)), Today: Bytes(use.Today), Period: Bytes(use.Period), StandbyBytes: use.Standby,
		Recent: a.recentOf(a.cfg.Recent(j.ID)),
	}
	for _, a := range slices.Concat(j.Hosts, j.Known) { // one of them is empty
		d.Addresses = append(d.Addresses, a.String())
	}
	return d
}

// short returns the name of a device without its domain.
func short(d *device.Device) string {
	if dot := strings.IndexByte(d.Name, '.'); dot > 0 && d.Source != names.SourceAddress {
		return d.Name[:dot]
	}
	return d.Name
}
