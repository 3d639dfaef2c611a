package offline

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/internal/redact"
)

// rateInput reads files into a meter.
type rateInput struct {
	newest      time.Time
	quarantined int
	stderr      io.Writer
}

// read gives the facts of the files to the meter, each once. Input that is not understood is
// reported with its place, and counted; the rest is read.
func (in *rateInput) read(e *shell.Env, c *Rate, m *rateMeter) error {
	files := file.Reading{
		Foundation: file.DefaultFoundation, Files: c.Files, Order: c.Order, Stdin: e.Stdin, StdinName: "-",
		Empty: func(name string) {
			fmt.Fprintf(in.stderr, "daybook: %s is empty: expected usage events or notifications as JSON\n", name)
		},
	}
	for event, err := range files.Events(e.Ctx) {
		switch {
		case err != nil:
			return err
		case errors.Is(event.Err, collector.ErrIgnored), event.Known:
		case event.Err != nil:
			in.quarantined++
			fmt.Fprintf(in.stderr, "daybook: %s: %s; it was left out: correct it, or remove it\n", event.Place,
				redact.Text(event.Err.Error()))
		default:
			u := event.Fact
			u.Raw = nil
			in.newest = latest(in.newest, u.Time, u.Observed)
			m.fact(&u)
		}
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
