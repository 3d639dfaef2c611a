package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/redact"
)

// rateInput collects the facts of files, each once.
type rateInput struct {
	facts       []events.Usage
	seen        map[string]bool
	newest      time.Time
	quarantined int
	stderr      io.Writer
}

// read adds the facts of a file. A line that is not understood is reported with file and line, and
// counted; the others are read.
func (in *rateInput) read(e *env, name string) error {
	empty := true
	for line, err := range file.Lines(e.ctx, name, e.stdin) {
		var wrong *collector.InputError
		if err != nil && !errors.As(err, &wrong) {
			return err
		}
		var u events.Usage
		if err == nil {
			u, err = file.Normalise(file.DefaultFoundation, line.Data)
		}
		empty = false
		switch {
		case errors.Is(err, collector.ErrIgnored):
		case err != nil:
			in.quarantined++
			fmt.Fprintf(in.stderr, "daybook: %s:%d: %s; the line was left out: correct it, or remove it\n", name,
				line.Number, redact.Text(err.Error()))
		case !in.seen[u.ID]:
			in.seen[u.ID] = true
			u.Raw = nil
			in.newest = latest(in.newest, u.Time, u.Observed)
			in.facts = append(in.facts, u)
		}
	}
	if empty {
		fmt.Fprintf(in.stderr, "daybook: %s is empty: expected usage events or notifications, one JSON object a line\n",
			name)
	}
	return nil
}

func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
