// Package watch keeps outputs of a derivation without a stream of its own: those on the subjects of
// a reread.Needed.
package watch

import (
	"errors"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// maxBytes is the memory of the outputs: about the standing of a million spans.
const maxBytes = 1 << 30

// Errors of a derivation.
var (
	// ErrBegun: outputs were needed again, and not kept from the start on. The derivation begins
	// anew, and keeps them.
	ErrBegun = errors.New("outputs are needed again that were not kept from the start on")
	errFull  = errors.New("the outputs that are needed again take more than 1 GiB of memory")
)

// Watch keeps the outputs on filters. What was put out before a filter was asked for is not there:
// the derivation has to begin anew, with the filters of the one before.
type Watch struct {
	of     map[string]*outputs // by filter
	masks  map[string][]bool   // of the filters, as text: their wildcards
	missed bool
	bytes  int
	full   error
}

type outputs struct {
	list []bus.Stored
	late bool // asked for in the middle of this derivation
}

// New returns a watch without filters.
func New() *Watch { return &Watch{of: map[string]*outputs{}, masks: map[string][]bool{}} }

// Begin forgets the outputs, for a derivation from the start.
func (w *Watch) Begin() {
	w.missed, w.bytes, w.full = false, 0, nil
	for _, o := range w.of {
		*o = outputs{}
	}
}

// End is ErrBegun where a filter was asked for and not watched from the start: the derivation is
// worth nothing.
func (w *Watch) End() error {
	if w.missed {
		return ErrBegun
	}
	return w.full
}

// Each gives yield the outputs on filters so far, none on one without a watch from the start on.
func (w *Watch) Each(filters []string, yield func(*bus.Stored) error) error {
	for _, filter := range filters {
		o := w.of[filter]
		if o == nil {
			o = &outputs{late: true}
			w.of[filter] = o
			w.mask(filter)
		}
		w.missed = w.missed || o.late
		for i := range o.list {
			if err := yield(&o.list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// mask notes the wildcards of a filter. Filters of one shape share their mask.
func (w *Watch) mask(filter string) {
	var mask []bool
	var text strings.Builder
	for _, token := range strings.Split(filter, ".") {
		mask = append(mask, token == "*")
		if token == "*" {
			text.WriteByte('*')
		}
		text.WriteByte('.')
	}
	w.masks[text.String()] = mask
}

// Add keeps an output, if it is on a filter. Its body is asked for then.
func (w *Watch) Add(subject, kind, id string, body func() []byte) {
	o := w.find(subject)
	if o == nil || o.late || w.full != nil {
		return
	}
	m := bus.Message{
		Subject: subject, Data: body(),
		Header: []events.Header{{Key: events.HeaderID, Value: id}, {Key: events.HeaderType, Value: kind}},
	}
	if w.bytes += len(m.Data); w.bytes > maxBytes {
		w.full = errFull
		return
	}
	o.list = append(o.list, bus.NewStored(m, 0, time.Time{}, 0))
}

func (w *Watch) find(subject string) *outputs {
	for _, mask := range w.masks {
		tokens := strings.Split(subject, ".")
		if len(tokens) != len(mask) {
			continue
		}
		for i := range tokens {
			if mask[i] {
				tokens[i] = "*"
			}
		}
		if o := w.of[strings.Join(tokens, ".")]; o != nil {
			return o
		}
	}
	return nil
}
