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

// Get implements quarantine.Reader.
func (s twoStreams) Get(_ context.Context, stream string, seq uint64) (bus.Stored, error) {
	if seq == 0 || seq > uint64(len(s[stream])) {
		return bus.Stored{}, bus.ErrNotFound
	}
	return s[stream][seq-1], nil
}

var _ = Describe("A message of QUARANTINE that no collector wrote", func() {
	const here = "quarantine.cf.eu"
	DescribeTable("is listed among the others: unreadable, with its subject, its sequence and its text", func(
		ctx SpecContext, subject, body, why string,
	) {
		s := twoStreams{}
		s.input("q1")
		s.put(events.StreamQuarantine, subject, "", foreignBody(body))
		s.input("q2")
		var all []quarantine.Entry
		Expect(quarantine.List(ctx, s, quarantine.Filter{}, func(e *quarantine.Entry) error {
			all = append(all, *e)
			return nil
		})).To(Succeed())
		Expect(all).To(HaveLen(3))
		Expect(all[0].Foreign).To(BeFalse())
		Expect(all[2].Foreign).To(BeFalse())
		foreign := all[1]
		Expect(foreign.Foreign).To(BeTrue())
		Expect(foreign.Sequence).To(Equal(uint64(2)))
		Expect(foreign.Reason).To(And(HavePrefix("unreadable: "), ContainSubstring(subject), ContainSubstring(why)))
		Expect(foreign.Input).To(Equal(body))
		Expect(quarantine.Get(ctx, s, 2)).To(Equal(foreign))
		Expect(quarantine.Count(ctx, s)).To(Equal(3))
	},
		Entry("text", here, "hello", ""),
		Entry("nothing", here, "", ""),
		Entry("JSON of another form", here, `{"guid":"e-1"}`, "no id"),
		Entry("a list", here, `[1,2]`, ""),
		Entry("an input that belongs elsewhere", here,
			`{"id":"q1","source":"trove","foundation":"os","reason":"r","input":"i"}`, "another subject"),
		Entry("a subject of no source and no foundation", "quarantine.x", "hello", ""),
		Entry("a longer subject", "quarantine.cf.eu.other", "hello", ""),
	)

	It("belongs to the foundation of its subject, and its secrets are not shown", func(ctx SpecContext) {
		s := twoStreams{}
		s.put(events.StreamQuarantine, events.QuarantineSubject("cf", "eu.west"), "",
			foreignBody(`{"password":"xyzzy"`))
		filter := quarantine.Filter{Source: "cf", Foundation: "eu.west"}
		Expect(quarantine.List(ctx, s, filter, func(e *quarantine.Entry) error {
			Expect(e.Input).NotTo(ContainSubstring("xyzzy"))
			s = nil
			return nil
		})).To(Succeed())
		Expect(s).To(BeNil(), "it was listed")
	})

	It("counts until it is discarded, and does not hide another message of the same text", func(ctx SpecContext) {
		s := twoStreams{}
		s.put(events.StreamQuarantine, here, "", foreignBody("hello"))
		s.put(events.StreamQuarantine, here, "", foreignBody("hello"))
		e, err := quarantine.Get(ctx, s, 1)
		Expect(err).NotTo(HaveOccurred())
		s.word(events.ActDiscard, e.ID, "discarded")
		board := quarantine.NewBoard(quarantine.Filter{})
		Expect(board.Look(ctx, s)).To(Succeed())
		Expect(board.Total()).To(Equal(1))
		_, settled := board.Word(&e)
		Expect(settled).To(BeTrue())
	})
})
