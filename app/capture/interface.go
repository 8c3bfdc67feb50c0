package capture

// An Interface says where a Ring captures.
type Interface struct {
	Name     string // for people
	Index    int    // as of rtnetlink(7); 0: there is none
	Hardware uint16 // ARPHRD_*, netdevice(7)
	Conduit  bool   // a switch chip puts tags in front of each frame (DSA, Documentation/networking/dsa/dsa.rst)
	Loopback bool
	Reason   string // why no frames come although the ring is bound, for Stats; "" if there is none
}
