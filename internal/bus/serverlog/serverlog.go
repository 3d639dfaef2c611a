// Package serverlog takes the log of the embedded server.
package serverlog

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// Log passes on the server's warnings and errors and keeps what it calls fatal, which for us
// is an error of StartServer and never an exit.
type Log struct {
	to      *slog.Logger
	full    chan struct{} // with room for one
	mu      sync.Mutex
	started bool   // StartServer has looked at fatal; guarded by mu
	fatal   string // the first; guarded by mu
}

// New makes a log.
func New(to *slog.Logger) *Log { return &Log{to: to, full: make(chan struct{}, 1)} }

// Full has a value when the server has told of a full disk.
func (l *Log) Full() <-chan struct{} { return l.full }

// Noticef implements the server's Logger, as the methods below.
func (l *Log) Noticef(string, ...any) {}

// Debugf is nothing.
func (l *Log) Debugf(string, ...any) {}

// Tracef is nothing.
func (l *Log) Tracef(string, ...any) {}

// look looks for a full disk.
func (l *Log) look(format string, v []any) {
	if diskFull(fmt.Sprintf(format, v...)) {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

// Warnf passes on a warning.
func (l *Log) Warnf(format string, v ...any) {
	l.look(format, v)
	l.to.Warn("NATS server", slog.String("detail", fmt.Sprintf(format, v...)))
}

// Errorf passes on an error.
func (l *Log) Errorf(format string, v ...any) {
	l.look(format, v)
	l.to.Error("NATS server", slog.String("detail", fmt.Sprintf(format, v...)))
}

// Fatalf keeps an error.
func (l *Log) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = cmp.Or(l.fatal, fmt.Sprintf(format, v...))
	if l.started {
		l.to.Error("NATS server", slog.String("detail", fmt.Sprintf(format, v...)))
	}
}

// TakeFatal returns the first fatal error so far, and has later ones logged.
func (l *Log) TakeFatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
	return l.fatal
}

// diskFull reports whether the server's log tells of a full disk: it stores nothing any more, and
// says so nowhere else.
func diskFull(text string) bool {
	return strings.Contains(text, "no space left on device") || strings.Contains(text, "disk quota exceeded")
}
