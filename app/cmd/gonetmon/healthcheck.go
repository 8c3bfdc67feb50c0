package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/config"
)

// healthcheck asks the daemon with the same configuration whether it is healthy.
func healthcheck(c *config.Config) error {
	addr := c.Addr.Addr
	if addr.IsUnspecified() {
		addr = netip.IPv6Loopback()
		if c.Addr.Is4() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	url := "http://" + net.JoinHostPort(addr.String(), strconv.Itoa(int(c.Port))) + "/healthz"
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, answer.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
