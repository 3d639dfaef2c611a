package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"
)

const maxIgnored = 1000 // event types that are counted by name

// DefaultFoundation is the default of Config.Foundation.
const DefaultFoundation = "file"

// The defaults of Config.
const (
	defaultStdinName = "standard input"
	defaultPoll      = time.Second
	defaultMaxKnown  = 50_000_000
	defaultRetry     = 200 * time.Millisecond
	defaultDrain     = 10 * time.Second
)

// Config has the settings of a file collector. The zero value of a field means its default.
type Config struct {
	// Foundation names the platform of the events, and is part of every subject and id. Default:
	// DefaultFoundation.
	Foundation string
	// Files are read in order, as one input. "-" is standard input. Compressed files (gzip, zstd,
	// bzip2) are known by their first bytes.
	Files []string
	// Order is the order of the events in the input: OrderAPI (the default), OrderNatural,
	// OrderCreated or OrderGiven. An input in another order is refused: before anything is stored
	// where its files can be read twice, otherwise where the first event stands wrong.
	Order string
	// StdinName is the name of standard input in the quarantine and in messages. Default: "standard
	// input".
	StdinName string
	// Follow keeps reading additions to the files, until Run's context ends. An incomplete last
	// line waits. A rotated file is followed to what has its name: the rest of the old content is
	// read first, then the files in between, from beside it. Where that is not shown to be all, a
	// gap is published. Compressed files and standard input are read to their end. At most 500
	// files.
	Follow bool
	// Poll is the longest time between two looks at followed files, where the system announces no
	// change, and the least between two horizons of them. Default: 1 s.
	Poll time.Duration
	// Horizon is the time up to which the input is complete, for every source in it. Default: the
	// newest time in the input, per source, and at most a minute after the clock.
	Horizon *time.Time
	// Future is what becomes of an event that is more than a minute after the clock, and after
	// Horizon: FutureQuarantine (the default), or FutureWait: it waits, and what follows it in a
	// followed file, until the clock has come there.
	Future string
	// MaxKnown limits the ids in memory, about 30 bytes each. Run refuses a foundation with more
	// facts, because it could not tell them apart. Default: 50,000,000.
	MaxKnown int
	// Retry is the wait after the first append with an unknown outcome; it doubles up to 5 s.
	// Default: 200 ms.
	Retry time.Duration
	// Drain is the longest time in which Run stores what it has read so far after its context has
	// ended. Default: 10 s.
	Drain time.Duration
}

func (c Config) withDefaults() Config {
	c.Foundation = cmp.Or(c.Foundation, DefaultFoundation)
	c.Future = cmp.Or(c.Future, FutureQuarantine)
	c.Order = cmp.Or(c.Order, OrderAPI)
	if c.Order == OrderNatural {
		c.Files = naturalOrder(c.Files)
	}
	c.StdinName = cmp.Or(c.StdinName, defaultStdinName)
	c.Poll = positive(c.Poll, defaultPoll)
	c.MaxKnown = positive(c.MaxKnown, defaultMaxKnown)
	c.Retry = positive(c.Retry, defaultRetry)
	c.Drain = positive(c.Drain, defaultDrain)
	return c
}

// What becomes of events of the future; see Config.Future.
const (
	FutureQuarantine = "quarantine"
	FutureWait       = "wait"
)

// maxAhead is how far beyond the clock a time is believed: clocks differ.
const maxAhead = time.Minute

// positive is a setting, or its default when the setting is not above zero.
func positive[T int | time.Duration](setting, otherwise T) T {
	if setting > 0 {
		return setting
	}
	return otherwise
}

func (c Config) validate() error {
	if len(c.Files) == 0 {
		return errors.New("no input: name one or more files, or - for standard input")
	}
	stdin := 0
	for _, f := range c.Files {
		if f == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return errors.New("standard input (-) is named more than once: it can be read once")
	}
	if c.Follow && len(c.Files) > maxFollowed {
		return fmt.Errorf("%d files are to be followed: at most %d are, by one collector; start another for the others",
			len(c.Files), maxFollowed)
	}
	switch c.Order {
	case OrderAPI, OrderNatural, OrderGiven:
	case OrderCreated:
		if c.Follow {
			return errors.New("a followed input has no end, and cannot be put in the order of its times: leave out " +
				"the order, or do not follow")
		}
	default:
		return fmt.Errorf("the order %q is unknown: it is api, natural, created_at or given", c.Order)
	}
	switch c.Future {
	case FutureQuarantine:
	case FutureWait:
		if !c.Follow {
			return errors.New("events of the future wait in followed files only: follow, or have them quarantined")
		}
	default:
		return fmt.Errorf("what becomes of events of the future is unknown: %q; it is quarantine or wait", c.Future)
	}
	if len(c.Foundation) > 100 {
		return fmt.Errorf("the foundation's name has %d bytes: at most 100 are allowed", len(c.Foundation))
	}
	return nil
}

// Deps are the file collector's connections. Only Store is required.
type Deps struct {
	Store Store
	Log   *slog.Logger
	Stdin io.Reader
	// Now is the clock that tells events of the future.
	Now func() time.Time
	// Progress is called with the report after every batch and at the end, from Run's
	// goroutine: the hook for metrics and progress bars.
	Progress func(Report)
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Stdin == nil {
		d.Stdin = os.Stdin
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Progress == nil {
		d.Progress = func(Report) {}
	}
	return d
}

// Report counts the work of a run.
type Report struct {
	Files       int      // opened inputs
	Empty       []string // inputs without any event
	Inputs      int      // documents: events, notifications, and what is not understood
	Facts       int      // facts in the input, stored now or before
	Stored      int      // facts stored by this run
	Known       int      // facts in USAGE, or earlier in the input, before
	Gaps        int      // gaps stored by this run
	Ignored     map[string]int
	Quarantined int                  // quarantined documents, stored now or before
	Horizon     map[string]time.Time // horizons stored by this run, by source
}

func (r *Report) clone() Report {
	c := *r
	c.Empty, c.Ignored, c.Horizon = slices.Clone(r.Empty), maps.Clone(r.Ignored), maps.Clone(r.Horizon)
	return c
}
