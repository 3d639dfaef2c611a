package projector_test

import (
	"fmt"
	"maps"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/projector"
)

var begin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// says is what a row of messages says in the end: the spans that stand, and the present of each
// subject.
type says map[string]string

func (s says) take(m *events.Metered) {
	subject := subjectOf(m)
	for i := range m.Retracted {
		delete(s, "span "+m.Retracted[i].ID)
	}
	for i := range m.Closed {
		one := events.Metered{Closed: m.Closed[i : i+1]}
		s["span "+m.Closed[i].ID] = subject + string(one.AppendJSON(nil))
	}
	now := events.Metered{
		Running: m.Running, RunningOmitted: m.RunningOmitted, Held: m.Held,
		HeldOmitted: m.HeldOmitted,
	}
	delete(s, subject)
	if text := string(now.AppendJSON(nil)); text != "{}" {
		s[subject] = text
	}
}

func subjectOf(m *events.Metered) string {
	return events.MeteredSubject(m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource)
}

// messages draws messages of a projector: it closes spans that do not stand, retracts some that do,
// and says what runs.
func messages(t *rapid.T, label string) []events.Metered {
	var all []events.Metered
	standing := map[string]events.Span{}
	for n := range rapid.IntRange(0, 25).Draw(t, label) {
		app := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app")
		m := events.Metered{
			ID: fmt.Sprint(n), Source: "cf", Foundation: "eu", Tenant: "org", Kind: "app",
			Resource: app, Cause: events.Cause{Event: "STOPPED"},
		}
		for id, s := range standing {
			if s.Resource == app && rapid.Bool().Draw(t, "retract") {
				m.Retracted = append(m.Retracted, s)
				delete(standing, id)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "closed") {
			hour := rapid.IntRange(0, 5).Draw(t, "hour")
			id := fmt.Sprint(app, hour)
			if _, ok := standing[id]; ok {
				continue
			}
			s := events.Span{
				ID: id, Kind: "app", Resource: app, Start: begin.Add(time.Duration(hour) * time.Hour),
				End:  begin.Add(time.Duration(hour+1) * time.Hour),
				Name: rapid.SampledFrom([]string{"shop", "blog"}).Draw(t, "name"), Evidence: []uint64{uint64(n + 1)},
			}
			standing[id] = s
			m.Closed = append(m.Closed, s)
		}
		if rapid.Bool().Draw(t, "running") {
			m.Running = []events.Span{{
				Kind: "app", Resource: app, Start: begin.Add(time.Duration(n) * time.Hour),
				Evidence: []uint64{1},
			}}
		}
		if rapid.Bool().Draw(t, "held") {
			m.Held = []events.Hold{{ID: "hold", Kind: "app", Resource: app, Code: "gap", Start: begin}}
		}
		all = append(all, m)
	}
	return all
}

// difference has a comparer compare two rows of messages, as a replay does.
func difference(stored, derived []events.Metered) (out []events.Metered, reversed, posted int, err error) {
	r := projector.NewComparer()
	for again := true; again; {
		for i := range stored {
			m := bus.NewStored(bus.Message{
				Subject: subjectOf(&stored[i]), Data: stored[i].AppendJSON(nil),
				Header: []events.Header{{Key: events.HeaderType, Value: events.TypeMetered}},
			}, uint64(i+1), begin, 0)
			if err := r.Stored(&m); err != nil {
				return nil, 0, 0, err
			}
		}
		for i := range derived {
			d := derived[i]
			if err := r.Derived(&stage.Output{Subject: subjectOf(&d), Type: events.TypeMetered, Body: &d}); err != nil {
				return nil, 0, 0, err
			}
		}
		if again, err = r.Compare(); err != nil {
			return nil, 0, 0, err
		}
	}
	reversed, posted, err = r.Difference(events.Cause{ID: "replay-1", Sequence: 9, Event: "replay"},
		func(o stage.Output) {
			m, ok := o.Body.(*events.Metered)
			if !ok || o.Subject != subjectOf(m) || o.ID != m.ID {
				panic("not a message of METERED on its subject")
			}
			out = append(out, *m)
		})
	return out, reversed, posted, err
}

var _ = Describe("The difference between what is stored and what is derived", func() {
	It("makes the one of the other, and then there is none", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			stored, derived := messages(t, "stored"), messages(t, "derived")
			out, _, _, err := difference(stored, derived)
			if err != nil {
				t.Fatal(err)
			}
			found, wanted := says{}, says{}
			ids := map[string]bool{}
			for i := range stored {
				found.take(&stored[i])
			}
			for i := range out {
				for _, s := range out[i].Retracted {
					if _, stands := found["span "+s.ID]; !stands {
						t.Fatalf("span %s is retracted and does not stand", s.ID)
					}
				}
				found.take(&out[i])
				ids[out[i].ID] = true
			}
			for i := range derived {
				wanted.take(&derived[i])
			}
			if !maps.Equal(found, wanted) {
				t.Fatalf("found %v\nwanted %v", found, wanted)
			}
			if len(ids) != len(out) {
				t.Fatal("two messages have the same id")
			}
			if again, _, _, _ := difference(append(stored, out...), derived); len(again) > 0 {
				t.Fatalf("a second difference: %v", again)
			}
		})
	})

	It("is told in messages of a bearable size, what is taken back first", func() {
		var m events.Metered
		m.Source, m.Foundation, m.Tenant, m.Kind, m.Resource = "cf", "eu", "org", "app", "a"
		other := m
		for i := range 600 {
			at := begin.Add(time.Duration(i) * time.Hour)
			m.Closed = append(m.Closed, events.Span{ID: fmt.Sprint("a", i), Start: at, End: at.Add(time.Hour)})
			other.Closed = append(other.Closed, events.Span{ID: fmt.Sprint("b", i), Start: at, End: at.Add(time.Hour)})
		}
		out, reversed, posted, err := difference([]events.Metered{m}, []events.Metered{other})
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{reversed, posted}).To(Equal([]int{600, 600}))
		var sizes [][2]int
		for i := range out {
			sizes = append(sizes, [2]int{len(out[i].Retracted), len(out[i].Closed)})
		}
		Expect(sizes).To(Equal([][2]int{{250, 0}, {250, 0}, {100, 150}, {0, 250}, {0, 200}}))
	})

	closed := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	frame := events.Metered{Source: "cf", Foundation: "eu", Tenant: "org", Kind: "app", Resource: "a"}
	spans := func(names ...string) events.Metered {
		m := frame
		for _, name := range names {
			m.Closed = append(m.Closed, events.Span{ID: name, Start: closed, End: closed.Add(time.Hour)})
		}
		return m
	}
	DescribeTable("for a month that is closed is posted to the first open one", func(stored, derived, posted,
		closes string,
	) {
		r := projector.NewComparer()
		m, other := spans("old", "same"), spans("new", "same")
		closing := func(month string) *events.Closing {
			return &events.Closing{Source: "cf", Foundation: "eu", Month: month}
		}
		for again := true; again; {
			for kind, body := range map[string]stage.Body{events.TypeMetered: &m, events.TypeClosing: closing(stored)} {
				if kind == events.TypeClosing && stored == "" {
					continue
				}
				in := bus.NewStored(bus.Message{
					Subject: subjectOf(&frame), Data: body.AppendJSON(nil),
					Header: []events.Header{{Key: events.HeaderType, Value: kind}},
				}, 1, begin, 0)
				Expect(r.Stored(&in)).To(Succeed())
			}
			Expect(r.Derived(&stage.Output{
				Subject: subjectOf(&frame), Type: events.TypeMetered, Body: &other,
			})).To(Succeed())
			if derived != "" {
				Expect(r.Derived(&stage.Output{Type: events.TypeClosing, Body: closing(derived)})).To(Succeed())
			}
			var err error
			again, err = r.Compare()
			Expect(err).NotTo(HaveOccurred())
		}
		var corrections, closings []string
		_, _, err := r.Difference(events.Cause{ID: "replay"}, func(o stage.Output) {
			switch x := o.Body.(type) {
			case *events.Metered:
				corrections = append(corrections, x.Correction)
			case *events.Closing:
				closings = append(closings, x.Month)
			}
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(corrections).To(Equal([]string{posted}))
		Expect(strings.Join(closings, " ")).To(Equal(closes), "what is closed today is closed")
	},
		Entry("as what is derived says", "", "2026-02", "2026-03", "2026-02"),
		Entry("as what is stored says", "2026-01", "", "2026-02", ""),
		Entry("as the later of the two says", "2026-03", "2026-01", "2026-04", ""),
		Entry("and to its own while that is open", "", "", "", ""),
	)

	It("names the message that cannot be read", func() {
		r := projector.NewComparer()
		m := bus.NewStored(bus.Message{Data: []byte("{"), Header: []events.Header{{
			Key:   events.HeaderType,
			Value: events.TypeMetered,
		}}}, 7, begin, 0)
		Expect(r.Stored(&m)).To(MatchError(ContainSubstring("nats stream rmm METERED 7")))
	})
})
