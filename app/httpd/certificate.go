package httpd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	certVariable = "GONETMON_TLS_CERT"
	keyVariable  = "GONETMON_TLS_KEY"

	certificateInterval = 2 * time.Second // between two checks of the files
	maxPEM              = 1 << 20         // bytes
)

// A Certificate is a TLS certificate with its key. It reads them again when their files change.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex // guards all below
	current *tls.Certificate
	files   [2]fs.FileInfo // of both files when they were last read
	checked time.Time      // when the files were last checked
	failing bool           // the last check failed
}

// LoadCertificate reads the PEM files of a certificate and its key. The error names the variable and the file.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, checked: time.Now()}
	if err := c.update(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reads the files again if they have changed. If they cannot be read with the present privileges, or are wrong, it logs
// this once and keeps the last good certificate.
func (c *Certificate) Check() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check()
}

// get returns the certificate for a connection (tls.Config.GetCertificate).
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) >= certificateInterval {
		c.check()
	}
	return c.current, nil
}

func (c *Certificate) check() {
	c.checked = time.Now()
	err := c.update()
	if err != nil && !c.failing {
		c.log.Warn("cannot read the TLS files again, keeping the last certificate; let this user read them, or restart gonetmon"+
			" when they have changed", "uid", os.Geteuid(), "error", err)
	}
	c.failing = err != nil
}

// update reads the files if they have changed. While they are being replaced, the key may not belong to the certificate: that is
// an error, and the next check reads them again.
func (c *Certificate) update() error {
	var files [2]fs.FileInfo
	var err error
	if files[0], err = readable(c.certFile); err != nil {
		return fmt.Errorf("%s=%s: %w", certVariable, c.certFile, err)
	}
	if files[1], err = readable(c.keyFile); err != nil {
		return fmt.Errorf("%s=%s: %w", keyVariable, c.keyFile, err)
	}
	if c.current != nil && unchanged(files[0], c.files[0]) && unchanged(files[1], c.files[1]) {
		return nil
	}
	again := c.current != nil
	current, err := c.read()
	if err != nil {
		return err
	}
	c.current, c.files = current, files
	if again {
		c.log.Info("TLS certificate loaded", "file", c.certFile, "expires", current.Leaf.NotAfter)
	}
	return nil
}

// readable returns information on a file that can be read. It returns an error for any other file.
func readable(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a named pipe would wait for its writer
		return nil, errors.New("not a regular file")
	case info.Size() > maxPEM:
		return nil, errors.New("too large for a PEM file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Stat()
}

// unchanged reports whether a file was neither written nor replaced.
func unchanged(info, old fs.FileInfo) bool {
	return os.SameFile(info, old) && info.Size() == old.Size() && info.ModTime().Equal(old.ModTime())
}

// read reads and parses both files.
func (c *Certificate) read() (*tls.Certificate, error) {
	cert, err := os.ReadFile(c.certFile)
	if err == nil {
		err = checkCertificate(cert)
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", certVariable, c.certFile, err)
	}
	var pair tls.Certificate
	key, err := os.ReadFile(c.keyFile)
	if err == nil {
		pair, err = parseKey(cert, key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", keyVariable, c.keyFile, err)
	}
	return &pair, nil
}

// checkCertificate returns an error if the PEM text has no valid certificate.
func checkCertificate(text []byte) error {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_, err := x509.ParseCertificate(block.Bytes)
			return err
		}
	}
	return errors.New("contains no certificate in PEM format (-----BEGIN CERTIFICATE-----)")
}

// parseKey parses the PEM texts of a valid certificate and of its key.
func parseKey(cert, key []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err == nil:
		return pair, nil
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return pair, errors.New("the key is encrypted; remove its passphrase, for example with `openssl pkey`")
	case !bytes.Contains(key, []byte("PRIVATE KEY-----")):
		return pair, errors.New("contains no private key in PEM format (-----BEGIN PRIVATE KEY-----)")
	}
	return pair, err // "tls: private key does not match public key"
}
