package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/metered"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/statements"
	"github.com/daybook-billing/daybook/pricer/terms"
)

// This file reads what a bundle has from the streams.

// Bus is the part of the bus to read the streams.
type Bus interface {
	terms.Stream
	Get(ctx context.Context, stream string, sequence uint64) (bus.Stored, error)
}

// Collect reads the entries of an issued statement, or of the one that a credit note takes back,
// with their spans and prices. Facts stay empty. Errors: ErrTooLarge, ErrOtherEntries, those of
// the bus.
func Collect(ctx context.Context, b Bus, x *statement.Statement) (*Contents, error) {
	k := &collection{
		of: x, number: cmp.Or(x.Credits, x.Number), entries: map[string]held{}, spans: map[string][]byte{},
		indexes: map[string]int{}, terms: map[*pricer.Book]int{}, digests: map[string]string{},
		contents: &Contents{Statement: *x, Catalogues: map[string]string{}},
	}
	k.contents.Statement.Part, k.contents.Statement.Parts = 0, 1
	var err error
	if k.priced, err = terms.Read(ctx, b); err != nil {
		return nil, err
	}
	for version, text := range k.priced.Texts() {
		k.digests[version] = catalogue.Digest([]byte(text))
	}
	if err := k.readBilling(ctx, b); err != nil {
		return nil, err
	}
	if err := k.readMetered(ctx, b); err != nil {
		return nil, err
	}
	k.versions()
	for _, at := range []Chain{
		{Stream: events.StreamBilling, Sequence: k.billing}, {Stream: events.StreamMetered, Sequence: k.metered},
	} {
		chain, err := chainAt(ctx, b, at)
		if err != nil {
			return nil, err
		}
		k.contents.Chains = append(k.contents.Chains, chain)
	}
	return k.contents, nil
}

// collection is a bundle's contents as they are read.
type collection struct {
	of       *statement.Statement
	number   uint64 // of the statement with the entries
	priced   *terms.Terms
	contents *Contents
	entries  map[string]held   // by id: those that stand
	bytes    int               // of entries, then of spans
	spans    map[string][]byte // by id: lines of the spans of charges
	indexes  map[string]int    // of the contents' terms, by their JSON
	terms    map[*pricer.Book]int
	digests  map[string]string // of catalogues, by version
	billing  uint64            // where the statement stands
	metered  uint64            // the last message that it was derived from
}

// held is an entry as JSON, with its span and the index of its terms.
type held struct {
	line  []byte
	span  string
	terms int
}

// errFound ends the reading of a stream.
var errFound = errors.New("found")

// readBilling reads the entries up to the statement.
func (k *collection) readBilling(ctx context.Context, b Bus) error {
	x := k.of
	filters := []string{
		events.TenantChargeFilter(x.Tenant, x.Foundation), statement.Filter(x.Tenant, x.Foundation, x.Month),
	}
	_, err := b.Each(ctx, events.StreamBilling, 1, bus.End, bus.ReadOptions{Filters: filters}, k.entry)
	switch {
	case err == nil:
		return fmt.Errorf("BILLING has no statement %d any more: %w", k.number, ErrOtherEntries)
	case !errors.Is(err, errFound):
		return err
	}
	sum := sha256.New()
	for _, id := range slices.Sorted(maps.Keys(k.entries)) {
		e := k.entries[id]
		sum.Write(e.line)
		k.contents.Entries = append(k.contents.Entries, e.line...)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != x.Digest {
		return fmt.Errorf("the SHA-256 of its %d entries is %s, and statement %d says %s: %w", len(k.entries), got,
			k.number, x.Digest, ErrOtherEntries)
	}
	return nil
}

// entry takes a message of BILLING.
func (k *collection) entry(m *bus.Stored) error {
	switch m.Header(events.HeaderType) {
	case statement.Type:
		var s statement.Statement
		if err := s.DecodeJSON(m.Data); err != nil {
			return metered.Unreadable(events.StreamBilling, m, err)
		}
		if s.Source == k.of.Source && s.Number == k.number && s.Last() {
			var err error
			k.billing = m.Sequence
			if k.metered, err = strconv.ParseUint(m.Header(stage.HeaderSourceSeq), 10, 64); err != nil {
				return metered.Unreadable(events.StreamBilling, m, err)
			}
			return errFound
		}
	case events.TypeBilling:
		var x events.Billing
		if err := x.DecodeJSON(m.Data); err != nil {
			return metered.Unreadable(events.StreamBilling, m, err)
		}
		if x.Source != k.of.Source {
			return nil
		}
		for i := range x.Charges {
			if err := k.take(&x.Charges[i], m); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes an entry.
func (k *collection) take(c *events.Charge, m *bus.Stored) error {
	if c.Period != k.of.Month {
		return nil
	}
	if c.Entry == events.EntryReversal {
		k.bytes -= len(k.entries[c.Reverses].line)
		delete(k.entries, c.Reverses)
		return nil
	}
	e := held{line: statements.AppendEntry(nil, c)}
	if c.Entry == events.EntryCharge {
		e.span, e.terms = c.Span, k.termsOf(m)
	}
	k.entries[c.ID] = e
	if k.bytes += len(e.line); k.bytes > maxFile || len(k.entries) > maxLines {
		return ErrTooLarge
	}
	return nil
}

// termsOf is the index of the terms behind a message of BILLING.
func (k *collection) termsOf(m *bus.Stored) int {
	book := k.priced.Behind(m)
	if i, known := k.terms[book]; known {
		return i
	}
	version, _, border := book.Terms(k.of.Source, k.of.Foundation, k.of.Month)
	t := Term{Version: version}
	for ; border != nil; border = border.Before {
		t.Before = append(t.Before, Before{border.At, k.name(border)})
	}
	text, _ := json.Marshal(t) // of strings and times
	i, known := k.indexes[string(text)]
	if !known {
		i = len(k.contents.Terms.Terms)
		k.contents.Terms.Terms, k.indexes[string(text)] = append(k.contents.Terms.Terms, t), i
	}
	k.terms[book] = i
	return i
}

// name is the first version with the text of the catalogue before a border.
func (k *collection) name(border *rating.Border) string {
	if border.Catalogue == nil {
		return ""
	}
	for _, version := range slices.Sorted(maps.Keys(k.digests)) {
		if k.digests[version] == border.Catalogue.Digest() {
			return version
		}
	}
	return ""
}

// versions adds the texts of all versions that are named.
func (k *collection) versions() {
	named := map[string]bool{}
	for _, version := range k.of.Catalogues {
		named[version] = true
	}
	for _, t := range k.contents.Terms.Terms {
		named[t.Version] = true
		for _, before := range t.Before {
			named[before.Version] = true
		}
	}
	texts := k.priced.Texts()
	for _, version := range slices.Sorted(maps.Keys(named)) {
		if text, known := texts[version]; known {
			k.contents.Terms.Versions = append(k.contents.Terms.Versions, Version{version, k.digests[version]})
			k.contents.Catalogues[k.digests[version]] = text
		}
	}
}

// readMetered reads the spans of the charges.
func (k *collection) readMetered(ctx context.Context, b Bus) error {
	wanted := map[string]int{} // terms, by id
	for _, e := range k.entries {
		if e.span != "" {
			wanted[e.span] = e.terms
		}
	}
	k.entries, k.bytes = nil, 0
	options := bus.ReadOptions{Filters: []string{events.MeteredResourcesFilter(k.of.Foundation, k.of.Tenant)}}
	_, err := b.Each(ctx, events.StreamMetered, 1, k.metered, options, func(m *bus.Stored) error {
		var x events.Metered
		if err := x.DecodeJSON(m.Data); err != nil {
			return metered.Unreadable(events.StreamMetered, m, err)
		}
		for i := range x.Closed {
			s := &x.Closed[i]
			if term, is := wanted[s.ID]; is {
				k.bytes -= len(k.spans[s.ID])
				k.spans[s.ID] = spanLine(nil, s, term)
				k.bytes += len(k.spans[s.ID])
			}
		}
		if k.bytes > maxFile || len(k.spans) > maxLines {
			return ErrTooLarge
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if k.spans[id] == nil {
			return fmt.Errorf("METERED has no span %s, which a charge names: %w", id, ErrOtherEntries)
		}
		k.contents.Spans = append(k.contents.Spans, k.spans[id]...)
	}
	return nil
}

// chainAt is the chain at the first message from one on that has it: the end of its batch.
func chainAt(ctx context.Context, b Bus, from Chain) (at Chain, err error) {
	_, err = b.Each(ctx, from.Stream, from.Sequence, bus.End, bus.ReadOptions{HeadersOnly: true},
		func(m *bus.Stored) error {
			if chain := m.Header(stage.HeaderChain); chain != "" {
				at = Chain{from.Stream, m.Sequence, chain}
				return errFound
			}
			return nil
		})
	if err == nil {
		err = fmt.Errorf("%s has no chain behind message %d yet: its service is at work; export again later",
			from.Stream, from.Sequence)
	} else if errors.Is(err, errFound) {
		err = nil
	}
	return at, err
}
