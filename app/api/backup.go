package api

import (
	"io"
	"net/http"
)

// serveBackup answers with a copy of the state file. If the copy fails halfway, the transfer fails too.
func (a *api) serveBackup(w http.ResponseWriter, r *http.Request) {
	if _, ok := query(w, r); !ok {
		return
	}
	if a.cfg.Backup == nil {
		refuse(w, http.StatusNotFound, "nothing is kept on disk, so there is nothing to back up; set GONETMON_STATE_DIR, "+
			"for example GONETMON_STATE_DIR=/var/lib/gonetmon")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="gonetmon.db"`)
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	body := &begun{Writer: w}
	switch err := a.cfg.Backup(body); {
	case err != nil && body.yes:
		panic(http.ErrAbortHandler)
	case err != nil:
		h.Del("Content-Disposition")
		refuse(w, http.StatusInternalServerError, "the backup failed: %v", err)
	}
}

// A begun is a writer that notes whether anything was written.
type begun struct {
	io.Writer
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.Writer.Write(p)
}
