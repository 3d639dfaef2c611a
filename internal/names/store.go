package names

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/once"
)

// Reader is the part of the bus for reading.
type Reader interface {
	// Each gives the messages of a stream in order, as bus.Each does.
	Each(ctx context.Context, stream string, from, to uint64, options bus.ReadOptions,
		yield func(m *bus.Stored) error) (last uint64, err error)
}

// Bus is the part of the bus for writing names.
type Bus interface {
	Reader
	// EnsureBucket creates a key-value bucket where there is none, as bus.EnsureBucket does.
	EnsureBucket(ctx context.Context, bucket string) error
	// Append stores the messages as one atomic batch, if expect holds, as bus.Append does.
	Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (last uint64, err error)
}

// The header of a message without a value, as every client of a bucket knows it.
const (
	headerOperation = "KV-Operation"
	purged          = "PURGE"
)

// maxRivals is how often others may come first before a write is given up.
const maxRivals = 9

// values gives the lists on a filter, in no order, and the sequence of the last message there; no
// list and 0 where there is no bucket. A value that can not be read counts as none: it is written
// again with the next observation.
func values(ctx context.Context, b Reader, filter string, yield func(k Key, l List)) (last uint64, err error) {
	options := bus.ReadOptions{Filters: []string{filter}, LastPerSubject: true}
	last, err = b.Each(ctx, stream, 1, bus.End, options, func(m *bus.Stored) error {
		k, err := parseKey(m.Subject[len(prefix):])
		if l := valueOf(m); err == nil && len(l) > 0 {
			yield(k, l)
		}
		return nil
	})
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading names from %s: %w", Bucket, err)
	}
	return last, nil
}

// valueOf is the list in a message; none where it was taken away, or can not be read.
func valueOf(m *bus.Stored) (l List) {
	if m.Header(headerOperation) != "" || l.DecodeJSON(m.Data) != nil {
		return nil
	}
	return l
}

// Record takes observations of one foundation into the bucket, which is created where there is
// none. Names of erased tenants are left out. It returns the number of lists that changed. With
// whole, the observations are all that the foundation has: the names of every other key end at
// the time when the first observation was seen; without any observation nothing ends.
func Record(ctx context.Context, b Bus, source, foundation string, observed map[Key]Observation, whole bool) (
	changed int, err error,
) {
	if err := b.EnsureBucket(ctx, Bucket); err != nil {
		return 0, err
	}
	filter := foundationFilter(source, foundation)
	for more := true; more; {
		written := 0
		_, err := once.Append(ctx, b, stream, once.Limits{Conflicts: maxRivals},
			func(ctx context.Context, _ *once.Failure) (messages []bus.Message, expect bus.Expect, err error) {
				erased, err := LoadErasures(ctx, b)
				if err != nil {
					return nil, expect, err
				}
				known := map[Key]List{}
				expect.Filter = filter
				expect.Last, err = values(ctx, b, filter, func(k Key, l List) { known[k] = l })
				if err != nil {
					return nil, expect, err
				}
				messages, more = differences(known, observed, whole, erased)
				written = len(messages)
				return messages, expect, nil
			})
		if err != nil {
			return changed, fmt.Errorf("writing names to %s: %w", Bucket, err)
		}
		changed += written
	}
	return changed, nil
}

// differences are messages with the lists that observations change, in order of their keys, up to
// one batch; more reports whether others are left.
func differences(known map[Key]List, observed map[Key]Observation, whole bool, erased *Erasures) (
	messages []bus.Message, more bool,
) {
	all := map[Key]Observation{}
	gone := Observation{}
	for k, o := range observed {
		all[k] = o
		if gone.Seen.IsZero() || o.Seen.Before(gone.Seen) {
			gone.Seen = o.Seen
		}
	}
	for k := range known {
		if _, listed := observed[k]; !listed && whole && len(observed) > 0 {
			all[k] = gone
		}
	}
	for k, o := range all {
		l, changed := known[k].Observe(o)
		switch {
		case erased.Has(k.Tenant) && len(known[k]) > 0: // written while somebody erased it
			messages = append(messages, withoutValue(k))
		case changed && !erased.Has(k.Tenant):
			messages = append(messages, bus.Message{Subject: prefix + k.String(), Data: l.AppendJSON(nil)})
		}
	}
	slices.SortFunc(messages, func(a, b bus.Message) int { return cmp.Compare(a.Subject, b.Subject) })
	n := min(len(messages), bus.MaxBatch)
	return messages[:n], n < len(messages)
}

// Purge removes the names of a tenant and of its spaces from the bucket: the values, not their
// keys. It returns the number of lists removed.
func Purge(ctx context.Context, b Bus, t Tenant) (removed int, err error) {
	filter := tenantFilter(t)
	for more := true; more; {
		written := 0
		_, err := once.Append(ctx, b, stream, once.Limits{Conflicts: maxRivals},
			func(ctx context.Context, _ *once.Failure) (messages []bus.Message, expect bus.Expect, err error) {
				expect.Filter = filter
				expect.Last, err = values(ctx, b, filter, func(k Key, _ List) {
					messages = append(messages, withoutValue(k))
				})
				written = min(len(messages), bus.MaxBatch)
				messages, more = messages[:written], written < len(messages)
				return messages, expect, err
			})
		if err != nil {
			return removed, fmt.Errorf("removing names from %s: %w", Bucket, err)
		}
		removed += written
	}
	return removed, nil
}

// withoutValue is the message that takes a key's value away.
func withoutValue(k Key) bus.Message {
	return bus.Message{
		Subject: prefix + k.String(), Header: []events.Header{{Key: headerOperation, Value: purged}},
	}
}

// History gives the lists of all tenants and spaces that are not erased, in no order.
func History(ctx context.Context, b Reader, yield func(k Key, l List)) error {
	erased, err := LoadErasures(ctx, b)
	if err != nil {
		return err
	}
	_, err = values(ctx, b, prefix+">", func(k Key, l List) {
		if !erased.Has(k.Tenant) {
			yield(k, l)
		}
	})
	return err
}
