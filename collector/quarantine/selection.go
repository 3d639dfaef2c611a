package quarantine

import (
	"context"
	"fmt"
	"slices"
)

// maxEntries is the most entries that one command works on: the id and the outcome of each stay in
// memory.
const maxEntries = 100_000

// Selection selects entries to resubmit or to discard.
type Selection struct {
	Filter
	Sequences []uint64 // empty: all
}

func (s *Selection) has(e *Entry) bool {
	return len(s.Sequences) == 0 || slices.Contains(s.Sequences, e.Sequence)
}

// List gives yield the selected entries, in order, as the function List does. More than 100,000 of
// them, and sequences that the filter does not select, are an error, which may come behind the
// entries before.
func (s *Selection) List(ctx context.Context, from Reader, yield func(*Entry) error) error {
	entries := 0
	return s.each(ctx, from, func(e *Entry, selected bool) error {
		if !selected {
			return nil
		}
		entries++
		if err := bounded(entries); err != nil {
			return err
		}
		return yield(e)
	})
}

// each gives yield the entries of the filter, and whether they are selected. Sequences that are not
// among them are an error behind the last one.
func (s *Selection) each(ctx context.Context, from Reader, yield func(e *Entry, selected bool) error) error {
	found := 0
	err := List(ctx, from, s.Filter, func(e *Entry) error {
		selected := s.has(e)
		if selected {
			found++
		}
		return yield(e, selected)
	})
	if err != nil {
		return err
	}
	if sequences := slices.Compact(slices.Sorted(slices.Values(s.Sequences))); found < len(sequences) {
		return fmt.Errorf("only %d of the %d sequences are in QUARANTINE: daybook quarantine list --all shows those "+
			"that there are", found, len(sequences))
	}
	return nil
}

// bounded refuses more entries than one command works on.
func bounded(entries int) error {
	if entries > maxEntries {
		return fmt.Errorf("there are more than %d inputs: narrow them with --source and --foundation", maxEntries)
	}
	return nil
}
