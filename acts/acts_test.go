package acts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "acts")
}

// fault is the fate of one append.
type fault uint8

const (
	none        fault = iota
	answerLost        // stored, without an answer
	requestLost       // not stored, and nobody knows
	torn              // the first half is stored, without an answer
	rivalFirst        // somebody else appends to the subject before
	denied
)

var errDenied = errors.New("denied")

// site is a NATS server with Daybook's streams, and faults of the next appends.
type site struct {
	*bus.Bus
	faults []fault
	rival  func(ctx context.Context)
}

func newSite(ctx context.Context) *site {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return &site{Bus: b}
}

func (s *site) Append(ctx context.Context, stream string, msgs []bus.Message, expect bus.Expect) (uint64, error) {
	f := none
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	switch f {
	case requestLost:
		return 0, bus.ErrOutcomeUnknown
	case torn:
		if _, err := s.Bus.Append(ctx, stream, msgs[:(len(msgs)+1)/2], expect); err != nil {
			return 0, err
		}
		return 0, bus.ErrOutcomeUnknown
	case denied:
		return 0, errDenied
	case rivalFirst:
		s.rival(ctx)
	}
	last, err := s.Bus.Append(ctx, stream, msgs, expect)
	if f == answerLost && err == nil {
		return 0, bus.ErrOutcomeUnknown
	}
	return last, err
}

// put appends messages to the end of a stream, as anybody might.
func (s *site) put(ctx context.Context, stream string, messages ...bus.Message) {
	GinkgoHelper()
	state, err := s.Stream(ctx, stream)
	Expect(err).NotTo(HaveOccurred())
	_, err = s.Bus.Append(ctx, stream, messages, bus.Expect{Last: state.Last})
	Expect(err).NotTo(HaveOccurred())
}

// horizon is a collector's message.
func horizon(collector string, at time.Time) bus.Message {
	h := events.Horizon{ID: "h", Source: "cf", Foundation: "eu", Time: at, Collector: collector}
	return bus.Message{Subject: events.UsageHorizonSubject("cf", "eu"), Data: h.AppendJSON(nil)}
}

// act is an act as anybody might publish it.
func act(a *events.Act, subject string) bus.Message {
	return bus.Message{
		Subject: subject, Header: events.AppendHeaders(nil, a.ID, events.TypeAct, "test"), Data: a.AppendJSON(nil),
	}
}

// list is all acts of a kind.
func (s *site) list(ctx context.Context, kind string) (all []acts.Act) {
	GinkgoHelper()
	Expect(acts.List(ctx, s, kind, "", func(a *acts.Act) error {
		all = append(all, *a)
		return nil
	})).To(Succeed())
	return all
}

// headers are those of a stored message, with its subject and body.
func (s *site) stored(ctx context.Context, stream string, sequence uint64) (subject, headers, body string) {
	GinkgoHelper()
	m, err := s.Get(ctx, stream, sequence)
	Expect(err).NotTo(HaveOccurred())
	for _, key := range []string{
		events.HeaderID, events.HeaderType, events.HeaderSource, "ce-time", events.HeaderSpecVersion, "content-type",
	} {
		headers += key + ": " + m.Header(key) + "\n"
	}
	return m.Subject, headers, string(m.Data)
}

var at = time.Date(2026, 11, 2, 10, 0, 0, 123456000, time.UTC)

func decision(hold, action string) events.Act {
	return events.Act{
		Kind: events.ActDecision, Source: "trove", Foundation: "dbaas", By: "ann", Note: "outage", Time: at,
		Decision: events.Decision{Kind: "instance", Resource: "db-1", Hold: hold, Action: action},
	}
}

// put stores an act as somebody else would.
func (s *site) act(ctx context.Context, a events.Act) {
	GinkgoHelper()
	s.put(ctx, events.StreamUsage, bus.Message{
		Subject: events.ActSubject(a.Kind, a.Source, a.Foundation), Data: a.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderType, Value: events.TypeAct}},
	})
}

// west is the collector to retire.
func west() *acts.Leaver { return leaver("west") }

func leaver(name string) *acts.Leaver {
	return &acts.Leaver{Source: "cf", Foundation: "eu", Collector: name, By: "ann", Note: "moved", At: at}
}

func replayBy(person string) *events.Act {
	return &events.Act{
		ID: events.ID(person), By: person, Note: "cut by hour", Time: at,
		Replay: events.Replay{Projection: "projector", Logic: "v1", Input: 7, Output: 9},
	}
}

// prices is a catalogue for a comment to follow.
const prices = "{currency: GBP, plans: [{name: app, match: {kind: app}, valid_from: 2017-01-01, " +
	"components: [{name: fee, formula: seconds}]}]} # "

// version is a publication of the same prices with another comment.
func version(name, comment string) *acts.Publication {
	return &acts.Publication{Version: name, YAML: prices + comment, By: "ann", Note: "new prices", At: at}
}

var _ = Describe("An act", func() {
	var s *site
	BeforeEach(func(ctx SpecContext) { s = newSite(ctx) })

	// headers are the headers of an act.
	headers := func(id string) string {
		return "ce-id: " + id + "\nce-type: daybook.act.v1\nce-source: daybook/acts\n" +
			"ce-time: \nce-specversion: 1.0\ncontent-type: \n"
	}
	const when = `"time":"2026-11-02T10:00:00.123456Z"`

	It("is a message with the headers of CloudEvents: a decision", func(ctx SpecContext) {
		d := decision("hold-1", "release")
		d.Decision.Footprint.VolumeGB = events.Some(10)
		decided, err := acts.Decide(ctx, s, d)
		Expect(err).NotTo(HaveOccurred())
		subject, found, body := s.stored(ctx, events.StreamUsage, decided[0].Sequence)
		id := events.ID("decision", "hold-1", "release", "")
		Expect(subject).To(Equal("usage.act.decision.trove.dbaas"))
		Expect(found).To(Equal(headers(id)))
		Expect(body).To(Equal(`{"id":"` + id + `","kind":"decision","source":"trove","foundation":"dbaas",` +
			`"by":"ann","note":"outage",` + when + `,"decision":{"kind":"instance","resource":"db-1",` +
			`"hold":"hold-1","action":"release","footprint":{"volume_gb":10}}}`))
	})

	It("is a message with the headers of CloudEvents: a retirement", func(ctx SpecContext) {
		s.put(ctx, events.StreamUsage, horizon("west", at), horizon("east", at.Add(time.Hour)))
		Expect(acts.Retire(ctx, s, west())).To(Equal(at.Add(time.Hour)))
		subject, found, body := s.stored(ctx, events.StreamUsage, 3)
		id := events.ID("retirement", "cf", "eu", "west", "")
		Expect(subject).To(Equal("usage.act.retirement.cf.eu"))
		Expect(found).To(Equal(headers(id)))
		Expect(body).To(Equal(`{"id":"` + id + `","kind":"retirement","source":"cf","foundation":"eu","by":"ann",` +
			`"note":"moved",` + when + `,"expectation":"2","retirement":{"collector":"west"}}`))
	})

	It("is a message with the headers of CloudEvents: a catalogue", func(ctx SpecContext) {
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		subject, found, body := s.stored(ctx, events.StreamUsage, 1)
		id := events.ID("catalogue", "v1", "")
		Expect(subject).To(Equal("usage.act.catalogue.all.all"))
		Expect(found).To(Equal(headers(id)))
		Expect(body).To(Equal(`{"id":"` + id + `","kind":"catalogue","by":"ann","note":"new prices",` + when +
			`,"catalogue":{"version":"v1","yaml":"` + prices + `a"}}`))
	})

	It("is a message with the headers of CloudEvents: a replay", func(ctx SpecContext) {
		first, err := acts.BeginReplay(ctx, s, replayBy("bob"))
		Expect(err).NotTo(HaveOccurred())
		second, err := acts.BeginReplay(ctx, s, replayBy("ann"))
		Expect(err).NotTo(HaveOccurred())
		again, err := acts.BeginReplay(ctx, s, replayBy("ann"))
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(second), "it is stored once")
		subject, found, body := s.stored(ctx, events.StreamUsage, second.Sequence)
		Expect(subject).To(Equal("usage.act.replay.all.all"))
		Expect(found).To(Equal(headers(second.ID)))
		Expect(body).To(Equal(`{"id":"` + second.ID + `","kind":"replay","by":"ann","note":"cut by hour",` + when +
			`,"expectation":"1","replay":{"projection":"projector","logic":"v1","input":"7","output":"9"}}`))
		Expect(s.list(ctx, events.ActReplay)).To(HaveExactElements(first, second))
	})

	DescribeTable("is stored once, whatever becomes of the append", func(ctx SpecContext, faults ...fault) {
		s.put(ctx, events.StreamUsage, horizon("west", at))
		for _, act := range []struct {
			kind    string
			rival   func(ctx context.Context)
			publish func(ctx context.Context) error
			fails   error // where somebody else comes first
		}{
			{
				events.ActDecision, func(ctx context.Context) { s.act(ctx, decision("hold-2", "discard")) },
				func(ctx context.Context) error {
					decided, err := acts.Decide(ctx, s, decision("hold-1", "discard"))
					if err == nil && decided[0].Already {
						return errors.New("nobody else had decided")
					}
					return err
				}, nil,
			},
			{
				events.ActRetirement, func(ctx context.Context) {
					s.put(ctx, events.StreamUsage,
						horizon("west", at.Add(1)))
				},
				func(ctx context.Context) error {
					_, err := acts.Retire(ctx, s, west())
					return err
				}, acts.ErrNotStopped,
			},
			{
				events.ActCatalogue, func(ctx context.Context) {
					s.act(ctx, events.Act{
						Kind: events.ActCatalogue, Catalogue: events.Catalogue{Version: "v1", YAML: prices + "a"},
					})
				}, func(ctx context.Context) error {
					_, err := acts.PublishCatalogue(ctx, s, version("v1", "a"))
					return err
				}, nil,
			},
			{
				events.ActReplay, func(ctx context.Context) {
					_, err := acts.BeginReplay(ctx, s.Bus, replayBy("bob"))
					Expect(err).NotTo(HaveOccurred())
				}, func(ctx context.Context) error {
					act, err := acts.BeginReplay(ctx, s, replayBy("ann"))
					if err == nil && act.By != "ann" {
						return errors.New("it is somebody else's")
					}
					return err
				}, nil,
			},
			{
				events.ActDiscard, func(ctx context.Context) {
					_, err := acts.DiscardAll(ctx, s.Bus, acts.Discard(&events.Quarantined{
						ID: "q", Source: "cf", Foundation: "eu",
					}, "bob", "", at))
					Expect(err).NotTo(HaveOccurred())
				}, func(ctx context.Context) error {
					_, err := acts.DiscardAll(ctx, s, acts.Discard(&events.Quarantined{
						ID: "q", Source: "cf", Foundation: "eu",
					}, "ann", "a test event", at))
					return err
				}, nil,
			},
		} {
			s.faults, s.rival = append([]fault{}, faults...), act.rival
			rivals := 0
			for _, f := range faults {
				if f == rivalFirst {
					rivals++
				}
			}
			err := act.publish(ctx)
			switch {
			case rivals > 0 && act.fails != nil:
				Expect(err).To(MatchError(act.fails))
				Expect(s.list(ctx, act.kind)).To(BeEmpty())
			case act.kind == events.ActDecision || act.kind == events.ActReplay:
				Expect(err).NotTo(HaveOccurred())
				Expect(s.list(ctx, act.kind)).To(HaveLen(1 + rivals))
			default:
				Expect(err).NotTo(HaveOccurred())
				Expect(s.list(ctx, act.kind)).To(HaveLen(1), "%s", act.kind)
			}
		}
	},
		Entry("well"),
		Entry("no answer, though it was stored", answerLost),
		Entry("no answer, and not stored", requestLost),
		Entry("twice no answer", requestLost, answerLost),
		Entry("somebody else first", rivalFirst),
	)

	It("is given up when others come first again and again, or when it may not be stored", func(ctx SpecContext) {
		n := 0
		s.rival = func(ctx context.Context) {
			n++
			s.act(ctx, decision(fmt.Sprint("other-", n), "discard"))
		}
		for range 20 {
			s.faults = append(s.faults, rivalFirst)
		}
		_, err := acts.Decide(ctx, s, decision("hold-1", "discard"))
		var busy *acts.BusyError
		Expect(errors.As(err, &busy)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("usage.act.decision.trove.dbaas at this moment")))
		var conflict *bus.ConflictError
		Expect(errors.As(err, &conflict)).To(BeTrue())
		s.faults = []fault{denied}
		_, err = acts.Decide(ctx, s, decision("hold-1", "discard"))
		Expect(err).To(MatchError(errDenied))
	})

	It("is read back, with the message before it as its expectation", func(ctx SpecContext) {
		s.put(ctx, events.StreamUsage, horizon("west", at), horizon("east", at))
		_, err := acts.Retire(ctx, s, west())
		Expect(err).NotTo(HaveOccurred())
		_, err = acts.Decide(ctx, s, decision("hold-1", "discard"), decision("hold-2", "discard"))
		Expect(err).NotTo(HaveOccurred())
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		s.put(ctx, events.StreamUsage, bus.Message{Subject: "usage.act.decision.trove.dbaas", Data: []byte("{")})

		Expect(s.list(ctx, events.ActRetirement)).To(HaveExactElements(And(
			HaveField("Kind", events.ActRetirement), HaveField("Source", "cf"), HaveField("Foundation", "eu"),
			HaveField("Time", at), HaveField("Sequence", uint64(3)), HaveField("Expectation", uint64(2)),
			HaveField("Retirement.Collector", "west"))))
		Expect(s.list(ctx, events.ActDecision)).To(HaveExactElements(
			And(HaveField("By", "ann"), HaveField("Note", "outage"), HaveField("Decision.Hold", "hold-1"),
				HaveField("Expectation", uint64(0))),
			And(HaveField("Decision.Hold", "hold-2"), HaveField("Expectation", uint64(0)))))
		Expect(s.list(ctx, events.ActCatalogue)).To(HaveExactElements(And(
			HaveField("Source", ""), HaveField("Time", at), HaveField("Catalogue.YAML", prices+"a"))))
		Expect(acts.List(ctx, s, events.ActDecision, "elsewhere",
			func(*acts.Act) error { return errDenied })).To(Succeed())
		Expect(acts.List(ctx, s, events.ActDecision, "dbaas",
			func(*acts.Act) error { return errDenied })).To(MatchError(errDenied))
		Expect(acts.List(ctx, s, "wish", "", nil)).To(MatchError(ContainSubstring("no kind")))
	})
})

var _ = Describe("A retirement", func() {
	It("is not hindered by what others add meanwhile, but by a horizon", func(ctx SpecContext) {
		s := newSite(ctx)
		s.put(ctx, events.StreamUsage, horizon("west", at), horizon("east", at.Add(time.Hour)))
		s.faults = []fault{rivalFirst, rivalFirst, answerLost}
		s.rival = func(ctx context.Context) {
			s.put(ctx, events.StreamUsage, bus.Message{Subject: "usage.cf.other.org.app.a"})
		}
		Expect(acts.Retire(ctx, s, west())).To(Equal(at.Add(time.Hour)))
		Expect(s.list(ctx, events.ActRetirement)).To(HaveExactElements(HaveField("Expectation", uint64(4))))
		s.faults = []fault{rivalFirst}
		s.rival = func(ctx context.Context) { s.put(ctx, events.StreamUsage, horizon("north", at)) }
		_, err := acts.Retire(ctx, s, leaver("east"))
		Expect(err).To(MatchError(acts.ErrNotStopped))
	})

	It("names a collector that has told something, and that is not retired", func(ctx SpecContext) {
		s := newSite(ctx)
		_, err := acts.Retire(ctx, s, west())
		Expect(err).To(MatchError(ContainSubstring("those that have are: none")))
		s.put(ctx, events.StreamUsage, horizon("", at), horizon("west", at.Add(time.Hour)))
		_, err = acts.Retire(ctx, s, leaver("north"))
		var unknown *acts.UnknownCollectorError
		Expect(errors.As(err, &unknown)).To(BeTrue())
		Expect(unknown.Known).To(Equal([]string{"west"}))
		Expect(acts.Retire(ctx, s, west())).To(Equal(at), "the nameless collector decides")
		_, err = acts.Retire(ctx, s, west())
		Expect(err).To(MatchError(acts.ErrRetired))
		s.put(ctx, events.StreamUsage, horizon("west", at.Add(2*time.Hour)))
		Expect(acts.Retire(ctx, s, west())).To(Equal(at), "it had come back")
	})
})
