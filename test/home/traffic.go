package home

import (
	"net/netip"
	"time"
)

// A habit is traffic that a device has again and again.
type habit struct {
	perDay   float64          // how often, on average
	from, to int              // between which hours of the day
	last     [2]time.Duration // how long, between
	every    time.Duration    // between two bursts of frames
	in, out  int              // bytes of a burst, about
	peer     string           // the device at the other end; "": on the internet
}

// plan plans the habits of one day.
func (n *nic) plan(day time.Time) {
	h := n.home
	for _, x := range n.habits {
		count := int(x.perDay)
		if h.chance(x.perDay - float64(count)) {
			count++
		}
		for range count {
			begin := day.Add(time.Duration(x.from) * time.Hour)
			h.at(begin.Add(h.between(0, time.Duration(x.to-x.from)*time.Hour)), func() {
				n.begin(x, h.now.Add(h.between(x.last[0], x.last[1])))
			})
		}
	}
}

// begin begins a transfer, unless the device is away.
func (n *nic) begin(x habit, until time.Time) {
	h := n.home
	local, remote, ok := n.connection(x.peer)
	if !ok {
		return
	}
	n.query(remote)
	epoch := n.epoch
	var burst func()
	burst = func() {
		if !n.up || n.epoch != epoch || n.asleep || h.now.After(until) || !n.isOwn(local) {
			return
		}
		n.transfer(local, remote, h.vary(x.in), h.vary(x.out))
		h.after(x.every, burst)
	}
	burst()
}

// connection chooses the ends of a transfer.
func (n *nic) connection(peer string) (local, remote netip.Addr, ok bool) {
	h := n.home
	if !n.up || n.asleep || n.away {
		return local, remote, false
	}
	v6 := n.stable.IsValid() && h.router.prefix.Contains(n.stable) && h.chance(0.6)
	if v6 {
		local = n.stable
		if n.privacy && n.temp.IsValid() {
			local = n.temp
		}
	} else if local = n.v4; !local.IsValid() || !h.router.has(local) && !n.routed {
		return local, remote, false
	}
	if peer == "" {
		return local, h.remote(local), !n.routed && h.router.isUp()
	}
	o := h.device(peer)
	p := o.nics[h.IntN(len(o.nics))]
	if !p.up || p.asleep || p.via != nil && p.via == n.via {
		return local, remote, false
	}
	if remote = p.v4; v6 {
		remote = p.stable
	}
	return local, remote, remote.IsValid() && (v6 == h.router.prefix.Contains(remote)) && (v6 || h.router.has(remote) || p.routed)
}

// isOwn reports whether an address is one that the interface uses now.
func (n *nic) isOwn(a netip.Addr) bool {
	return a == n.v4 || a == n.ll || a == n.stable && n.home.router.prefix.Contains(a) || a == n.temp
}

// transfer sends and receives some bytes, after the ends have asked for each other's MAC.
func (n *nic) transfer(local, remote netip.Addr, in, out int) {
	h := n.home
	r := h.router
	p := h.owner[remote]
	if p == nil || p.routed { // by the router
		if !r.isUp() {
			return
		}
		router := r.v4
		if local.Is6() {
			router = r.ll
		}
		n.resolve(local, router)
		r.resolve(router, local)
		h.data(n.sender(), r.mac, local, remote, out)
		h.data(r.mac, n.receiver(), remote, local, in)
		return
	}
	n.resolve(local, remote)
	p.resolve(remote, local)
	if !p.up || p.asleep {
		return
	}
	h.data(n.sender(), p.receiver(), local, remote, out)
	h.data(p.sender(), n.receiver(), remote, local, in)
}

// query asks the router's DNS for most addresses on the internet, by IPv4.
func (n *nic) query(remote netip.Addr) {
	h := n.home
	if h.owner[remote] == nil && n.v4.IsValid() && h.router.has(n.v4) && h.chance(0.95) {
		n.transfer(n.v4, h.router.v4, 80+h.IntN(200), 60+h.IntN(40))
	}
}

// start has the device send what it sends all the time.
func (n *nic) start() {
	if n.beat == 0 {
		return
	}
	h := n.home
	if local, remote, ok := n.connection(n.beatTo); ok {
		n.query(remote)
		n.transfer(local, remote, 100+h.IntN(400), 100+h.IntN(400))
	}
	if n.ssdp && n.v4.IsValid() && h.chance(0.3) {
		h.data(n.sender(), multicastMAC, n.v4, ssdpGroup, 300+h.IntN(100))
	}
	n.during(h.vary64(n.beat), n.start)
}
