package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// usage is USAGE with facts of two tenants: every third one is of the other.
type usage struct {
	bundle.Bus
	facts int
	gets  int
}

func (u *usage) fact(sequence uint64) bus.Stored {
	tenant := "T"
	if sequence%3 == 0 {
		tenant = "U"
	}
	return bus.NewStored(bus.Message{
		Subject: events.UsageSubject("cf", "eu", tenant, "app", "P"), Data: fmt.Append(nil, sequence),
		Header: []events.Header{{Key: events.HeaderType, Value: "t"}},
	}, sequence, time.Time{}, 0)
}

func (u *usage) Get(_ context.Context, _ string, sequence uint64) (bus.Stored, error) {
	u.gets++
	return u.fact(sequence), nil
}

func (u *usage) Each(_ context.Context, _ string, from, to uint64, options bus.ReadOptions,
	yield func(*bus.Stored) error,
) (uint64, error) {
	prefix := strings.TrimSuffix(options.Filters[0], "*.*")
	for i := from; i <= min(to, uint64(u.facts)); i++ {
		if m := u.fact(i); strings.HasPrefix(m.Subject, prefix) {
			if err := yield(&m); err != nil {
				return 0, err
			}
		}
	}
	return uint64(u.facts), nil
}

var _ = Describe("The facts of a bundle", func() {
	It("are missed in their order", func() {
		l := metered()
		for i := range 40 {
			l.spans[0].Evidence = append(l.spans[0].Evidence, uint64(100+i))
		}
		c := l.contents()
		c.Facts = nil
		var out bytes.Buffer
		Expect(bundle.Write(&out, c, nil)).To(Succeed())
		report, err := bundle.Check(bytes.NewReader(out.Bytes()), nil)
		Expect(err).NotTo(HaveOccurred())
		missed := report.Checks[len(report.Checks)-1]
		var want []string
		for _, sequence := range []int{1, 2, 3, 4, 5, 6, 100, 101, 102, 103} {
			want = append(want, fmt.Sprintf("fact %d, the evidence of a span, is missing", sequence))
		}
		Expect(missed.Problems).To(Equal(want))
		Expect(missed.More).To(Equal(36))
	})

	It("are read in one pass over those of the tenant, and the others one by one", func(ctx SpecContext) {
		l := metered()
		c := l.contents()
		c.Spans = nil
		want := ""
		for i := range 40 {
			s := l.spans[0]
			s.ID, s.Evidence = events.ID("span", fmt.Sprint(i)), []uint64{uint64(i + 1), 1_000_000}
			c.Spans = fmt.Appendf(c.Spans, "{\"terms\":0,\"span\":%s}\n", s.AppendJSON(nil))
			want += fmt.Sprintf("{\"sequence\":%d,\"type\":\"t\",\"body\":\"%d\"}\n", i+1, i+1)
		}
		u := &usage{facts: 2_000_000}
		Expect(c.CollectFacts(ctx, u)).To(Succeed())
		Expect(string(c.Facts)).To(Equal(want + "{\"sequence\":1000000,\"type\":\"t\",\"body\":\"1000000\"}\n"))
		Expect(u.gets).To(Equal(40/3 + 1))
	})
})
