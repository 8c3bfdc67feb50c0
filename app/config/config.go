// Package config reads the configuration from the environment and describes it. It is the only package that knows the variables, and
// knows nothing of what is done with their values.
package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/kelseyhightower/envconfig"

	"gonetmon/app/names"
)

// A Config holds the values of all variables. Each field is the variable GONETMON_ and the field's name in capitals; desc and example
// are for people. The field's type says in Decode what is wrong with a value, and in String how it is written.
type Config struct {
	Interface      interfaces `default:"auto" example:"eth1" desc:"Interfaces to capture on (a list). auto: the default-route interface. gonetmon waits for an interface that does not exist yet."`
	CIDR           prefixes   `default:"auto" example:"192.168.2.0/24,fe80::/10" desc:"Local prefixes (IPv4 and IPv6, a list): addresses in them are your devices. auto: the prefixes of the interface or, if it has no address (a mirror port), those of the default-route interface. If the list has no IPv6 prefix, fe80::/10 and the prefixes that routers announce are local too. For replay, auto means the private ranges and the prefixes that routers announce, and a list is used exactly as it is."`
	Addr           address    `default:"127.0.0.1" example:"0.0.0.0" desc:"Address of the web page and the metrics. Everyone who can reach it can read them."`
	Port           port       `default:"8080" example:"8081" desc:"Port of the web page and the metrics. 0: any free port."`
	HostNames      hostNames  `split_words:"true" default:"none" example:"gonetmon.example.org" desc:"Additional host names for the web page and the metrics (a list), for browsers, Prometheus or a reverse proxy. Always accepted: IP addresses, names without a dot, names that exist only in local networks (.lan, .local, .internal, .home.arpa, ...) and this machine's own names. A request with any other Host is answered with 421 Misdirected Request, as protection against DNS rebinding."`
	DNSServers     servers    `split_words:"true" default:"auto" example:"192.168.2.1" desc:"DNS servers for reverse lookups of device names (a list of addresses, with :port if it is not 53). auto: the servers in /etc/resolv.conf, which is read again when it changes. none: no lookups."`
	Names          sources    `default:"file,ptr,dhcp,mdns" example:"file,dhcp,mdns" desc:"Sources of device names, best first: file (GONETMON_NAMES_FILE), ptr (reverse DNS), dhcp (host names in DHCP requests), mdns (names announced by multicast DNS). A source that is not listed is not used."`
	NamesFile      path       `split_words:"true" default:"none" example:"/etc/hosts" desc:"File with names of your own, in the format of /etc/hosts; a MAC may take the place of the address. The same name on several lines makes one device of them. The file is read again when it changes."`
	StripDomain    domains    `split_words:"true" default:"auto" example:"home.arpa,lan" desc:"Domains to remove from names that stay unique without them (a list): roku for roku.home.arpa. auto: the search domains in /etc/resolv.conf. none: show full names. For replay, auto means none."`
	ReportInterval interval   `split_words:"true" default:"1m" example:"5m" desc:"How often to print the table of devices with traffic. 0: never."`
	MaxHosts       hosts      `split_words:"true" default:"4096" example:"10000" desc:"Maximum number of addresses counted individually; traffic of further addresses is counted as overflow. Each address needs about 2 kB of memory here and 60 kB in Prometheus. The same limit applies to neighbors, MACs and cached DNS names; twice as many device names are kept. gonetmon_table_entries shows how full each table is."`
	ForgetAfter    age        `split_words:"true" default:"30d" example:"90d" desc:"How long to keep a device after it was last seen. Then its metrics end; its bytes stay in the totals. 0: forever."`
	RingSize       size       `split_words:"true" default:"8MiB" example:"32MiB" desc:"Capture buffer per interface. A larger one survives longer stalls of a busy machine."`
	KeepPrivileges toggle     `split_words:"true" default:"false" example:"true" desc:"Keep all privileges instead of dropping them after startup. For debugging only."`
	LogLevel       level      `split_words:"true" default:"info" example:"debug" desc:"Minimum level of log messages: debug, info, warn or error."`
}

const prefix = "GONETMON"

// Load reads the environment. A variable that is set but empty counts as not set: docker compose passes unset ones that way. A comment
// after a value is not part of it: docker compose removes it, systemd and docker run do not.
func Load() (*Config, error) {
	var c Config
	known := variableNames()
	for _, name := range known {
		value, set := os.LookupEnv(name)
		bare := strings.TrimSpace(withoutComment(value))
		var err error
		switch {
		case set && bare == "":
			err = os.Unsetenv(name)
		case bare != value:
			err = os.Setenv(name, bare)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix+"_") && !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s=%q: no such variable; did you mean %s? `gonetmon config` lists them all", name, value, nearest(name, known))
		}
	}
	err := envconfig.Process(prefix, &c)
	var bad *envconfig.ParseError
	if errors.As(err, &bad) {
		i := slices.Index(known, bad.KeyName)
		return nil, fmt.Errorf("%s=%q: %w; for example %s=%s", bad.KeyName, bad.Value, bad.Err, bad.KeyName, c.variables()[max(i, 0)].example)
	}
	if err != nil {
		return nil, err
	}
	if c.NamesFile != "" && !slices.Contains(c.Names, names.SourceFile) {
		return nil, fmt.Errorf("GONETMON_NAMES_FILE=%q: not used, because GONETMON_NAMES=%s does not contain %s; for example GONETMON_NAMES=%s,%[2]s",
			string(c.NamesFile), c.Names, names.SourceFile, names.SourceFile)
	}
	return &c, nil
}

// withoutComment cuts off a comment: # at the beginning or after white space.
func withoutComment(value string) string {
	before := ' '
	for i, r := range value {
		if r == '#' && unicode.IsSpace(before) {
			return value[:i]
		}
		before = r
	}
	return value
}

// nearest returns the one of names with the smallest distance to name.
func nearest(name string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance returns the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
