package quarantine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

// settle stores the last words on the entries of a part that were understood, each once. A crash
// before it leaves entries that count as quarantined; resubmitted again they are Known.
func (r *Resubmitter) settle(ctx context.Context, part []Entry, results []Resubmitted) error {
	outcomes := map[uint64]string{}
	for i := range results {
		if results[i].Outcome != Refused {
			outcomes[results[i].Sequence] = results[i].Outcome
		}
	}
	now := time.Now().UTC()
	bySubject := map[string][]events.Act{}
	for i := range part {
		e := &part[i]
		outcome, understood := outcomes[e.Sequence]
		if !understood {
			continue
		}
		word := events.Act{
			ID:   events.ID("settled", e.Source, e.Foundation, e.ID),
			Kind: events.ActResubmission, Source: e.Source, Foundation: e.Foundation, Time: now,
			By: r.rules.By, Note: r.rules.Note, Input: events.Input{ID: e.ID, Outcome: outcome},
		}
		limit.Act(&word)
		subject := events.SettledSubject(e.Source, e.Foundation)
		bySubject[subject] = append(bySubject[subject], word)
	}
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		if err := r.settleOn(ctx, subject, bySubject[subject]); err != nil {
			return fmt.Errorf("noting in QUARANTINE what was understood: %w", err)
		}
	}
	return nil
}

// settleOn stores the last words of one subject that are not there.
func (r *Resubmitter) settleOn(ctx context.Context, subject string, words []events.Act) error {
	known := map[appender.Key]bool{}
	a := appender.New(appender.Options{
		Store: r.store, Stream: events.StreamQuarantine, Filter: subject,
		Seen: func(k appender.Key, _ uint64) error {
			known[k] = true
			return nil
		},
	})
	if err := a.Learn(ctx); err != nil {
		return err
	}
	for i := range words {
		w := &words[i]
		key := appender.KeyOf(w.ID)
		if known[key] {
			continue
		}
		known[key] = true
		a.Add(key, subject, events.AppendHeaders(nil, w.ID, events.TypeAct, origin), w.AppendJSON(a.Buffer()))
		if !a.Full() {
			continue
		}
		if _, _, err := a.Flush(ctx, nil); err != nil {
			return err
		}
	}
	_, _, err := a.Flush(ctx, nil)
	return err
}

// origin is the ce-source of last words.
const origin = "daybook/quarantine"
