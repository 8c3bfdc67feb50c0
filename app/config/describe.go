package config

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// A variable describes one field of a Config.
type variable struct {
	name, value, standard, example, desc string
}

// descriptions are the meanings of the variables, by field.
var descriptions = map[string]string{
	"Interface": "Interfaces to capture on (a list), by any of their names. gonetmon waits for one that does not exist yet; until " +
		"it comes, `gonetmon healthcheck` fails, and the container is unhealthy after a minute. auto: " +
		"the interface of the default route, also when it changes; gonetmon waits for one. A tunnel (WireGuard, PPP) " +
		"is chosen only if no other interface has a default route.",
	"CIDR": "Local prefixes (IPv4 and IPv6, a list): addresses in them are your devices. auto: the prefixes of the " +
		"interface, of the bridge that it is a port of and of its VLANs or, if they have no address (a mirror port), those " +
		"of the default-route interface. If the list has no IPv6 prefix outside fe80::/10 and fc00::/7, then fe80::/10, the IPv6 " +
		"prefixes of these interfaces and those that routers announce are local too. For replay, auto " +
		"means the private ranges and the prefixes that routers announce anywhere in the files (in standard input, in its first " +
		"32 MiB, or before the frame), and a list is used exactly as it is.",
	"Addr": "Address of the web page and the metrics. Everyone who can reach it can read them, unless there is a GONETMON_PASSWORD.",
	"Port": "Port of the web page and the metrics. 0: any free port; not with Docker Compose.",
	"HostNames": "Additional host names for the web page and the metrics (a list), for browsers, Prometheus or a reverse " +
		"proxy. Always accepted: IP addresses, names without a dot, names that exist only in local networks " +
		"(.lan, .local, .internal, .home.arpa, ...) and this machine's own names. A request with any other Host " +
		"is answered with 421 Misdirected Request, as protection against DNS rebinding.",
	"Password": "Password of the web page, the API and the metrics, for any user name (HTTP basic authentication). /healthz and " +
		"/readyz need none. Without TLS it crosses the network in plain text. In .env put it between single quotes; no " +
		"comment may follow it. none: everyone who can reach GONETMON_ADDR can read everything.",
	"TLSCert": "PEM file with the certificate for HTTPS, followed by those of its issuers. Needs GONETMON_TLS_KEY as well. The " +
		"file is read again when it changes, if user 65534 can read it.",
	"TLSKey": "PEM file with the private key of that certificate. It is read again under the same conditions.",
	"GrafanaURL": "Address of Grafana for browsers, for links to its dashboards. The host 0.0.0.0 stands for the host under which " +
		"the page was opened. compose.yaml sets it from GRAFANA_ADDR and GRAFANA_PORT.",
	"DNSServers": "DNS servers for reverse lookups of device names (a list of addresses, with :port if it is not 53). auto: " +
		"the servers in /etc/resolv.conf, which is read again when it changes (a container keeps the copy that it was started with; " +
		"restart it then). none: no lookups.",
	"Names": "Sources of device names, best first: file (GONETMON_NAMES_FILE), ptr (reverse DNS), dhcp (host names in " +
		"DHCP requests), mdns (names announced by multicast DNS), service (what a device calls its services there, for example " +
		"Living Room), llmnr and netbios (names of Windows machines). A source that is not listed is not used. A name in reverse " +
		"DNS that contains the address is ignored; one that a server has numbered (dhcp-17) or that many devices have (android) " +
		"gives way to any other.",
	"NamesFile": "File with names of your own, in the format of /etc/hosts; a MAC may take the place of the address. The " +
		"same name on several lines makes one device of them. The file is read again when it changes.",
	"StripDomain": "Domains to remove from names that stay unique without them (a list): roku for roku.home.arpa. auto: the " +
		"search domains in /etc/resolv.conf, also those of later versions. none: show full names. For replay, auto means none.",
	"ReportInterval": "How often to print the table of devices with traffic, in s, m, h or d. 0: never.",
	"MaxHosts": "Maximum number of addresses counted individually; traffic of further addresses is counted as overflow. " +
		"Each address needs about 2 kB of memory here and 60 kB in Prometheus, and the usage of a device up to 10 kB here. The " +
		"same limit applies to " +
		"neighbors, MACs and cached DNS names; twice as many device names are kept. gonetmon_table_entries shows " +
		"how full each table is.",
	"ForgetAfter": "How long to keep a device after it was last seen. Then its metrics end; its bytes stay in the totals. 0: " +
		"forever.",
	"BillingDay": "Day of the month on which a billing period begins, 1 to 31. In a shorter month it begins on the last day. " +
		"Usage is added up by hour, day and billing period, in the time zone of the machine or of the variable TZ " +
		"(TZ=Europe/Berlin).",
	"DataCap": "Internet traffic that your provider allows in a billing period, in and out together, in MB, GB or TB (1 GB is " +
		"1,000 MB). none: no cap. It is only shown: gonetmon limits nothing.",
	"StateDir": "Folder for the state file gonetmon.db, in which the devices and their usage outlive a restart. It is created if " +
		"its parent exists. none: they are kept in memory only.",
	"RingSize": "Capture buffer per interface, in KiB, MiB or GiB. M and MB mean MiB, as for Docker's memory limits. A larger " +
		"buffer survives longer stalls of a busy machine.",
	"KeepPrivileges": "Keep all privileges instead of dropping them after startup. For debugging only.",
	"LogLevel":       "Minimum level of log messages: debug, info, warn or error.",
}

// variables describes the fields of c in their order, with the names that envconfig gives them.
func (c *Config) variables() []variable {
	var vars []variable
	v := reflect.ValueOf(c).Elem()
	for i, name := range variableNames() {
		field := v.Type().Field(i)
		vars = append(vars, variable{
			name: name, value: fmt.Sprint(v.Field(i).Interface()), desc: descriptions[field.Name],
			standard: field.Tag.Get("default"), example: field.Tag.Get("example"),
		})
	}
	return vars
}

// variableNames lists the variables in the order of the fields.
func variableNames() []string {
	var b strings.Builder
	if err := envconfig.Usagef(prefix, &Config{}, &b, "{{range .}}{{usage_key .}}\n{{end}}"); err != nil {
		panic("config: " + err.Error())
	}
	return strings.Fields(b.String())
}

// Print writes every variable, its value and its meaning, and for those that are auto what that is now. A password is masked, in
// a comment: what is printed is a configuration.
func (c *Config) Print(w io.Writer, now map[string]string) error {
	return c.write(w, func(v variable) string {
		switch v.value {
		case mask:
			return "#" + v.name + "=" + mask
		case auto:
			return "# Now: " + cmp.Or(now[v.name], none) + "\n" + v.name + "=" + v.value
		}
		return v.name + "=" + v.value
	})
}

func (c *Config) write(w io.Writer, line func(variable) string) error {
	for i, v := range c.variables() {
		blank := "\n"
		if i == 0 {
			blank = ""
		}
		desc := wrap(v.desc, 110, "\n# ")
		_, err := fmt.Fprintf(w, "%s# %s\n# Default: %s. Example: %s\n%s\n", blank, desc, v.standard, v.example, line(v))
		if err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes the table of the variables for docs/configuration.md.
func (c *Config) Markdown(w io.Writer) error {
	b := []byte("| variable | default | meaning |\n|---|---|---|\n")
	for _, v := range c.variables() {
		b = fmt.Appendf(b, "| `%s` | `%s` | %s For example `%s`. |\n", v.name, v.standard, v.desc, v.example)
	}
	_, err := w.Write(b)
	return err
}

// wrap breaks text into lines of at most width bytes, separated by newline.
func wrap(text string, width int, newline string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+1+len(word) > width:
			b.WriteString(newline)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
