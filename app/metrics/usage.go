package metrics

import (
	"gonetmon/app/device"
	"gonetmon/app/store"
	"gonetmon/app/usage"
)

// usage writes what was moved in the billing period. A device has one series, under its present name, which includes what it
// moved under former names.
func (t *textWriter) usage(s *device.Snapshot, u *usage.Summary) {
	devices := present(s)
	t.startFamily("gonetmon_period_bytes", gauge,
		"IP bytes that the device has exchanged with the internet in this billing period (GONETMON_BILLING_DAY), by direction.")
	for _, d := range devices {
		b := u.Devices[d.ID].Period
		t.deviceSample(b.InternetIn, "device", d.Name, "direction", "in")
		t.deviceSample(b.InternetOut, "device", d.Name, "direction", "out")
	}
	t.startFamily("gonetmon_network_period_bytes", gauge,
		"IP bytes exchanged with the internet in this billing period, also by devices that are forgotten or over the limit.")
	t.sample(u.Network.Period.InternetIn, "direction", "in")
	t.sample(u.Network.Period.InternetOut, "direction", "out")
	t.startFamily("gonetmon_device_idle_bytes", gauge, "Standby: IP bytes that the device has exchanged with the internet in its "+
		"idle hours, of the last 72. An hour is idle with at most twice the lower quartile. Only for devices with 24 hours of traffic.")
	for _, d := range devices {
		if n := u.Devices[d.ID].Standby; n > 0 {
			t.deviceSample(n, "device", d.Name)
		}
	}
	if u.Cap > 0 {
		t.single("gonetmon_period_cap_bytes", gauge,
			"Internet bytes that the provider allows in a billing period (GONETMON_DATA_CAP).", u.Cap)
	}
	if u.Projected > 0 {
		t.single("gonetmon_period_projected_bytes", gauge,
			"Internet bytes at the end of this billing period, at the mean of the last complete days.", u.Projected)
	}
	t.startFamily("gonetmon_period_start_timestamp_seconds", gauge, "Unix time at which this billing period began.")
	t.timestamp(u.Period.Start)
	t.startFamily("gonetmon_period_end_timestamp_seconds", gauge, "Unix time at which this billing period will end.")
	t.timestamp(u.Period.End)
}

// present returns each device once, under its present or else its last name, sorted by name.
func present(s *device.Snapshot) []*device.Device {
	last := make(map[uint64]*device.Device, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		if o := last[d.ID]; o == nil || d.Supersedes(o) {
			last[d.ID] = d
		}
	}
	all := make([]*device.Device, 0, len(last))
	for i := range s.Devices {
		if d := &s.Devices[i]; last[d.ID] == d {
			all = append(all, d)
		}
	}
	return all
}

// store writes whether the state file is current. It writes nothing if no state file is configured.
func (t *textWriter) store(s store.Status) {
	if !s.Kept && s.Error == "" {
		return
	}
	up := uint64(1)
	if s.Error != "" {
		up = 0
	}
	t.single("gonetmon_store_up", gauge,
		"1 if the last write of devices and usage to disk (GONETMON_STATE_DIR) succeeded, else 0.", up)
	if !s.Saved.IsZero() {
		t.startFamily("gonetmon_store_saved_timestamp_seconds", gauge, "Unix time at which everything was last written to disk.")
		t.timestamp(s.Saved)
	}
}
