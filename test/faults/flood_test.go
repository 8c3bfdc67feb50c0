package faults

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

var (
	known4   = netip.MustParseAddr("192.168.2.7")
	known6   = netip.MustParseAddr("2001:db8:2::7")
	away6    = netip.MustParseAddr("2001:db8:ffff::1")
	knownMAC = [6]byte{2, 0, 0, 0, 0, 7}
)

// forge4 returns a func that makes frames from random senders in 192.168.0.0/16, in the same memory each time.
func forge4() func(*rand.Rand) []byte {
	frame := testnet.UDP(netip.MustParseAddr("192.168.0.1"), away, 72)
	clear(frame[24:26]) // the checksum of the header
	return func(random *rand.Rand) []byte {
		host := uint16(random.Uint32())
		if host == 2<<8|7 { // known4
			host++
		}
		binary.BigEndian.PutUint16(frame[28:], host)
		return frame
	}
}

// forge6 is forge4 for 2001:db8:2::/64.
func forge6() func(*rand.Rand) []byte {
	frame := testnet.UDP(netip.MustParseAddr("2001:db8:2::1"), away6, 72)
	return func(random *rand.Rand) []byte {
		binary.BigEndian.PutUint64(frame[30:], random.Uint64())
		return frame
	}
}

func floodIPv4(b *bench) string {
	return b.flood(known4, away, "GONETMON_CIDR=192.168.0.0/16", testnet.ARPRequest(knownMAC, known4, known4), forge4())
}

func floodIPv6(b *bench) string {
	advert := testnet.NeighborAdvert(knownMAC, known6, known6, testnet.TargetMAC(knownMAC))
	forge, n := forge6(), 0
	var mac [6]byte
	var addr netip.Addr
	return b.flood(known6, away6, "GONETMON_CIDR=2001:db8:2::/64", advert, func(random *rand.Rand) []byte {
		switch n++; n % 20 {
		case 1:
			frame := forge(random)
			mac, addr = [6]byte{2, 0, 2, frame[35], frame[36], frame[37]}, netip.AddrFrom16([16]byte(frame[22:]))
			return testnet.NeighborAdvert(mac, addr, addr, testnet.TargetMAC(mac))
		case 2:
			return testnet.MDNSResponse(mac, addr, 120, true, testnet.Record{Name: fmt.Sprintf("host-%x.local.", mac), Addr: addr})
		}
		return forge(random)
	})
}

// flood has a known device, which has announced itself, talk among forged senders.
func (b *bench) flood(known, peer netip.Addr, cidr string, announcement []byte, forge func(*rand.Rand) []byte) string {
	here, there := testnet.NewPair(b)
	d := b.start(here, cidr, "GONETMON_REPORT_INTERVAL=0")
	s := testnet.NewSender(there, "in0")
	ends := testnet.Ends{SrcMAC: knownMAC, DstMAC: testnet.ServerMAC, Src: known, Dst: peer}
	talk := testnet.Datagram(ends, 4000, 4001, 64, make([]byte, 900))
	s.Send(announcement)
	s.Send(talk)
	series := fmt.Sprintf(`gonetmon_device_packets_total{device="%s",direction="out",scope="internet"}`, known)
	d.Until("the known device is on the page", func() bool { return d.values(series)[0] == 1 })
	random, forged, talked := b.random(), b.of(300_000, 10_000_000), uint64(1)
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		testnet.PinCPU(b)
		for i := range forged {
			s.Send(forge(random))
			if i%1000 == 0 {
				s.Send(talk)
				talked++
			}
		}
	}()
	<-done
	took := time.Since(begin)
	d.waitCounted(s.Sent)
	d.Until("all devices are on the page", func() bool { return d.values("gonetmon_waiting_bytes")[0] == 0 })
	_, body := d.Get("metrics")
	v := find(body, series, "gonetmon_hosts", "gonetmon_overflow_bytes_total", `gonetmon_table_entries{table="macs"}`)
	f := d.finish(s.Sent)
	if f.drops == 0 && v[0] != talked {
		b.Errorf("the known device has %d packets, and sent %d", v[0], talked)
	}
	return fmt.Sprintf("%d forged at %.0f/s: %s; %d hosts, %d MACs, %d devices on the page, %d MB overflow; at most %s",
		forged, float64(forged)/took.Seconds(), f, v[1], v[3], strings.Count(body, "\nnode_bytes_total{"), v[2]/1e6, d.usedBesideRing())
}
