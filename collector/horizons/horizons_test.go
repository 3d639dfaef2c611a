package horizons_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

func TestHorizons(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "horizons")
}

// stream is USAGE in memory: horizons by sequence, and as many other messages as one wants.
type stream struct {
	horizons map[uint64]events.Horizon
	last     uint64
	reads    int
}

func (s *stream) stored(sequence uint64) bus.Stored {
	h := s.horizons[sequence]
	return bus.Stored{Sequence: sequence, Data: h.AppendJSON(nil)}
}

func (s *stream) Last(context.Context, string, string) (bus.Stored, error) {
	if s.last == 0 {
		return bus.Stored{}, bus.ErrNotFound
	}
	return s.stored(s.last), nil
}

func (s *stream) Each(_ context.Context, _ string, from, to uint64, _ bus.ReadOptions,
	yield func(m *bus.Stored) error,
) (uint64, error) {
	s.reads++
	for sequence := from; sequence <= to; sequence++ {
		if _, ok := s.horizons[sequence]; ok {
			m := s.stored(sequence)
			if err := yield(&m); err != nil {
				return 0, err
			}
		}
	}
	return s.last, nil
}

func at(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }

var _ = Describe("The last horizon of a collector", func() {
	var s *stream
	BeforeEach(func() { s = &stream{horizons: map[uint64]events.Horizon{}} })
	put := func(sequence uint64, collector string, minute int) {
		s.horizons[sequence] = events.Horizon{
			ID: "h", Source: "cf", Foundation: "eu", Collector: collector, Time: at(minute),
		}
		s.last = max(s.last, sequence)
	}
	find := func(q horizons.Query) horizons.Found {
		GinkgoHelper()
		q.Source, q.Foundation = "cf", "eu"
		if q.Through == 0 {
			q.Through = bus.End
		}
		found, err := horizons.Find(context.Background(), s, q)
		Expect(err).NotTo(HaveOccurred())
		return found
	}

	It("is zero where there is none", func() {
		Expect(find(horizons.Query{Collector: "a"})).To(BeZero())
		put(7, "b", 1)
		Expect(find(horizons.Query{Collector: "a"})).To(Equal(horizons.Found{Newest: at(1)}))
	})

	It("is found at the end without reading on", func() {
		put(5, "a", 1)
		put(900_000, "a", 2)
		Expect(find(horizons.Query{Collector: "a"})).To(Equal(horizons.Found{Own: at(2), Newest: at(2)}))
		Expect(s.reads).To(BeZero())
	})

	It("is found behind those of others, far back", func() {
		put(5, "a", 1)
		put(6, "b", 9)
		put(900_000, "b", 7)
		Expect(find(horizons.Query{Collector: "a"})).To(Equal(horizons.Found{Own: at(1), Newest: at(9)}))
	})

	It("is not looked for past a limit", func() {
		put(5, "a", 1)
		for sequence := uint64(10_000); sequence < 10_020; sequence++ {
			put(sequence, "b", 2)
		}
		Expect(find(horizons.Query{Collector: "a", Limit: 20}).Own).To(BeZero())
		Expect(find(horizons.Query{Collector: "a", Limit: 21}).Own).To(Equal(at(1)))
	})

	It("counts up to a sequence", func() {
		put(5, "a", 1)
		put(8, "b", 2)
		put(9, "a", 3)
		Expect(find(horizons.Query{Collector: "a", Through: 8})).To(Equal(horizons.Found{Own: at(1), Newest: at(2)}))
	})

	It("is that of any collector where nobody is named", func() {
		put(5, "a", 1)
		put(6, "b", 2)
		h, err := horizons.Last(context.Background(), s, "cf", "eu")
		Expect(err).NotTo(HaveOccurred())
		Expect(h.Time).To(Equal(at(2)))
	})
})
