package acts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/metered"
)

// Held is a hold with the subject of its decisions.
type Held struct {
	Hold       events.Hold
	Source     string
	Foundation string
	Tenant     string
	Kind       string // of the subject in METERED
	Resource   string // last token of the subject
	Name       string // of the held resource; empty where it is not known
	Word       Word   // of a selection: the word on it
}

// Decision makes a decision about the hold, without an id.
func (h *Held) Decision(action, by, note string, at time.Time) events.Act {
	return events.Act{
		Kind: events.ActDecision, Source: h.Source, Foundation: h.Foundation, By: by, Note: note, Time: at,
		Decision: events.Decision{Kind: h.Kind, Resource: h.Resource, Hold: h.Hold.ID, Action: action},
	}
}

// ErrUnknownHold reports an id without a hold. A hold leaves the list with a later fact that
// settles it, and with a decision about it.
var ErrUnknownHold = errors.New("no hold has this id")

var errFound = errors.New("found")

// FindHold finds a hold by its id. An empty foundation stands for all.
// Errors: ErrUnknownHold.
func FindHold(ctx context.Context, b metered.Bus, foundation, id string) (Held, error) {
	var found Held
	err := metered.Latest(ctx, b, foundation, "", func(m *events.Metered) error {
		for i := range m.Held {
			if m.Held[i].ID == id {
				found = newHeld(m, i)
				return errFound
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return found, nil
	case err != nil:
		return Held{}, err
	}
	return Held{}, fmt.Errorf("%w: %s", ErrUnknownHold, id)
}

func newHeld(m *events.Metered, i int) Held {
	return Held{
		Hold: m.Held[i], Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Kind: m.Kind,
		Resource: m.Resource, Name: NameOf(m, m.Held[i].Resource),
	}
}

// NameOf finds the name of a held resource among the spans beside the hold, because a hold has
// none.
func NameOf(m *events.Metered, resource string) string {
	for _, spans := range [][]events.Span{m.Running, m.Closed, m.Retracted} {
		for i := range spans {
			if spans[i].Resource == resource && spans[i].Name != "" {
				return spans[i].Name
			}
		}
	}
	return ""
}

// Filter names holds; an empty field names all.
type Filter struct {
	Foundation string
	Tenant     string
	Code       string
}

// Selection is the result of Select.
type Selection struct {
	Holds   []Held
	Unfit   int    // holds left out: there is no such word on them
	Omitted uint64 // holds beyond the list in METERED; they follow when others are decided about
}

// Select finds the holds that match, each once, with the word on each. It leaves out holds for
// which word returns a *NotReleasableError; any other error ends it.
func Select(ctx context.Context, b metered.Bus, f Filter, word func(*Held) (Word, error)) (Selection, error) {
	var s Selection
	known, unfit := map[string]bool{}, map[string]bool{}
	err := metered.Latest(ctx, b, f.Foundation, f.Tenant, func(m *events.Metered) error {
		s.Omitted += uint64(m.HeldOmitted)
		for i := range m.Held {
			h := &m.Held[i]
			if known[h.ID] || f.Code != "" && f.Code != h.Code {
				continue
			}
			held := newHeld(m, i)
			w, err := word(&held)
			var refused *NotReleasableError
			switch {
			case errors.As(err, &refused):
				unfit[h.ID] = true
			case err != nil:
				return err
			default:
				known[h.ID] = true
				held.Word = w
				s.Holds = append(s.Holds, held)
			}
		}
		return nil
	})
	s.Unfit = len(unfit)
	return s, err
}
