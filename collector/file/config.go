package file

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"
)

// Limits of the file collector.
const (
	// MaxLine is the longest line that is read, in bytes. What is longer is quarantined, cut.
	MaxLine = 1 << 20

	maxIgnored = 1000
)

// DefaultFoundation is the default of Config.Foundation.
const DefaultFoundation = "file"

// Config is what the file collector is told. The zero value of a field means its default.
type Config struct {
	// Foundation names the platform that the events are of, and is part of every subject and id.
	// DefaultFoundation by default.
	Foundation string
	// Files are read in order, as one input. "-" is standard input; names that end in ".gz" are
	// decompressed.
	Files []string
	// StdinName is what standard input is called in the quarantine and in messages. Default:
	// "standard input".
	StdinName string
	// Follow keeps reading what is appended to the files, until Run's context ends. An incomplete
	// last line waits. A file that was made shorter is read again from its start; one that was
	// replaced under its name is not noticed. Compressed files and standard input are read to their
	// end.
	Follow bool
	// Poll is how often followed files are looked at. Default: 1 s.
	Poll time.Duration
	// Horizon is up to when the input is complete, for every source in it. Default: the newest time
	// in the input, per source.
	Horizon *time.Time
	// MaxKnown limits the ids that are kept in memory, about 30 bytes each: more facts of one
	// foundation than that cannot be told apart, and Run refuses. Default: 50,000,000.
	MaxKnown int
	// Retry is the wait after the first append with an unknown outcome; it doubles up to 5 s.
	// Default: 200 ms.
	Retry time.Duration
	// Drain is how long Run goes on storing what it has read when its context has ended. Default:
	// 10 s.
	Drain time.Duration
}

func (c Config) withDefaults() Config {
	if c.Foundation == "" {
		c.Foundation = DefaultFoundation
	}
	if c.StdinName == "" {
		c.StdinName = "standard input"
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.MaxKnown <= 0 {
		c.MaxKnown = 50_000_000
	}
	if c.Retry <= 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Drain <= 0 {
		c.Drain = 10 * time.Second
	}
	return c
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
	if len(c.Foundation) > 100 {
		return fmt.Errorf("the foundation's name has %d bytes: at most 100 are allowed", len(c.Foundation))
	}
	return nil
}

// Deps are what the file collector works with. Only Store is required.
type Deps struct {
	Store Store
	Log   *slog.Logger
	Stdin io.Reader
	// Now is the clock for the ce-time of quarantined input, which has no time of its own.
	Now func() time.Time
	// Progress is called with the state of things after every batch and at the end, from Run's
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

// Report says what a run did.
type Report struct {
	Files       int      // inputs that were opened
	Empty       []string // inputs without any event
	Lines       int      // lines that were not blank
	Facts       int      // lines that are facts, stored now or before
	Stored      int      // facts that this run stored
	Known       int      // facts that were in USAGE, or in the input before
	Ignored     map[string]int
	Quarantined int                  // lines that could not be understood, stored now or before
	Horizon     map[string]time.Time // horizons that this run stored, by source
}

func (r *Report) clone() Report {
	c := *r
	c.Empty, c.Ignored, c.Horizon = slices.Clone(r.Empty), maps.Clone(r.Ignored), maps.Clone(r.Horizon)
	return c
}
