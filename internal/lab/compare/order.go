package compare

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// inOrder makes a foundation answer a collector, which reads two lists at once, in one order: the
// service usage events wait until the app usage events have been read to their end. So two runs
// store the same facts in the same order.
type inOrder struct {
	api http.Handler

	mu   sync.Mutex
	read bool      // the app usage events, to their end
	last time.Time // answer about app usage events
}

const (
	quiet     = time.Second // without a request for app usage events: the list is done
	patience  = time.Minute
	lookEvery = 20 * time.Millisecond
)

// restart begins a new round.
func (o *inOrder) restart() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read = false
}

func (o *inOrder) done() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.read && time.Since(o.last) > quiet
}

// ServeHTTP implements http.Handler.
func (o *inOrder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/v3/service_usage_events"):
		for end := time.Now().Add(patience); !o.done() && time.Now().Before(end); {
			time.Sleep(lookEvery)
		}
	case strings.HasPrefix(r.URL.Path, "/v3/app_usage_events"):
		answer := &listener{ResponseWriter: w}
		w = answer
		defer o.answered(answer)
	}
	o.api.ServeHTTP(w, r)
}

// answered notes an answer about app usage events.
func (o *inOrder) answered(l *listener) {
	last := bytes.Contains(l.page, []byte(`"next":null`)) && json.Valid(l.page) // whole
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read = o.read || last
	o.last = time.Now()
}

// listener keeps a page to see whether it is the last one of its list.
type listener struct {
	http.ResponseWriter
	page []byte
}

// Write implements http.ResponseWriter.
func (l *listener) Write(piece []byte) (int, error) {
	l.page = append(l.page, piece...)
	return l.ResponseWriter.Write(piece)
}
