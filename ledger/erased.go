package ledger

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/internal/names"
)

// erasing is a Reader with guids in the places of erased names.
type erasing struct {
	Reader
	erasures *names.Current
}

// Erasing is a reader that puts guids in the places of erased names.
func Erasing(r Reader, erasures *names.Current) Reader { return &erasing{r, erasures} }

// Still implements Stills.
func (r *erasing) Still(ctx context.Context, answer func(r Reader) error) (at Positions, still bool, err error) {
	return Still(ctx, r.Reader, func(of Reader) error { return answer(&erasing{of, r.erasures}) })
}

// Charges implements Reader.
func (r *erasing) Charges(ctx context.Context, q Query, after Place, limit int) ([]Charge, error) {
	all, err := r.Reader.Charges(ctx, q, after, limit)
	return erased(ctx, r.erasures, all, err, func(e *names.Erasures, c *Charge) {
		e.Charge(c.Source, c.Foundation, &c.Charge)
	})
}

// Charge implements Reader.
func (r *erasing) Charge(ctx context.Context, q Query, id string) (Charge, error) {
	c, err := r.Reader.Charge(ctx, q, id)
	if err != nil {
		return c, err
	}
	e, err := r.erasures.Read(ctx)
	e.Charge(c.Source, c.Foundation, &c.Charge)
	return c, err
}

// Running implements Sums.
func (r *erasing) Running(ctx context.Context, q Query) ([]Span, error) {
	all, err := r.Reader.Running(ctx, q)
	return erased(ctx, r.erasures, all, err, eraseSpan)
}

// Spans implements Reader.
func (r *erasing) Spans(ctx context.Context, q Query, from, to time.Time) ([]Span, error) {
	all, err := r.Reader.Spans(ctx, q, from, to)
	return erased(ctx, r.erasures, all, err, eraseSpan)
}

func eraseSpan(e *names.Erasures, s *Span) { e.Span(s.Source, s.Foundation, &s.Span) }

// Unrated implements Reader.
func (r *erasing) Unrated(ctx context.Context, q Query) ([]Unrated, error) {
	all, err := r.Reader.Unrated(ctx, q)
	return erased(ctx, r.erasures, all, err, func(e *names.Erasures, u *Unrated) {
		e.UnratedPart(u.Source, u.Foundation, &u.Unrated)
	})
}

// erased is a list that was read, after the erasures.
func erased[T any](ctx context.Context, c *names.Current, all []T, err error, erase func(*names.Erasures, *T)) (
	[]T, error,
) {
	if err != nil {
		return nil, err
	}
	e, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if e.None() {
			break
		}
		erase(e, &all[i])
	}
	return all, nil
}
