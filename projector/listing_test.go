package projector_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("What runs under one subject", func() {
	// tasks tells the beginning of n tasks of one app, and returns the sizes of the messages.
	tasks := func(b *books, n int) {
		for i := range n {
			b.tell(task("TASK_STARTED", "10:00", process(fmt.Sprintf("T%03d", i))))
		}
	}
	var last events.Metered
	keep := func(m *events.Metered) { last = *m }

	It("is listed in each message while it is few", func() {
		m := newMeter(projector.Config{Cut: timeline.CutNone})
		for i := range events.MaxOthers + 1 {
			m.Fact(task("TASK_STARTED", "10:00", process(fmt.Sprintf("T%03d", i))), uint64(i)+1, keep)
		}
		Expect(last.Running).To(HaveLen(events.MaxOthers + 1))
		Expect(last.RunningOmitted).To(BeZero())
	})

	It("is listed as far as it changes where it is much, with the number of the others", func() {
		b := told()
		tasks(b, 400)
		b.sequence++
		b.meter.Fact(task("TASK_STARTED", "10:05", process("U")), b.sequence, keep)
		Expect(lines(last.Running)).To(Equal([]string{"U 10:05- 1x256"}))
		Expect(last.RunningOmitted).To(BeNumerically("==", 400))
		Expect(last.ListedFrom).To(BeNumerically("==", 21), "the last message that listed all")
	})

	It("lists 100 holds of a resource at the most, says so once, and is no longer with more", func() {
		const limit = 100
		m := newMeter(projector.Config{Cut: timeline.CutNone})
		var said []events.Anomaly
		sizes, sequence := map[int]int{}, uint64(0)
		contradict := func(holds int) { // with a STOPPED that is missing
			for i := range holds + 1 {
				sequence++
				u := started("10:00", uint32(1+i%2))
				u.ID, u.Time = fmt.Sprint("fact", sequence), minute(int(sequence)*10)
				m.Fact(u, sequence, func(x *events.Metered) {
					last = *x
					sizes[len(x.Held)+int(x.HeldOmitted)] = len(x.AppendJSON(nil))
					for _, a := range x.Anomalies {
						if a.Code == events.AnomalyManyHolds {
							said = append(said, a)
						}
					}
				})
			}
		}
		contradict(limit)
		Expect(last.Held).To(HaveLen(limit))
		Expect(last.HeldOmitted).To(BeZero())
		Expect(said).To(BeEmpty())
		contradict(limit / 2)
		var err error
		m, err = projector.RestoreMeter(projector.Config{Cut: timeline.CutNone}, m.Snapshot())
		Expect(err).NotTo(HaveOccurred())
		contradict(3*limit/2 - 1)
		Expect(last.Held).To(HaveLen(limit))
		Expect(last.HeldOmitted).To(BeNumerically("==", 2*limit+1))
		Expect(said).To(HaveLen(1))
		Expect(said[0].Resource).To(Equal("P"))
		Expect(sizes[3*limit]).To(BeNumerically("<=", sizes[limit]+1024))
		first := last.Held[0]
		sequence++
		Expect(m.Decide(&events.Act{
			ID: "d", Source: "cf", Foundation: "eu", Time: minute(int(sequence) * 10), Kind: events.ActDecision,
			Decision: events.Decision{
				Kind: last.Kind, Resource: last.Resource, Hold: first.ID, Action: events.ActionDiscard,
			},
		}, sequence, keep)).To(BeTrue())
		Expect(last.Held).To(HaveLen(limit))
		Expect(last.HeldOmitted).To(BeNumerically("==", 2*limit))
		Expect(last.Held[0].ID).NotTo(Equal(first.ID))
	})

	It("loses a resource of which nothing runs any more", func() {
		b := told()
		tasks(b, 400)
		b.sequence++
		b.meter.Fact(task("TASK_STOPPED", "10:05", process("T007")), b.sequence, keep)
		Expect(last.Running).To(BeEmpty())
		Expect(last.Ended).To(Equal([]string{"T007"}))
		Expect(last.RunningOmitted).To(BeNumerically("==", 399))
	})

	It("loses a resource where all others are listed in several messages", func() {
		b := told()
		tasks(b, events.MaxOthers+1)
		b.meter.Open(b.sequence + 1)
		b.tell(task("TASK_STOPPED", "10:05", process("T007")))
		for i := range 100 {
			b.tell(task("TASK_STARTED", "10:06", process(fmt.Sprintf("U%03d", i))))
		}
		b.meter.Flush(b.post)
		Expect(b.closed()).To(Equal([]string{"T007 10:00-10:05 1x256"}))
		Expect(b.running()).To(HaveLen(events.MaxOthers + 100))
	})

	It("costs a message of the same size, however much it is", func() {
		size := func(tasks int) int {
			b, n := told(), 0
			for i := range tasks {
				b.tell(task("TASK_STARTED", "10:00", process(fmt.Sprintf("T%03d", i))))
			}
			before := len(b.stream)
			for i := range tasks {
				b.tell(task("TASK_STARTED", "10:05", process(fmt.Sprintf("U%03d", i))),
					task("TASK_STOPPED", "10:06", process(fmt.Sprintf("T%03d", i))))
				n += 2
			}
			return (len(b.stream) - before) / n
		}
		Expect(size(400)).To(BeNumerically("<=", size(5)*3/2))
	})

	It("is listed in several messages where all of it changes", func() {
		b := newBooks(projector.Config{Cut: timeline.CutDay})
		tasks(b, 400)
		b.reach("03-11 01:00")
		Expect(b.wrong).To(BeEmpty())
		Expect(b.last.Running).To(HaveLen(400))
		for _, s := range b.last.Running {
			Expect(short(s.Start)).To(Equal("03-11 00:00"))
		}
	})
})

// TestListings: the messages of a subject list everything that runs and is held under it, since the
// input that the last one names.
func TestListings(t *testing.T) {
	check(t, 60, func(t *rapid.T) {
		cfg := projector.Config{Cut: timeline.CutDay}
		m := newMeter(cfg)
		sequence := uint64(0)
		type told struct {
			sequence uint64
			message  events.Metered
		}
		var messages []told
		post := func(x *events.Metered) {
			var kept events.Metered
			if err := kept.DecodeJSON(x.AppendJSON(nil)); err != nil {
				t.Fatal(err)
			}
			messages = append(messages, told{sequence, kept})
		}
		tell := func(event, id string) {
			sequence++
			u := task(event, "10:00", process(id))
			u.ID, u.Time = fmt.Sprint(sequence), minute(int(sequence)*60)
			m.Fact(u, sequence, post)
		}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			sequence++
			switch rapid.IntRange(0, 40).Draw(t, "step") {
			case 0:
				h := events.Horizon{
					ID: fmt.Sprint(sequence), Source: "cf", Foundation: "eu", Time: minute(int(sequence) * 60),
				}
				collected(m, &h, sequence, post)
			case 1:
				g := events.Gap{
					ID: fmt.Sprint(sequence), Source: "cf", Foundation: "eu", From: minute(int(sequence)),
					To: minute(int(sequence) + 10),
				}
				m.Gap(&g, sequence, post)
			case 2: // in several messages
				m.Flush(post)
				m.Open(sequence)
				for i := range rapid.IntRange(0, 61).Draw(t, "stops") {
					tell("TASK_STOPPED", fmt.Sprint("T", i))
				}
				for range rapid.IntRange(0, 150).Draw(t, "starts") {
					tell("TASK_STARTED", fmt.Sprint("U", sequence))
				}
				m.Flush(post)
			default:
				if rapid.IntRange(0, 9).Draw(t, "window") == 0 {
					m.Flush(post)
					m.Open(sequence)
				}
				tell(rapid.SampledFrom([]string{"TASK_STARTED", "TASK_STARTED", "TASK_STOPPED"}).Draw(t, "event"),
					fmt.Sprint("T", rapid.IntRange(0, 60).Draw(t, "task")))
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 && m.Opened() == 0 {
				var err error
				if m, err = projector.RestoreMeter(cfg, m.Snapshot()); err != nil {
					t.Fatal(err)
				}
			}
		}
		m.Flush(post)
		if len(messages) == 0 {
			return
		}
		last := messages[len(messages)-1].message
		var all, since standing.Subject
		for i := range messages {
			all.Apply(&messages[i].message)
			if messages[i].sequence >= last.ListedFrom {
				since.Apply(&messages[i].message)
			}
		}
		var whole, part events.Metered
		all.List(&whole)
		since.List(&part)
		if standing.Partial(&whole) || len(whole.Running) != all.Running() || len(whole.Held) != all.Held() {
			t.Fatalf("of %d and %d the messages list %d and %d", all.Running(), all.Held(), len(whole.Running),
				len(whole.Held))
		}
		if string(whole.AppendJSON(nil)) != string(part.AppendJSON(nil)) {
			t.Fatalf("since %d the messages do not list everything:\n%s\n%s", last.ListedFrom, whole.AppendJSON(nil),
				part.AppendJSON(nil))
		}
	})
}
