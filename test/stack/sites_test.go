package stack_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// forwardTwoSites runs the stack at two sites, as README tells under "Several machines": each is a machine in a Docker network of
// its own, with a LAN, and forwards its metrics to one VictoriaMetrics.
func (e *engine) forwardTwoSites() {
	t := e.t
	binary, err := exec.LookPath("victoria-metrics")
	if err != nil {
		t.Fatal(err)
	}
	const victoria = "10.9.0.9:8428"
	image := e.busyboxRoot("victoriametrics")
	e.must("cp", binary, image+"/bin/victoria-metrics")
	e.importImage("victoriametrics:local", image, "", `ENTRYPOINT ["/bin/victoria-metrics"]`)
	e.importImage("machine:local", e.busyboxRoot("machine", "sleep", "httpd", "wget"), "", "ENV PATH=/bin")
	e.must("docker", "network", "create", "--subnet", "10.9.0.0/24", "wan")
	e.must("docker", "run", "-d", "--network", "wan", "--ip", "10.9.0.9", "victoriametrics:local", "-storageDataPath=/tmp/data")

	subnets := map[string]string{"attic": "10.1.0", "cellar": "10.2.0"}
	for site, subnet := range subnets {
		e.must("docker", "network", "create", "--subnet", subnet+".0/24", site)
		e.must("docker", "run", "-d", "--name", site, "--network", site, "--ip", subnet+".2", "machine:local", "sleep", "3600")
		e.must("docker", "network", "connect", "wan", site)
		e.must("docker", "exec", "-d", site, "httpd", "-f", "-p", "8000", "-h", "/")

		config := filepath.Join(e.dir, site)
		e.must("mkdir", "-p", filepath.Join(config, "prometheus"))
		write(t, filepath.Join(config, "prometheus/prometheus.yml"),
			strings.Replace(read(t, "prometheus/prometheus.yml"), "instance: home", "instance: "+site, 1)+
				"\nremote_write:\n  - url: http://"+victoria+"/api/v1/write\n")
		override := filepath.Join(config, "network.yaml")
		write(t, override, strings.ReplaceAll(`services: {gonetmon: {network_mode: M}, prometheus: {network_mode: M}}`, "M",
			`"container:`+site+`"`))
		e.dotenv("GONETMON_INTERFACE=eth0", "GONETMON_CIDR="+subnet+".0/24", "GONETMON_DNS_SERVERS=none", "GONETMON_CONFIG_DIR="+config)
		e.compose("-p", site, "-f", "compose.yaml", "-f", override, "up", "-d", "--wait", "gonetmon", "prometheus")
		e.must("docker", "run", "--rm", "--network", site, "--ip", subnet+".10", "machine:local",
			"wget", "-q", "-O", "/dev/null", "http://"+subnet+".2:8000/bin/busybox")
	}

	for site, subnet := range subnets {
		line := regexp.MustCompile(`(?m)^node_bytes_total\{device="` + regexp.QuoteMeta(subnet+".10") + `"\} (\d+)$`)
		query := fmt.Sprintf(`node_bytes_total{instance=%q,device="%s.10"}`, site, subnet)
		e.eventually(query, func() (string, bool) {
			page := line.FindStringSubmatch(e.must("docker", "exec", site, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/metrics"))
			stored, err := e.ask(victoria, query)
			if page == nil || err != nil {
				return fmt.Sprint("not counted, or ", err), false
			}
			bytes, err := strconv.ParseFloat(page[1], 64)
			return fmt.Sprint(bytes, " counted; stored: ", stored, err), bytes > 1e6 && stored[subnet+".10"] == bytes
		})
	}
	// What the dashboards ask: each site has its own series. test/dashboards compares all their queries.
	for _, query := range []string{`up{job="gonetmon"} == 1`, `sum by (instance) (rate(gonetmon_device_bytes_total[1m]))`} {
		e.eventually(query, func() (string, bool) {
			got, err := e.ask(victoria, query)
			return fmt.Sprint(got, err), slices.Equal(slices.Sorted(maps.Keys(got)), []string{"attic", "cellar"})
		})
	}
}
