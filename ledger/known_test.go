package ledger_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// usage is a USAGE with messages of these seconds, from sequence first; a negative one is deleted.
type usage struct {
	ledger.Gets
	first   uint64
	seconds []int
	replay  uint64
}

func second(n int) time.Time { return time.Unix(int64(n), 0).UTC() }

func (u *usage) Stream(context.Context, string) (bus.StreamState, error) {
	return bus.StreamState{First: u.first, Last: u.first + uint64(len(u.seconds)) - 1}, nil
}

func (u *usage) Get(_ context.Context, _ string, sequence uint64) (bus.Stored, error) {
	if at := u.seconds[sequence-u.first]; at >= 0 {
		return bus.NewStored(bus.Message{}, sequence, second(at), 0), nil
	}
	return bus.Stored{}, bus.ErrNotFound
}

func (u *usage) Last(_ context.Context, _, filter string) (bus.Stored, error) {
	Expect(filter).To(Equal("usage.act.replay.*.*"))
	if u.replay == 0 {
		return bus.Stored{}, bus.ErrNotFound
	}
	return bus.NewStored(bus.Message{}, u.replay, second(0), 0), nil
}

var _ = Describe("What was known at a time", func() {
	ctx := context.Background()

	DescribeTable("is the facts that USAGE had stored by then",
		func(first int, seconds []int, at int, want string) {
			got, err := ledger.SequenceAt(ctx, &usage{first: uint64(first), seconds: seconds}, second(at))
			if err != nil {
				Expect(err).To(MatchError(ledger.ErrForgotten))
				Expect(want).To(Equal("forgotten"))
				return
			}
			Expect(fmt.Sprint(got)).To(Equal(want))
		},
		Entry("the last one before", 1, []int{10, 20, 30, 40}, 25, "2"),
		Entry("the one of the very time", 1, []int{10, 20, 30, 40}, 30, "3"),
		Entry("the last of a batch", 1, []int{10, 20, 20, 20}, 20, "4"),
		Entry("none", 1, []int{10, 20}, 5, "0"),
		Entry("all", 1, []int{10, 20}, 99, "2"),
		Entry("over deleted messages", 1, []int{10, -1, -1, 40, -1}, 25, "1"),
		Entry("behind deleted messages", 1, []int{10, -1, -1, 40, -1}, 40, "4"),
		Entry("in a stream that begins later", 7, []int{10, 20}, 15, "7"),
		Entry("before what a stream still has", 7, []int{10, 20}, 5, "forgotten"),
		Entry("in an empty stream", 1, []int{}, 5, "0"),
	)

	It("is told back to the last replay", func() {
		Expect(ledger.KnownFrom(ctx, &usage{})).To(BeZero())
		Expect(ledger.KnownFrom(ctx, &usage{replay: 44})).To(Equal(uint64(44)))
	})

	It("asks a consumer for the subjects of a few owners, and for everybody's where they are many", func() {
		of := func(tenant, foundation, month string) string { return tenant + "." + foundation + "." + month }
		q := ledger.Query{Owners: []events.Owner{{Foundation: "n", Tenant: "a"}, {Foundation: "s", Tenant: "b"}}}
		Expect(q.Filters(of)).To(Equal([]string{"a.n.", "b.s."}))
		q.Foundation = "s"
		Expect(q.Filters(of)).To(Equal([]string{"b.s."}))
		q.Owners = make([]events.Owner, 101)
		Expect(q.Filters(of)).To(Equal([]string{".s."}))
	})
})
