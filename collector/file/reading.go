package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file/documents"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
)

// DefaultMaxSorted is the default of Reading.MaxSorted.
const DefaultMaxSorted = 1 << 30

// Event is one document of an input with its meaning.
type Event struct {
	Place  Place
	Data   []byte // the document, cut to documents.MaxDocument; valid until the next event
	Excess int    // bytes of the document beyond Data
	Fact   events.Usage
	Known  bool // the same fact stood in the input before
	// Err is nil for a fact, wraps collector.ErrIgnored for input that says nothing about usage,
	// and is a *collector.InputError for input that is not understood.
	Err error
}

// Reading reads files that have an end, as one input.
type Reading struct {
	Foundation string
	Files      []string // "-" is standard input
	Order      string   // OrderAPI unless it is given
	Stdin      io.Reader
	StdinName  string // in places and messages
	// Latest is the latest time that is believed: an event after it has an error. Zero: any is.
	Latest time.Time
	// MaxSorted is how many bytes of events OrderCreated holds in memory. Default: 1 GiB.
	MaxSorted int
	// Empty is called with the name of each file without any document. It may be nil.
	Empty func(file string)

	// preview passes over what can be read once only, and over what cannot be read.
	preview bool
}

// Events gives the documents of the input in order. Facts of Cloud Foundry in a wrong order end it
// with an error; with OrderCreated they come last. Any other error is of a file that cannot be
// read.
func (r Reading) Events(ctx context.Context) iter.Seq2[Event, error] {
	files := r.Files
	if r.Order == OrderNatural {
		files = naturalOrder(files)
	}
	if r.preview {
		files = slices.DeleteFunc(slices.Clone(files), func(name string) bool {
			info, err := os.Stat(name)
			return err != nil || !info.Mode().IsRegular()
		})
	}
	return func(yield func(Event, error) bool) {
		inputs, err := open(ctx, files, false, stdin{r.Stdin, r.StdinName})
		if err != nil {
			if !r.preview {
				yield(Event{}, err)
			}
			return
		}
		defer closeAll(inputs)
		s := session{
			reading: &r, order: newOrder(files), known: appender.NewAll(defaultMaxKnown),
			yield: yield,
		}
		for _, in := range inputs {
			if !s.read(ctx, in) {
				return
			}
		}
		s.putInOrder(ctx)
	}
}

// session is one run of Reading.Events.
type session struct {
	reading *Reading
	order   *order
	known   *appender.All
	yield   func(Event, error) bool
	kept    []keptEvent // OrderCreated
	size    int         // of kept, in bytes
}

// keptEvent is an event on its way into the order of times.
type keptEvent struct {
	at    time.Time
	place Place
	data  []byte
}

// read reads one input, and reports whether to go on.
func (s *session) read(ctx context.Context, in *input) bool {
	for n := 0; ; n++ {
		d, err := in.next()
		if n&0xff == 0 && ctx.Err() != nil {
			err = ctx.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			if in.events == 0 && s.reading.Empty != nil {
				s.reading.Empty(in.name)
			}
			return true
		case err != nil && s.reading.preview && ctx.Err() == nil:
			return true
		case err != nil:
			s.yield(Event{}, err)
			return false
		}
		if goOn, err := s.take(in.place(&d), &d); err != nil {
			s.yield(Event{}, err)
			return false
		} else if !goOn {
			return false
		}
	}
}

// take takes one document, and reports whether to go on.
func (s *session) take(place Place, d *documents.Document) (bool, error) {
	e := understand(s.reading.Foundation, place, d, s.reading.Latest)
	if e.Err != nil {
		return s.yield(e, nil), nil //nolint:nilerr // the event brings it
	}
	key := appender.KeyOf(e.Fact.ID)
	if e.Known = s.known.Has(key); e.Known {
		return s.yield(e, nil), nil
	}
	if err := s.known.Add(key); err != nil {
		return false, err
	}
	switch {
	case s.reading.Order == OrderCreated && e.Fact.Source == events.SourceCF:
		return true, s.keep(&e)
	case s.reading.Order != OrderGiven && s.reading.Order != OrderCreated:
		if err := s.order.check(place, &e.Fact); err != nil {
			return false, err
		}
	}
	return s.yield(e, nil), nil
}

// keep keeps an event for the order of times.
func (s *session) keep(e *Event) error {
	const overhead = 100
	if s.size += len(e.Data) + overhead; s.size > cmp.Or(s.reading.MaxSorted, DefaultMaxSorted) {
		return fmt.Errorf("%s: the events are too many to put in order in memory: divide the input by time, or give "+
			"it in the order of the API", e.Place)
	}
	s.kept = append(s.kept, keptEvent{e.Fact.Time, e.Place, slices.Clone(e.Data)})
	return nil
}

// putInOrder gives the kept events in the order of their times; equal times stay as they were.
func (s *session) putInOrder(ctx context.Context) {
	slices.SortStableFunc(s.kept, func(a, b keptEvent) int { return a.at.Compare(b.at) })
	for i := range s.kept {
		k := &s.kept[i]
		e := understand(s.reading.Foundation, k.place, &documents.Document{Data: k.data}, time.Time{})
		err := e.Err
		if err == nil {
			err = s.order.check(k.place, &e.Fact)
		}
		if i&0xff == 0 && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			s.yield(Event{}, err)
			return
		}
		if !s.yield(e, nil) {
			return
		}
		k.data = nil
	}
}

// futureError is an event of the future: a clock is wrong, its platform's or this machine's.
type futureError struct{ At, Latest time.Time }

// Error implements error.
func (e *futureError) Error() string {
	return fmt.Sprintf("it is of %s, and times after %s are not believed: the clock of its platform, or of this "+
		"machine, is wrong. --horizon says up to when the input is complete", events.FormatTime(e.At),
		events.FormatTime(e.Latest))
}

// understand finds the meaning of a document. An event after the latest time is a *futureError,
// unless that is zero.
func understand(foundation string, place Place, d *documents.Document, latest time.Time) Event {
	e := Event{Place: place, Data: d.Data, Excess: d.Excess}
	switch {
	case d.Err != nil:
		e.Err = &collector.InputError{Source: collector.SourceUnknown, Err: d.Err}
	case d.Excess > 0:
		e.Err = &collector.InputError{Source: collector.SourceUnknown, Err: fmt.Errorf("the document has %d bytes: at "+
			"most %d are read", len(d.Data)+d.Excess, documents.MaxDocument)}
	default:
		e.Fact, e.Err = Normalise(foundation, d.Data)
		at := e.Fact.Time
		if e.Fact.Observed.After(at) {
			at = e.Fact.Observed
		}
		if e.Err == nil && !latest.IsZero() && at.After(latest) {
			e.Err = &collector.InputError{Source: e.Fact.Source, Err: &futureError{at, latest}}
		}
	}
	return e
}
