package main

import (
	"context"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/reread"
)

// streams are streams in memory, by name: a reread.Source.
type streams struct {
	of   map[string][]bus.Stored
	gone map[string]bool // lack messages
}

func newStreams() *streams { return &streams{map[string][]bus.Stored{}, map[string]bool{}} }

func (s *streams) add(stream string, m bus.Stored) { s.of[stream] = append(s.of[stream], m) }

// Each implements reread.Source.
func (s *streams) Each(_ context.Context, stream string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	for i := range s.of[stream] {
		m := &s.of[stream][i]
		if m.Sequence < from || m.Sequence > to || len(options.Filters) > 0 &&
			!slices.ContainsFunc(options.Filters, func(f string) bool { return matches(f, m.Subject) }) {
			continue
		}
		if err := yield(m); err != nil {
			return 0, err
		}
	}
	return uint64(len(s.of[stream])), nil
}

// Stream implements reread.Source.
func (s *streams) Stream(_ context.Context, stream string) (bus.StreamState, error) {
	n := uint64(len(s.of[stream]))
	state := bus.StreamState{First: 1, Last: n, Messages: n}
	if s.gone[stream] {
		state.Messages--
	}
	return state, nil
}

// step has a processor take a message of one stream, for another.
func (s *streams) step(ctx context.Context, input, output string, proc stage.Processor, in *bus.Stored,
	emit func(stage.Output),
) error {
	again := reread.Streams{
		Source: s, Input: input, Output: output,
		Own: func(filters []string, take func(*bus.Stored) error) error {
			_, err := s.Each(ctx, output, 1, bus.End, bus.ReadOptions{Filters: filters}, take)
			return err
		},
	}
	return again.Step(ctx, proc, in.Sequence, func() error { return proc.Step(in, emit) })
}

// matches reports whether a subject is on a filter with wildcards.
func matches(filter, subject string) bool {
	f, tokens := strings.Split(filter, "."), strings.Split(subject, ".")
	if n := len(f) - 1; f[n] == ">" && len(tokens) > n {
		f, tokens = f[:n], tokens[:n]
	}
	return slices.EqualFunc(f, tokens, func(f, token string) bool { return f == "*" || f == token })
}
