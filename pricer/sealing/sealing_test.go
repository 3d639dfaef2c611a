package sealing_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/pricer/sealing"
)

// streams are USAGE, with seals up to a message, and METERED, which has come to another one.
type streams struct {
	usage, metered atomic.Uint64
	looks          chan struct{} // at METERED
	appended       chan bus.Expect
}

func (s *streams) Each(context.Context, string, uint64, uint64, bus.ReadOptions, func(*bus.Stored) error) (
	uint64, error,
) {
	return s.usage.Load(), nil
}

func (s *streams) Append(_ context.Context, _ string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	last := s.usage.Add(uint64(len(msgs)))
	s.appended <- expect
	return last, nil
}

func (s *streams) Stream(context.Context, string) (bus.StreamState, error) {
	return bus.StreamState{}, nil
}

func (s *streams) Last(context.Context, string, string) (bus.Stored, error) {
	select {
	case s.looks <- struct{}{}:
	default:
	}
	return bus.NewStored(bus.Message{Header: []events.Header{{
		Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(s.metered.Load(), 10),
	}}}, 1, time.Time{}, 0), nil
}

// TestSealsWaitForThoseBefore: a number is given once METERED has come to the last seal in USAGE,
// and the pricer has taken that.
func TestSealsWaitForThoseBefore(t *testing.T) {
	s := &streams{looks: make(chan struct{}), appended: make(chan bus.Expect, 1)}
	s.usage.Store(10)
	s.metered.Store(9)
	proposals := sealing.NewProposals()
	x := statement.Statement{
		ID: "s", Source: "cf", Foundation: "eu", Tenant: "t", Month: "2026-10", Revision: 1, Parts: 1,
	}
	proposals.Restore("cf", "eu", 6, []statement.Statement{x})
	sealer := sealing.Sealer{
		Bus: s, Proposals: proposals, Log: slog.New(slog.DiscardHandler),
		Wait: func(context.Context, uint64) error {
			if s.usage.Load() == 11 { // the stage has taken the seal
				issued := x
				issued.Number = 7
				proposals.Issue(&issued)
			}
			return nil
		},
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		sealer.Run(ctx)
		close(ended)
	}()
	for range 3 {
		<-s.looks
	}
	select {
	case <-s.appended:
		t.Fatal("a number is given before the seal behind which it stands is taken")
	default:
	}
	s.metered.Store(10)
	if expect := <-s.appended; expect.Last != 10 {
		t.Fatalf("appended behind message %d", expect.Last)
	}
	s.metered.Store(11)
	if err := proposals.Settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
}
