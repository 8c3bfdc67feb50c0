package api

import (
	"bytes"
	"slices"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/mac"
)

// A messenger writes the messages of a stream.
type messenger struct {
	zone      *time.Location
	known     []identity // of the last message
	announced time.Time  // when the event devices was last sent
}

// An identity is what the list of devices shows of a device besides its traffic.
type identity struct {
	id                         uint64
	name, source, kind, vendor string
	mac                        mac.Addr
	addresses                  int
}

// message returns the event rates, and the event devices if the devices have changed since the last message, or after some time.
func (m *messenger) message(s *device.Snapshot, now time.Time) []byte {
	rates := RatesEvent{Time: local(s.Time, m.zone), Devices: []DeviceRates{}}
	all := join(s)
	identities := make([]identity, len(all))
	for i, j := range all {
		identities[i] = identity{j.ID, j.Name, j.Source, j.Kind, j.Vendor, j.MAC, len(j.Hosts)}
		if (j.rates != Rates{}) {
			rates.Network.add(j.rates)
			rates.Devices = append(rates.Devices, DeviceRates{j.ID, j.rates})
		}
	}
	var b bytes.Buffer
	event(&b, "rates", rates)
	due := now.Sub(m.announced) >= devicesEvery || !slices.Equal(identities, m.known)
	if due && !m.announced.IsZero() { // a client asks for the devices by itself when its stream begins
		event(&b, "devices", DevicesEvent{rates.Time})
	}
	if due {
		m.announced = now
	}
	m.known = identities
	return b.Bytes()
}

// event writes an event. JSON has no line breaks inside.
func event(b *bytes.Buffer, name string, data any) {
	b.WriteString("event: " + name + "\ndata: ")
	b.Write(encode(data))
	b.WriteByte('\n')
}
