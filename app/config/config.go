// Package config reads the configuration from the environment and describes it. It is the only package that knows the
// variables, and knows nothing of what is done with their values.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kelseyhightower/envconfig"

	"gonetmon/app/names"
)

// A Config holds the values of all variables. Each field is the variable GONETMON_ and the field's name in capitals. The
// field's type says in Decode what is wrong with a value, and in String how it is written.
type Config struct {
	Interface      interfaces `default:"auto" example:"eth1"`
	CIDR           prefixes   `default:"auto" example:"192.168.2.0/24,fe80::/10"`
	Addr           address    `default:"127.0.0.1" example:"0.0.0.0"`
	Port           port       `default:"8080" example:"8081"`
	HostNames      hostNames  `split_words:"true" default:"none" example:"gonetmon.example.org"`
	Password       secret     `default:"none" example:"one of your own"`
	TLSCert        path       `split_words:"true" default:"none" example:"/etc/gonetmon/cert.pem"`
	TLSKey         path       `split_words:"true" default:"none" example:"/etc/gonetmon/key.pem"`
	GrafanaURL     link       `split_words:"true" default:"none" example:"http://192.168.2.3:3000"`
	DNSServers     servers    `split_words:"true" default:"auto" example:"192.168.2.1"`
	Names          sources    `default:"file,ptr,dhcp,mdns,service,llmnr,netbios" example:"file,dhcp,mdns"`
	NamesFile      path       `split_words:"true" default:"none" example:"/etc/hosts"`
	StripDomain    domains    `split_words:"true" default:"auto" example:"home.arpa,lan"`
	ReportInterval interval   `split_words:"true" default:"1m" example:"5m"`
	MaxHosts       hosts      `split_words:"true" default:"4096" example:"10000"`
	ForgetAfter    interval   `split_words:"true" default:"30d" example:"90d"`
	BillingDay     monthDay   `split_words:"true" default:"1" example:"15"`
	DataCap        dataCap    `split_words:"true" default:"none" example:"1.2TB"`
	StateDir       path       `split_words:"true" default:"none" example:"/var/lib/gonetmon"`
	RingSize       size       `split_words:"true" default:"8MiB" example:"32MiB"`
	KeepPrivileges toggle     `split_words:"true" default:"false" example:"true"`
	LogLevel       level      `split_words:"true" default:"info" example:"debug"`
}

const (
	prefix   = "GONETMON"
	password = prefix + "_PASSWORD" // its value is never shown
)

// Load reads the environment. A variable that is set but empty counts as not set: docker compose passes unset ones
// that way. A comment after a value and quotes around it are not part of it: docker compose removes them, docker run does not.
// The password is taken as it is: it may contain both.
func Load() (*Config, error) {
	var c Config
	known := variableNames()
	if err := dropServiceLinks(); err != nil {
		return nil, err
	}
	if err := setZone(os.Getenv("TZ")); err != nil {
		return nil, err
	}
	for _, name := range known {
		value, set := os.LookupEnv(name)
		bare := bareValue(value)
		if name == password {
			bare = strings.TrimSpace(value)
		}
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
	if err := checkNames(known, InContainer()); err != nil {
		return nil, err
	}
	err := envconfig.Process(prefix, &c)
	var bad *envconfig.ParseError
	if errors.As(err, &bad) {
		i := slices.Index(known, bad.KeyName)
		what := fmt.Sprintf("%s=%q", bad.KeyName, bad.Value)
		if bad.KeyName == password {
			what = password
		}
		return nil, fmt.Errorf("%s: %w; for example %s=%s", what, bad.Err, bad.KeyName, c.variables()[max(i, 0)].example)
	}
	if err != nil {
		return nil, err
	}
	if c.NamesFile != "" && !slices.Contains(c.Names, names.SourceFile) {
		return nil, fmt.Errorf("GONETMON_NAMES_FILE=%q: not used, because GONETMON_NAMES=%s does not contain %s;"+
			" for example GONETMON_NAMES=%[3]s,%[2]s", string(c.NamesFile), c.Names, names.SourceFile)
	}
	const pair = "%s=%q: needs %s as well; for example %[1]s=/etc/gonetmon/%[4]s and %[3]s=/etc/gonetmon/%[5]s"
	switch cert, key := string(c.TLSCert), string(c.TLSKey); {
	case cert != "" && key == "":
		return nil, fmt.Errorf(pair, "GONETMON_TLS_CERT", cert, "GONETMON_TLS_KEY", "cert.pem", "key.pem")
	case cert == "" && key != "":
		return nil, fmt.Errorf(pair, "GONETMON_TLS_KEY", key, "GONETMON_TLS_CERT", "key.pem", "cert.pem")
	}
	return &c, nil
}

// setZone returns an error if Go does not know the time zone in the variable TZ. Go itself would silently use UTC, also if the
// value has quotes or a comment.
func setZone(value string) error {
	tz := bareValue(value)
	zone, err := loadZone(strings.TrimPrefix(tz, ":"))
	if err != nil {
		return fmt.Errorf("TZ=%q: %w; for example TZ=Europe/Berlin", tz, err)
	}
	if tz != value {
		time.Local = zone
	}
	return nil
}

// loadZone returns the time zone with this name, or in this file.
func loadZone(name string) (*time.Location, error) {
	if filepath.IsAbs(name) {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return time.LoadLocationFromTZData(name, data)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New("no such time zone")
	}
	return zone, nil
}

// serviceLink matches the variables that Kubernetes sets in every container for each service, here for gonetmon and gonetmon-web:
// GONETMON_PORT, GONETMON_WEB_SERVICE_HOST, GONETMON_WEB_PORT_80_TCP_ADDR
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
var serviceLink = regexp.MustCompile(`^GONETMON_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$`)

// dropServiceLinks removes these variables in Kubernetes, but keeps a port number in GONETMON_PORT.
func dropServiceLinks() error {
	if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		return nil
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if serviceLink.MatchString(name) && (name != prefix+"_PORT" || strings.Contains(value, "://")) {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// bareValue returns a value without a comment after it and without a pair of quotes around it.
func bareValue(value string) string {
	value = strings.TrimSpace(value)
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
		if end := strings.IndexByte(value[1:], value[0]) + 1; end > 0 && strings.TrimSpace(withoutComment(value[end+1:])) == "" {
			return strings.TrimSpace(value[1:end])
		}
	}
	return strings.TrimSpace(withoutComment(value))
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
