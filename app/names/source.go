package names

// Where the name of a device comes from.
const (
	SourceFile    = "file"    // the user's hosts file
	SourcePTR     = "ptr"     // reverse DNS
	SourceDHCP    = "dhcp"    // the host name in DHCP, from the client or the server
	SourceMDNS    = "mdns"    // what the device calls itself in multicast DNS
	SourceService = "service" // what a device calls one of its services in multicast DNS, as in "Living Room"
	SourceLLMNR   = "llmnr"   // what a device calls itself in LLMNR (RFC 4795)
	SourceNetBIOS = "netbios" // what a device calls itself in NetBIOS (RFC 1002)
	SourceAddress = "address" // no name known: the address itself
)

// Sources lists the sources of names, best first: the default order.
var Sources = []string{SourceFile, SourcePTR, SourceDHCP, SourceMDNS, SourceService, SourceLLMNR, SourceNetBIOS}
