package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/config"
)

// get asks the daemon with the same configuration for a path, such as "/healthz". It waits five seconds for each step up to the
// header; the body may take longer. The caller closes the body. An answer other than 200 OK is an error with its text. With TLS
// the daemon must have the certificate of the configuration, whatever names that has.
func get(c *config.Config, path string) (*http.Response, error) {
	addr := c.Addr.Addr
	if addr.IsUnspecified() {
		addr = netip.IPv6Loopback()
		if c.Addr.Is4() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	var secure *tls.Config
	scheme := "http://"
	if c.TLSCert != "" {
		var err error
		if secure, err = pinned(string(c.TLSCert)); err != nil {
			return nil, fmt.Errorf("GONETMON_TLS_CERT=%s: %w", c.TLSCert, err)
		}
		scheme = "https://"
	}
	url := scheme + net.JoinHostPort(addr.String(), strconv.Itoa(int(c.Port))) + path
	const patience = 5 * time.Second
	client := &http.Client{Transport: &http.Transport{
		Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: patience,
		DialContext:     (&net.Dialer{Timeout: patience}).DialContext,
		TLSClientConfig: secure, TLSHandshakeTimeout: patience,
	}}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if c.Password != "" {
		request.SetBasicAuth("gonetmon", string(c.Password))
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no gonetmon answers on GONETMON_ADDR=%s and GONETMON_PORT=%d: %w; is it running,"+
			" with the same variables?", c.Addr, c.Port, err)
	}
	if answer.StatusCode != http.StatusOK {
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		said := strings.TrimSpace(string(text))
		var refusal api.Error
		if json.Unmarshal(text, &refusal) == nil {
			said = refusal.Error
		}
		return nil, fmt.Errorf("%s: %s: %s", url, answer.Status, said)
	}
	return answer, nil
}

// pinned returns a configuration with which only a server with the certificate in this PEM file is accepted.
func pinned(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	for block != nil && block.Type != "CERTIFICATE" { // the key may be in the same file
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("contains no certificate in PEM format")
	}
	return &tls.Config{
		InsecureSkipVerify: true, // of names and dates; the certificate itself is compared
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return fmt.Errorf("the server has another certificate than GONETMON_TLS_CERT=%s; if the file is new, restart gonetmon", file)
			}
			return nil
		},
	}, nil
}
