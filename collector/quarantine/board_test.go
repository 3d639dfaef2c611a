package quarantine_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// twoStreams are QUARANTINE and the discards of USAGE.
type twoStreams map[string][]bus.Stored

func (s twoStreams) Each(_ context.Context, stream string, from, _ uint64, _ bus.ReadOptions,
	yield func(*bus.Stored) error,
) (last uint64, err error) {
	for i := range s[stream] {
		m := &s[stream][i]
		if last = m.Sequence; last < from {
			continue
		}
		if err := yield(m); err != nil {
			return last, err
		}
	}
	return last, nil
}

func (s twoStreams) put(stream, subject, kind string, body interface{ AppendJSON(b []byte) []byte }) {
	s[stream] = append(s[stream], bus.NewStored(bus.Message{
		Subject: subject, Data: body.AppendJSON(nil), Header: []events.Header{{Key: events.HeaderType, Value: kind}},
	}, uint64(len(s[stream]))+1, time.Unix(0, 0), 0))
}

func (s twoStreams) word(kind, id, outcome string) {
	a := events.Act{
		Kind: kind, Source: "cf", Foundation: "eu", By: "ann", Input: events.Input{ID: id, Outcome: outcome},
	}
	if kind == events.ActResubmission {
		s.put(events.StreamQuarantine, events.SettledSubject("cf", "eu"), events.TypeAct, &a)
		return
	}
	s.put(events.StreamUsage, events.ActSubject(kind, "cf", "eu"), events.TypeAct, &a)
}

func (s twoStreams) input(id string) {
	q := events.Quarantined{ID: id, Source: "cf", Foundation: "eu"}
	s.put(events.StreamQuarantine, events.QuarantineSubject("cf", "eu"), events.TypeQuarantined, &q)
}

var _ = Describe("What counts as quarantined", func() {
	It("is each input without a last word, whatever the order and however often one looks", func(ctx SpecContext) {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			s := twoStreams{}
			board := quarantine.NewBoard(quarantine.Filter{})
			inputs, words := map[string]bool{}, map[string]bool{}
			for range rapid.IntRange(0, 40).Draw(t, "steps") {
				id := fmt.Sprint("q", rapid.IntRange(0, 6).Draw(t, "input"))
				switch rapid.IntRange(0, 3).Draw(t, "step") {
				case 0:
					s.input(id)
					inputs[id] = true
				case 1:
					s.word(events.ActDiscard, id, "discarded")
					words[id] = true
				case 2:
					s.word(events.ActResubmission, id, quarantine.Known)
					words[id] = true
				case 3:
					Expect(board.Look(ctx, s)).To(Succeed())
				}
			}
			open := 0
			for id := range inputs {
				if !words[id] {
					open++
				}
			}
			Expect(board.Look(ctx, s)).To(Succeed())
			Expect(board.Total()).To(Equal(open))
			Expect(quarantine.Count(ctx, s)).To(Equal(open))
		})
	})

	It("is kept apart by source and foundation, and stays 0 behind the last word", func(ctx SpecContext) {
		s := twoStreams{}
		s.input("q1")
		elsewhere := events.Quarantined{ID: "q1", Source: "unknown", Foundation: "file"}
		s.put(events.StreamQuarantine, events.QuarantineSubject("unknown", "file"), events.TypeQuarantined, &elsewhere)
		s.word(events.ActDiscard, "q1", "discarded")
		board := quarantine.NewBoard(quarantine.Filter{})
		Expect(board.Look(ctx, s)).To(Succeed())
		Expect(board.Counts()).To(Equal(map[quarantine.Filter]int{
			{Source: "cf", Foundation: "eu"}: 0, {Source: "unknown", Foundation: "file"}: 1,
		}))
		word, settled := board.Word(&quarantine.Entry{
			Quarantined: events.Quarantined{ID: "q1", Source: "cf", Foundation: "eu"},
		})
		Expect(settled).To(BeTrue())
		Expect(word).To(HaveField("By", "ann"))
	})

	It("is also what somebody else put there, which says nothing; a word in the wrong place is none", func(
		ctx SpecContext,
	) {
		s := twoStreams{}
		s.put(events.StreamQuarantine, "quarantine.cf.eu", "", foreignBody("{"))
		s.input("q1")
		a := events.Act{
			Kind: events.ActDiscard, Source: "cf", Foundation: "eu", Input: events.Input{
				ID:      "q1",
				Outcome: "discarded",
			},
		}
		s.put(events.StreamQuarantine, events.SettledSubject("cf", "eu"), events.TypeAct, &a)
		Expect(quarantine.Count(ctx, s)).To(Equal(2))
	})
})

type foreignBody string

func (f foreignBody) AppendJSON(b []byte) []byte { return append(b, f...) }
