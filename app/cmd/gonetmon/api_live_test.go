package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/units"
	"gonetmon/test/testnet"
)

// What a device has moved is the same in the metrics, in the API, in the stream and in gonetmon usage. A client that reads the
// stream does not delay the stop.
func TestDaemon_API(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "GONETMON_DATA_CAP=1MB", "GONETMON_BILLING_DAY=15")
	client := *p.Client
	client.Timeout = 0
	stream, err := client.Get(p.URL + "api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	lines := bufio.NewScanner(stream.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (event, data string) {
		for lines.Scan() {
			if name, found := strings.CutPrefix(lines.Text(), "event: "); found && lines.Scan() {
				return name, strings.TrimPrefix(lines.Text(), "data: ")
			}
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return "", ""
	}

	wire := testnet.NewSender(there, "in0")
	host, other, away := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("192.168.2.8"), netip.MustParseAddr("198.51.100.1")
	packets := uint64(0)                                            // of each kind
	for moving, announced := false, false; !moving || !announced; { // what comes before a device is shown does not make a rate
		for range 100 {
			wire.Send(testnet.UDP(host, away, 972))
			wire.Send(testnet.UDP(away, host, 72))
			wire.Send(testnet.UDP(host, other, 472))
			packets++
		}
		event, data := next()
		announced = announced || event == "devices"
		var rates api.RatesEvent
		if err := json.Unmarshal([]byte(data), &rates); err != nil {
			t.Fatal(err)
		}
		moving = moving || len(rates.Devices) == 2 && rates.Network.InternetOut > rates.Network.InternetIn
	}

	want := api.Bytes{InternetOut: 1000 * packets, InternetIn: 100 * packets, LANOut: 500 * packets}
	var device *api.Device
	p.Until("the API has all bytes", func() bool {
		var all api.Devices
		_, body := p.Get("api/v1/devices")
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatal(err)
		}
		device = nil
		for i := range all.Devices {
			if all.Devices[i].Name == host.String() {
				device = &all.Devices[i]
			}
		}
		return device != nil && device.Total == want && device.Period == want && device.Today == want
	})
	if got := p.Metrics()[`node_bytes_total{device="192.168.2.7"}`]; got != float64(1600*packets) {
		t.Errorf("the metrics have %v bytes", got)
	}
	var detail api.DeviceDetail
	if _, body := p.Get(fmt.Sprintf("api/v1/devices/%d", device.ID)); json.Unmarshal([]byte(body), &detail) != nil ||
		detail.Packets != (api.Packets{InternetIn: packets, InternetOut: packets, LANOut: packets}) || len(detail.Evidence) != 1 {
		t.Errorf("device: %s", body)
	}
	var status api.Status
	if _, body := p.Get("api/v1/status"); json.Unmarshal([]byte(body), &status) != nil || !status.Ready ||
		status.Billing != (api.Billing{Day: 15, CapBytes: 1e6}) || status.Store.Kept || len(status.Interfaces) != 1 {
		t.Errorf("status: %s", body)
	}
	for args, want := range map[string]string{
		"--csv":                       fmt.Sprintf(",%d,%d,0,%d\r\n", want.InternetIn, want.InternetOut, want.LANOut),
		"":                            " % of 1.00 MB",
		"--days --device 192.168.2.7": units.Bytes(want.InternetOut, " "),
	} {
		command := gonetmon(here, []string{"GONETMON_PORT=" + p.Port()}, append([]string{"usage"}, strings.Fields(args)...)...)
		if status, out, log := testnet.Run(t, command); status != 0 || !strings.Contains(out, want) {
			t.Errorf("usage %s: status %d, %s%s, want %q", args, status, out, log, want)
		}
	}
	if status, took := p.Stop(); status != 0 || took > 10*time.Second {
		t.Errorf("exit status %d after %v", status, took)
	}
}
