package months

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
)

// Month groups the commands about months.
type Month struct {
	List   List   `cmd:"" help:"List the months of foundations: open, or closed when and by whom."`
	Close  Close  `cmd:"" help:"Close a month: what changes it from then on is a correction in the first open month."`
	Reopen Reopen `cmd:"" help:"Open the last closed month again; it then closes by hand only."`
	Mode   Mode   `cmd:"" help:"Say how open months close: by themselves (automatic), or by hand only (manual)."`
	Grace  Grace  `cmd:"" help:"Say how long after its end a month closes by itself."`
}

// flags are the flags of every act about months.
type flags struct {
	shell.NATS
	shell.Person
	Foundation string        `help:"Only this foundation."`
	Wait       time.Duration `default:"10s" help:"Time to wait for the projector to take the act up; 0: none."`
}

// Close is daybook month close.
type Close struct {
	flags
	Month string `arg:"" placeholder:"YYYY-MM" help:"Month to close. The open ones before it have to be closed before."`
}

// Validate checks the command line.
func (c *Close) Validate() error { return validMonth(c.Month) }

// Run closes a month of a foundation, or of each.
func (c *Close) Run(e *shell.Env) error {
	return c.each(e, c.Month, events.ActClosing, func(m *acts.Months) error { return m.Closable(c.Month) })
}

// Reopen is daybook month reopen.
type Reopen struct {
	flags
	Month string `arg:"" placeholder:"YYYY-MM" help:"The last closed month."`
}

// Validate checks the command line.
func (c *Reopen) Validate() error {
	if c.By == "" || c.Note == "" {
		return errors.New("a month is opened again with --by NAME and --note REASON")
	}
	return validMonth(c.Month)
}

// Run opens a month of a foundation, or of each, again.
func (c *Reopen) Run(e *shell.Env) error {
	return c.each(e, c.Month, events.ActReopening, func(m *acts.Months) error { return m.Openable(c.Month) })
}

// Mode is daybook month mode.
type Mode struct {
	flags
	Mode string `arg:"" enum:"automatic,manual" help:"How open months close: ${enum}."`
}

// Run sets the mode of a foundation, or of all.
func (c *Mode) Run(e *shell.Env) error {
	return c.policy(e, events.ActMode, events.Month{Mode: c.Mode})
}

// Grace is daybook month grace.
type Grace struct {
	flags
	Grace time.Duration `arg:"" placeholder:"DURATION" help:"From the end of a month to its closing, such as 120h."`
}

// maxGrace is the longest grace: the projector takes none beyond it.
const maxGrace = 366 * 24 * time.Hour

// Validate checks the command line.
func (c *Grace) Validate() error {
	if c.Grace < 0 || c.Grace > maxGrace {
		return fmt.Errorf("the grace %s is not between 0 and %s", c.Grace, maxGrace)
	}
	return nil
}

// Run sets the grace of a foundation, or of all.
func (c *Grace) Run(e *shell.Env) error {
	seconds := uint32(c.Grace / time.Second) //nolint:gosec // checked
	return c.policy(e, events.ActGrace, events.Month{GraceSeconds: seconds})
}

func validMonth(month string) error {
	if !shell.IsMonth(month) {
		return fmt.Errorf("%q is not a month such as 2026-11", month)
	}
	return nil
}
