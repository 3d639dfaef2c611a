package proof_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/ledger/trace"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// traceEvents is about how many events the world of a seed has: under make proof they are 100,000
// in all.
const traceEvents = 450

// TestEveryEventHasAnAnswer asks of every event of simulated worlds what became of it. Events are
// lost there and stored twice, gaps are found, spaces are excluded, and nothing is billed before an
// epoch. Each event has one of the closed set of answers, the charges and spans that are reached
// from all events are all there are, and each charge is computed again, to the last digit.
func TestEveryEventHasAnAnswer(t *testing.T) {
	first, last := scale.Seeds(t)
	counts := map[string]int{}
	for seed := first; seed <= last; seed++ {
		w := newTraced(t, seed)
		w.live()
		w.ask(counts)
		w.without()
		if t.Failed() {
			return
		}
	}
	var text []string
	all := 0
	for _, answer := range slices.Sorted(maps.Keys(counts)) {
		text = append(text, fmt.Sprintf("%d %s", counts[answer], answer))
		all += counts[answer]
	}
	told := strings.Join(text, ", ")
	t.Logf("%d events: %s", all, told)
	scale.Figure(t, "trace of %d events, which together reach all charges: %s", all, told)
	for _, answer := range []trace.Answer{trace.Charged, trace.Running, trace.Held} {
		if counts[string(answer)] == 0 {
			t.Errorf("no event is %s: the worlds are too simple", answer)
		}
	}
	for _, reason := range []trace.Because{trace.Repeated, trace.Known, trace.Ended, trace.OutOfScope} {
		if counts["no_effect, "+string(reason)] == 0 {
			t.Errorf("no event has no effect because it is %s: the worlds are too simple", reason)
		}
	}
}

// traced is a world with projector, pricer and trace, without a server.
type traced struct {
	*testing.T
	seed, skip     uint64
	random         *rand.Rand
	meter          *projector.Meter
	prices         *catalogue.Catalogue
	book           *pricer.Book
	usage, metered uint64
	billed         uint64
	horizon        time.Time
	records        map[tracedSubject]*trace.Record
	facts          []tracedFact
	charges, spans map[string]bool // ids of all there are
	outcome        *outcome
}

// tracedSubject is the common part of the messages about a resource.
type tracedSubject struct{ source, kind, resource string }

type tracedFact struct {
	record *trace.Record
	fact   *trace.Fact
}

func newTraced(t *testing.T, seed uint64) *traced {
	t.Helper()
	w := &traced{
		T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 14)), book: pricer.NewBook(),
		records: map[tracedSubject]*trace.Record{}, charges: map[string]bool{}, spans: map[string]bool{},
		outcome: newOutcome(),
	}
	cfg := projector.Config{Cut: []timeline.Cut{timeline.CutDay, timeline.CutHour, timeline.CutMonth}[seed%3]}
	if seed%4 == 1 {
		cfg.Epoch = map[string]time.Time{events.SourceCF: tracedStart.Add(6 * time.Hour)}
	}
	if seed%4 == 2 {
		cfg.ExcludeSpaces = "[02468]$"
	}
	var err error
	if w.prices, err = catalogue.Parse("sim", []byte(sim.Catalogue())); err != nil {
		t.Fatal(err)
	}
	if w.meter, err = projector.NewMeter(cfg); err != nil {
		t.Fatal(err)
	}
	if seed%5 != 3 { // else everything is unrated
		w.catalogue()
	}
	return w
}

var tracedStart = time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC) // before the end of a month

func (w *traced) catalogue() {
	err := w.book.Catalogue(&events.Catalogue{Version: "1", YAML: sim.Catalogue()}, "catalogue", w.post)
	if err != nil {
		w.Fatal(err)
	}
}

// record is the record of a subject: the whole of it, because all of METERED and BILLING is there
// when it is asked.
func (w *traced) record(source, kind, resource string) *trace.Record {
	if kind == events.KindVolume {
		kind = events.KindInstance
	}
	key := tracedSubject{source, kind, resource}
	if w.records[key] == nil {
		w.records[key] = trace.NewRecord(1<<62, 1<<62)
	}
	return w.records[key]
}

// live lets the world live, and loses, repeats and misses some of its events.
func (w *traced) live() {
	world, err := sim.NewWorld(sim.Config{
		Seed: w.seed, Orgs: 2, Spaces: 3, Apps: 6, Services: 4, Instances: 3, Start: tracedStart,
		End: tracedStart.Add(80 * time.Hour), Events: traceEvents, Exists: w.seed%2 == 0, Quirks: w.seed%3 == 0,
	})
	if err != nil {
		w.Fatal(err)
	}
	for e := range world.Events {
		u, err := file.Normalise(file.DefaultFoundation, e.JSON)
		if err != nil {
			w.Fatalf("world %d: %v\n%s", w.seed, err, e.JSON)
		}
		chance := w.random.IntN(100)
		if w.seed%2 == 1 && chance < 4 {
			continue // it is lost
		}
		w.tell(&u)
		if w.seed%2 == 1 && chance > 97 {
			w.tell(&u)
		}
		if again := u; chance > 90 && u.Event == events.EventStopped {
			again.ID, again.Time = events.ID("again", u.ID), u.Time.Add(time.Second)
			w.tell(&again)
		}
		if u.Time.After(w.horizon) {
			w.horizon = u.Time
		}
		switch {
		case w.usage%37 == 0:
			w.reach(u.Source)
		case w.seed%3 == 1 && w.usage%211 == 0:
			w.usage++
			w.meter.Gap(&events.Gap{
				ID: fmt.Sprint("gap", w.usage), Source: events.SourceCF, Foundation: file.DefaultFoundation,
				From: u.Time.Add(-time.Hour), To: u.Time, Reason: "pruned", List: events.ListApp,
			}, w.usage, w.meteredMessage)
		}
	}
	w.reach(events.SourceCF)
	w.reach(events.SourceTrove)
}

func (w *traced) tell(u *events.Usage) {
	w.usage++
	r := w.record(u.Source, u.Kind, u.SubjectResource())
	w.facts = append(w.facts, tracedFact{r, r.Fact(u, w.usage)})
	if w.usage != w.skip {
		w.meter.Fact(u, w.usage, w.meteredMessage)
	}
}

func (w *traced) reach(source string) {
	w.usage++
	w.meter.Horizon(&events.Horizon{Source: source, Foundation: file.DefaultFoundation, Time: w.horizon}, w.usage,
		w.meteredMessage)
}

// meteredMessage takes a message of METERED, as it is read from the stream.
func (w *traced) meteredMessage(m *events.Metered) {
	w.metered++
	var stored events.Metered
	if err := stored.DecodeJSON(m.AppendJSON(nil)); err != nil {
		w.Fatal(err)
	}
	w.record(m.Source, m.Kind, m.Resource).Metered(&stored, w.metered)
	w.outcome.apply(&stored)
	for i := range stored.Closed {
		w.spans[stored.Closed[i].ID] = true
	}
	w.book.Metered(&stored, w.post)
}

// post takes entries of BILLING.
func (w *traced) post(e *pricer.Entries) {
	w.billed++
	r := w.record(e.Source, e.Kind, e.Resource)
	r.Billing(&events.Billing{Charges: slices.Clone(e.Charges)}, w.billed)
	r.Unrated(&events.UnratedNotice{Unrated: slices.Clone(e.Unrated), Settled: slices.Clone(e.Settled)}, w.billed)
	for i := range e.Charges {
		w.charges[e.Charges[i].ID] = true
	}
}

// ask asks for every event, in no order of theirs.
func (w *traced) ask(counts map[string]int) {
	w.random.Shuffle(len(w.facts), func(i, j int) { w.facts[i], w.facts[j] = w.facts[j], w.facts[i] })
	for _, f := range w.facts {
		o := f.record.Outcome(f.fact)
		answer := string(o.Answer)
		if o.Answer == trace.NoEffect {
			answer += ", " + string(o.Because)
		}
		counts[answer]++
		if !slices.Contains(trace.Answers(), o.Answer) || strings.HasSuffix(o.Sentence(), "because ") ||
			(o.Answer == trace.NoEffect) != slices.Contains(trace.Reasons(), o.Because) {
			w.Errorf("world %d: %s of %s has the answer %q", w.seed, f.fact.Event, f.fact.Resource, answer)
		}
		w.consistent(f.fact, o)
		for i := range o.Charges {
			if c := &o.Charges[i]; w.charges[c.ID] {
				w.again(o, c)
				delete(w.charges, c.ID)
			}
		}
		for i := range o.Spans {
			delete(w.spans, o.Spans[i].ID)
		}
	}
	if len(w.charges)+len(w.spans) > 0 {
		w.Errorf("world %d: no event leads to %d entries and %d spans", w.seed, len(w.charges), len(w.spans))
	}
}

// again computes a charge again.
func (w *traced) again(o *trace.Outcome, c *trace.Charge) {
	at := slices.IndexFunc(o.Spans, func(s trace.Span) bool { return s.ID == c.Span })
	working, found := rating.Again(nil, w.prices, file.DefaultFoundation, &o.Spans[at].Span, &c.Charge)
	if differs := working.Differences(&c.Charge); c.Entry == events.EntryCharge && (!found || len(differs) > 0) {
		w.Errorf("world %d: charge %s of %s is not found again: %q", w.seed, c.ID, c.Resource, differs)
	}
}

// consistent holds an answer to the parts that it rests on.
func (w *traced) consistent(f *trace.Fact, o *trace.Outcome) {
	amount := events.Decimal{}
	for i := range o.Charges {
		amount = amount.Add(o.Charges[i].Amount)
	}
	wrong := ""
	switch {
	case o.Answer == trace.Unpriced || o.Answer == trace.Unmetered:
		wrong = "everything is metered and priced"
	case o.Answer == trace.Charged && len(o.Spans) == 0, o.Answer == trace.Running && len(o.Running) == 0,
		o.Answer == trace.Held && len(o.Holds) == 0, o.Answer == trace.Unrated && len(o.Unrated) == 0:
		wrong = "nothing shows it"
	case o.Answer != trace.Charged && !amount.IsZero():
		wrong = "its charges add up to " + amount.String()
	case o.Answer == trace.NoEffect && o.Because != trace.NoCharge && len(o.Spans)+len(o.Running)+len(o.Holds) > 0:
		wrong = "a span names it"
	}
	if wrong != "" {
		w.Errorf("world %d: %s of %s at %s is %s, but %s", w.seed, f.Event, f.Resource, events.FormatTime(f.Time),
			o.Answer, wrong)
	}
}

// without lets the world live again without one event of each reason: the same ran, runs and is
// held. Two events of one instant matter to each other alone, and one out of scope may say that
// something ran before the epoch.
func (w *traced) without() {
	tried := map[trace.Because]bool{trace.OutOfScope: true, trace.NoTime: true}
	for _, f := range w.facts {
		o := f.record.Outcome(f.fact)
		if o.Answer != trace.NoEffect || tried[o.Because] {
			continue
		}
		tried[o.Because] = true
		other := newTraced(w.T, w.seed)
		other.skip = f.fact.Sequence
		other.live()
		if with, without := w.outcome.content(), other.outcome.content(); !slices.Equal(with, without) {
			w.Errorf("world %d: %s of %s at %s has no effect, because it is %s, but without it there is\n%s\nnot\n%s",
				w.seed, f.fact.Event, f.fact.Resource, events.FormatTime(f.fact.Time), o.Because,
				strings.Join(less(without, with), "\n"), strings.Join(less(with, without), "\n"))
		}
	}
}

// content is what ran, runs and is held, one a line.
func (o *outcome) content() (all []string) {
	line := func(what string, s *events.Span) {
		all = append(all, fmt.Sprintf("%s %s since %s, flags %d", what, show(s), events.FormatTime(s.Since), s.Flags))
	}
	for id := range o.spans {
		s := o.spans[id]
		line("ran", &s)
	}
	for _, spans := range o.running {
		for i := range spans {
			line("runs", &spans[i])
		}
	}
	for _, holds := range o.held {
		for i := range holds {
			h := &holds[i]
			line("held", &events.Span{
				Kind: h.Kind, Resource: h.Resource, Start: h.Start, End: h.End, Footprint: h.Footprint,
			})
		}
	}
	slices.Sort(all)
	return all
}

// less is a without b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
