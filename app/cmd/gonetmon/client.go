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

// get asks the daemon with the same configuration for a path, such as "/healthz", within five seconds; the body may take
// longer than that. The caller closes the body. An answer other than 200 OK is an error with its text.
func get(c *config.Config, path string) (*http.Response, error) {
	addr := c.Addr.Addr
	if addr.IsUnspecified() {
		addr = netip.IPv6Loopback()
		if c.Addr.Is4() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	url := "http://" + net.JoinHostPort(addr.String(), strconv.Itoa(int(c.Port))) + path
	const patience = 5 * time.Second
	client := &http.Client{Transport: &http.Transport{
		Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: patience,
		DialContext: (&net.Dialer{Timeout: patience}).DialContext,
	}}
	answer, err := client.Get(url)
	if err != nil {
		return nil, fmt.Errorf("no gonetmon answers on GONETMON_ADDR=%s and GONETMON_PORT=%d: %w; is it running, with the same variables?",
			c.Addr, c.Port, err)
	}
	if answer.StatusCode != http.StatusOK {
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		return nil, fmt.Errorf("%s: %s: %s", url, answer.Status, strings.TrimSpace(string(text)))
	}
	return answer, nil
}
