package identity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// server is the part that the fakes share.
type server struct {
	// mu guards the fields below: a test turns the knobs while the server answers.
	mu     sync.Mutex
	asked  map[string]int
	answer http.HandlerFunc
}

// Asked is the number of requests for a path so far.
func (s *server) Asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

// Answer has the requests from now on answered by a handler; nil gives them back to the server.
func (s *server) Answer(by http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = by
}

// taken counts a request, and reports whether Answer's handler has answered it.
func (s *server) taken(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[r.URL.Path]++
	by := s.answer
	s.mu.Unlock()
	if by != nil {
		by(w, r)
	}
	return by != nil
}

// Maintenance is the router's page while the server behind it is down: status 200, and HTML.
func Maintenance(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!DOCTYPE html><html><body><h1>We will be back soon.</h1></body></html>")
}

// Status answers every request with a status.
func Status(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value) //nolint:errcheck // the client has gone
}
