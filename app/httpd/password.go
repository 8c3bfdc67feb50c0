package httpd

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// guessDelay is how long the answer to a wrong password takes. With at most 256 connections there are no more than 256
// guesses a second. Nobody is locked out: the right password is never delayed.
const guessDelay = time.Second

// A passwordCheck lets requests with the password pass, whatever their user name (RFC 7617), and requests for /healthz and
// /readyz.
type passwordCheck struct {
	next http.Handler
	hash [sha256.Size]byte // of the password
	log  *slog.Logger
}

func newPasswordCheck(next http.Handler, password string, log *slog.Logger) *passwordCheck {
	return &passwordCheck{next: next, hash: sha256.Sum256([]byte(password)), log: log}
}

// ServeHTTP answers 401 if the password is missing or wrong.
func (c *passwordCheck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, password, tried := r.BasicAuth()
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || tried && c.right(password) {
		c.next.ServeHTTP(w, r)
		return
	}
	if tried {
		c.log.Warn("request with a wrong password refused", "client", r.RemoteAddr)
		select {
		case <-time.After(guessDelay):
		case <-r.Context().Done():
		}
	}
	h := w.Header()
	h.Set("WWW-Authenticate", `Basic realm="gonetmon", charset="UTF-8"`)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "This needs the password that is set in GONETMON_PASSWORD, with any user name.\n")
}

// right compares in constant time.
func (c *passwordCheck) right(password string) bool {
	hash := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 1
}
