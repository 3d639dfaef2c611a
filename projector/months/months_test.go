package months_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/months"
	"github.com/daybook-billing/daybook/projector/timeline"
)

func TestMonths(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Months")
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02", text)
	Expect(err).NotTo(HaveOccurred())
	return t
}

func moment(text string) timeline.Moment { return timeline.MomentOf(at(text)) }

func since(first string) months.Months {
	m := months.New(months.Policy{Grace: months.DefaultGrace})
	m.Seen(at(first))
	return m
}

// due closes all that closes by itself at a horizon.
func due(m *months.Months, horizon string) (closed []string) {
	for {
		month, is := m.Due(moment(horizon), true)
		if !is {
			return closed
		}
		closed = append(closed, month)
	}
}

var _ = Describe("A month", func() {
	It("closes by itself when the horizon has passed its end by the grace", func() {
		m := since("2026-10-10")
		Expect(due(&m, "2026-11-05")).To(BeEmpty())
		Expect(due(&m, "2026-11-06")).To(Equal([]string{"2026-10"}))
		Expect(m.Closed()).To(Equal(moment("2026-11-01")))
	})
	It("closes in order with those behind it, from the first with anything in it on", func() {
		m := since("2026-08-31")
		Expect(due(&m, "2026-11-06")).To(Equal([]string{"2026-08", "2026-09", "2026-10"}))
	})
	It("does not close by itself before a catalogue is in force, nor where that is said", func() {
		m := since("2026-10-10")
		_, is := m.Due(moment("2027-01-01"), false)
		Expect(is).To(BeFalse())
		Expect(m.Policy.Decide(&events.Act{Kind: events.ActMode, Month: events.Month{Mode: "manual"}})).To(Succeed())
		Expect(due(&m, "2027-01-01")).To(BeEmpty())
	})
	It("closes by hand when it is over, and not before those before it", func() {
		m := since("2026-10-10")
		Expect(m.Close("2026-10", moment("2026-10-31"), false)).To(MatchError(ContainSubstring("is not over")))
		Expect(m.Close("2026-11", moment("2026-12-01"), false)).To(MatchError(ContainSubstring(
			"2026-10 is open and closes before 2026-11")))
		Expect(m.Close("2026-10", moment("2026-11-01"), false)).To(Succeed())
		Expect(m.Close("2026-10", moment("2026-11-01"), false)).To(MatchError(ContainSubstring("closed already")))
		Expect(m.Close("2026-09", moment("2026-11-01"), false)).To(MatchError(ContainSubstring("closed already")))
		Expect(m.Close("last", moment("2026-11-01"), false)).To(MatchError(ContainSubstring("is not a month")))
	})
	It("of a foundation that has ended closes by hand before its end", func() {
		m := since("2026-10-10")
		Expect(m.Close("2026-10", moment("2026-10-20"), true)).To(Succeed())
	})
	It("that was closed last can be opened again, and closes by hand then", func() {
		m := since("2026-09-10")
		Expect(due(&m, "2026-11-06")).To(HaveLen(2))
		Expect(m.Reopen("2026-09")).To(MatchError(ContainSubstring("only the last closed one can be opened again, " +
			"2026-10")))
		Expect(m.Reopen("2026-11")).To(MatchError(ContainSubstring("is open")))
		Expect(m.Reopen("2026-10")).To(Succeed())
		Expect(m.Reopen("2026-09")).To(MatchError(ContainSubstring("2026-10 was opened again and is not closed")))
		Expect(due(&m, "2027-02-01")).To(BeEmpty())
		Expect(m.Close("2026-10", moment("2027-02-01"), false)).To(Succeed())
		Expect(due(&m, "2027-02-01")).To(Equal([]string{"2026-11", "2026-12"}))
	})
	It("is not closed after a longer grace is said, and stays closed after it", func() {
		m := since("2026-10-10")
		long := &events.Act{Kind: events.ActGrace, Month: events.Month{GraceSeconds: 30 * 24 * 60 * 60}}
		Expect(due(&m, "2026-11-06")).To(HaveLen(1))
		Expect(m.Policy.Decide(long)).To(Succeed())
		Expect(m.Closed()).To(Equal(moment("2026-11-01")))
		Expect(due(&m, "2026-12-30")).To(BeEmpty())
		Expect(due(&m, "2026-12-31")).To(Equal([]string{"2026-11"}))
		long.Month.GraceSeconds = 400 * 24 * 60 * 60
		Expect(m.Policy.Decide(long)).To(MatchError(ContainSubstring("longer than")))
	})
})

// TestFolded: the facts of the last closed month are kept, a reopening needs none that is folded,
// and what is folded stays so.
func TestFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := months.New(months.Policy{})
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		m.Seen(begin)
		horizon, folded := begin, timeline.MinMoment
		for range rapid.IntRange(1, 20).Draw(t, "acts") {
			month := begin.AddDate(0, rapid.IntRange(0, 12).Draw(t, "month"), 0).Format(events.MonthForm)
			closed := m.Closed()
			switch rapid.IntRange(0, 2).Draw(t, "act") {
			case 0:
				horizon = horizon.AddDate(0, rapid.IntRange(0, 2).Draw(t, "months"), 0)
				m.Due(timeline.MomentOf(horizon), true)
			case 1:
				_ = m.Close(month, timeline.MomentOf(horizon), false) // may be refused
			case 2:
				if m.Reopen(month) == nil && m.Closed() < folded {
					t.Fatalf("%s is open, and folded up to %s", month, folded)
				}
			}
			if m.Closed() > closed && m.Folded() < folded {
				t.Fatal("what was folded is not")
			}
			folded = max(folded, m.Folded())
			if m.Closed() != timeline.MinMoment && folded > m.Closed() {
				t.Fatal("an open month is folded")
			}
		}
	})
}
