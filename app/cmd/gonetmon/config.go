package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/kelseyhightower/envconfig"

	"gonetmon/app/names"
)

// config is what the environment says, and the only thing that knows of it. Each field is the variable GONETMON_ and its name in
// capitals; desc and example are for people.
type config struct {
	Interface      interfaces `default:"auto" example:"eth1" desc:"Interfaces to listen to, a list. auto: the one of the default route. One that does not exist yet is waited for."`
	CIDR           prefixes   `default:"auto" example:"192.168.2.0/24,fe80::/10" desc:"Whose addresses are devices, a list of IPv4 and IPv6 prefixes. auto: those of the interface, or if it has no address (a mirror port) those of the interface of the default route. If no IPv6 prefix is listed, fe80::/10 and the prefixes that routers advertise are devices' too. For replay, auto is the private ranges and what routers advertise, and a list holds as it is."`
	Addr           address    `default:"127.0.0.1" example:"0.0.0.0" desc:"Address to serve the page and the metrics on. Everybody who reaches it can read them."`
	Port           port       `default:"8080" example:"8081" desc:"Port to serve them on; 0: any free one."`
	HostNames      hostNames  `split_words:"true" default:"none" example:"gonetmon.example.org" desc:"Names by which browsers, Prometheus or a reverse proxy may ask for the page and the metrics, a list, besides: IP addresses, names without a dot, names that only a local network can have (.lan, .local, .internal, .home.arpa, ...) and this machine's own. Another name is refused with status 421, as it may be that of a stranger's page which had it point here."`
	DNSServers     servers    `split_words:"true" default:"auto" example:"192.168.2.1" desc:"DNS servers to ask for the names of devices, a list of addresses, each with :port if it is not 53. auto: those of /etc/resolv.conf, which is read again when it changes. none: don't ask."`
	Names          sources    `default:"file,ptr,dhcp,mdns" example:"file,dhcp,mdns" desc:"Where names of devices come from, best first: file (GONETMON_NAMES_FILE), ptr (the DNS servers), dhcp (what devices call themselves when they ask for an address), mdns (what they call themselves in multicast DNS). What is left out is not used."`
	NamesFile      path       `split_words:"true" default:"none" example:"/etc/hosts" desc:"A file with names in the syntax of /etc/hosts, where a MAC may stand in place of an address. One name on several lines makes one device of them. It is read again when it changes."`
	StripDomain    domains    `split_words:"true" default:"auto" example:"home.arpa,lan" desc:"Domains that names are shown without, where they stay unique: roku for roku.home.arpa. auto: the search domains of /etc/resolv.conf. none: show names in full. For replay, auto is none."`
	ReportInterval interval   `split_words:"true" default:"1m" example:"5m" desc:"How often the table of devices with traffic is printed; 0: never."`
	MaxHosts       hosts      `split_words:"true" default:"65536" example:"10000" desc:"Most addresses to count one by one; what the others move is counted together. It also bounds what else is remembered: addresses that were only heard of, MACs, DNS names (each as many) and names of devices (twice as many). gonetmon_table_entries shows how full each is."`
	ForgetAfter    age        `split_words:"true" default:"30d" example:"90d" desc:"How long a device stays that is not seen any more. Then its series end, and its bytes are in the totals only. 0: for ever."`
	RingSize       size       `split_words:"true" default:"8MiB" example:"32MiB" desc:"Memory for frames that wait to be counted, for each interface. More bridges longer stalls of a busy machine."`
	KeepPrivileges toggle     `split_words:"true" default:"false" example:"true" desc:"Keep all rights instead of giving them up when everything is open. For debugging only."`
	LogLevel       level      `split_words:"true" default:"info" example:"debug" desc:"What to log: debug, info, warn or error."`
}

const prefix = "GONETMON"

// A variable is one field of config for people to read.
type variable struct {
	name, value, standard, example, desc string
}

// variables lists the fields of c in their order. The names are those that envconfig gives them.
func (c *config) variables() []variable {
	var vars []variable
	v := reflect.ValueOf(c).Elem()
	for i, name := range variableNames() {
		tag := v.Type().Field(i).Tag
		vars = append(vars, variable{name, fmt.Sprint(v.Field(i).Interface()), tag.Get("default"), tag.Get("example"), tag.Get("desc")})
	}
	return vars
}

// variableNames lists the variables' names in the order of config's fields.
func variableNames() []string {
	var b strings.Builder
	if err := envconfig.Usagef(prefix, &config{}, &b, "{{range .}}{{usage_key .}}\n{{end}}"); err != nil {
		panic("config: " + err.Error())
	}
	return strings.Fields(b.String())
}

// loadConfig reads the environment. A variable that is set but empty counts as not set, as compose passes it. A comment behind a
// value, which compose takes away and systemd and docker do not, is none of the value.
func loadConfig() (*config, error) {
	var c config
	known := variableNames()
	for _, name := range known {
		value, set := os.LookupEnv(name)
		bare := strings.TrimSpace(uncommented(value))
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
			return nil, fmt.Errorf("%s=%q: no such variable; did you mean %s? `gonetmon config` lists all", name, value, nearest(name, known))
		}
	}
	err := envconfig.Process(prefix, &c)
	var wrong *envconfig.ParseError
	if errors.As(err, &wrong) {
		i := slices.Index(known, wrong.KeyName)
		return nil, fmt.Errorf("%s=%q: %w; for example %s=%s", wrong.KeyName, wrong.Value, wrong.Err, wrong.KeyName, c.variables()[max(i, 0)].example)
	}
	if err != nil {
		return nil, err
	}
	if c.NamesFile != "" && !slices.Contains(c.Names, names.SourceFile) {
		return nil, fmt.Errorf("GONETMON_NAMES_FILE=%q: is not used, as GONETMON_NAMES=%s does not contain %s; for example GONETMON_NAMES=%s,%[2]s",
			string(c.NamesFile), c.Names, names.SourceFile, names.SourceFile)
	}
	return &c, nil
}

// uncommented is value without a comment behind it: # at its beginning or after white space.
func uncommented(value string) string {
	before := ' '
	for i, r := range value {
		if r == '#' && unicode.IsSpace(before) {
			return value[:i]
		}
		before = r
	}
	return value
}

// nearest is the name that takes the fewest changes to make of name.
func nearest(name string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
}

// distance is the Levenshtein distance.
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

// print writes every variable, its value and its meaning.
func (c *config) print(w io.Writer) error {
	return c.write(w, func(v variable) string { return v.name + "=" + v.value })
}

// example writes .env.example: everything as it is without it, to be uncommented and changed.
func (c *config) example(w io.Writer) error {
	_, err := io.WriteString(w, "# Copy this file to .env and change what you need; without a line, or with an empty value, the default holds.\n\n")
	if err != nil {
		return err
	}
	if err := c.write(w, func(v variable) string { return "#" + v.name + "=" + v.example }); err != nil {
		return err
	}
	_, err = io.WriteString(w, stackVariables)
	return err
}

// stackVariables are those of compose.yaml, which the daemon passes over.
const stackVariables = `
# What follows is for docker compose only.

# Address of Grafana's pages. Everybody who reaches it can look at them. Beyond this machine it takes a GRAFANA_PASSWORD.
# Default: 127.0.0.1. Example: 0.0.0.0
#GRAFANA_ADDR=0.0.0.0

# Port of Grafana's pages.
# Default: 3000. Example: 3001
#GRAFANA_PORT=3001

# Password of Grafana's user admin, as of its first start. Without one nobody can log in; dashboards are shown all the same.
# Default: none. Example: one of your own
#GRAFANA_PASSWORD=

# Port of Prometheus, on 127.0.0.1.
# Default: 9090. Example: 9191
#PROMETHEUS_PORT=9191

# How long Prometheus keeps what it has, and how much disk it takes at most; the first that is reached counts.
# Default: 1y and 4GB. Example: 90d and 1GB
#PROMETHEUS_RETENTION_TIME=90d
#PROMETHEUS_RETENTION_SIZE=1GB

# Port of Alertmanager, on 127.0.0.1, which runs with COMPOSE_PROFILES=alerts only.
# Default: 9093. Example: 9193
#ALERTMANAGER_PORT=9193
#COMPOSE_PROFILES=alerts
`

func (c *config) write(w io.Writer, line func(variable) string) error {
	for i, v := range c.variables() {
		blank := "\n"
		if i == 0 {
			blank = ""
		}
		if _, err := fmt.Fprintf(w, "%s# %s\n# Default: %s. Example: %s\n%s\n", blank, wrap(v.desc, 110, "\n# "), v.standard, v.example, line(v)); err != nil {
			return err
		}
	}
	return nil
}

// markdown writes the table of the variables for README.
func (c *config) markdown(w io.Writer) error {
	b := []byte("| variable | default | what |\n|---|---|---|\n")
	for _, v := range c.variables() {
		b = fmt.Appendf(b, "| `%s` | `%s` | %s For example `%s`. |\n", v.name, v.standard, v.desc, v.example)
	}
	_, err := w.Write(b)
	return err
}

// wrap breaks text into lines of at most width bytes.
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
