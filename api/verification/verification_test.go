package verification_test

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/verification"
	"github.com/daybook-billing/daybook/events"
)

func TestVerification(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Verification")
}

var (
	everybody = answer.Scope{Everybody: true}
	operator  = &answer.Asker{Name: "ann", Usage: everybody, Decide: everybody}
)

// told is a stage in a state.
func told(name string, state verification.StageState) verification.VerifiedStage {
	return verification.VerifiedStage{Stage: name, State: state}
}

var _ = Describe("The verifications of a process", func() {
	var (
		runs   *verification.Runs
		verify verification.Verify
	)
	BeforeEach(func(ctx SpecContext) {
		verify = func(context.Context, bool, func(verification.VerifiedStage)) error { return nil }
		runs = verification.New(func(ctx context.Context, deep bool, tell func(verification.VerifiedStage)) error {
			return verify(ctx, deep, tell)
		}, func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) })
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runs.Run(running)
		}()
		DeferCleanup(func() {
			stop()
			<-ended
		})
	})
	begin := func(ctx context.Context, deep bool) error {
		_, err := runs.Begin(ctx, operator, &verification.VerifyWord{Deep: deep})
		return err
	}
	last := func() *verification.Verification { return runs.Last() }

	DescribeTable("end with a verdict", func(ctx SpecContext, whole bool, failure error,
		stages ...verification.VerifiedStage,
	) {
		verify = func(_ context.Context, _ bool, tell func(verification.VerifiedStage)) error {
			for _, s := range stages {
				tell(told(s.Stage, verification.StageRunning))
				tell(s)
			}
			return failure
		}
		Expect(begin(ctx, true)).To(Succeed())
		Eventually(last).Should(HaveField("State", verification.RunEnded))
		Expect(last()).To(And(HaveField("Whole", whole), HaveField("Deep", true), HaveField("By", "ann"),
			HaveField("Ended", "2026-11-01T00:00:00Z")))
		if failure != nil {
			Expect(last().Stages).To(ContainElement(And(HaveField("State", verification.StageFailed),
				HaveField("Problem", failure.Error()))))
		}
	},
		Entry("of whole streams", true, nil, told("projector", verification.StageWhole),
			told("pricer", verification.StageWhole)),
		Entry("of one that differs", false, nil, told("projector", verification.StageWhole),
			told("pricer", verification.StageDiffers)),
		Entry("of none", false, nil),
		Entry("of an outage in the middle", false, errors.New("no answer"),
			told("projector", verification.StageRunning)),
		Entry("of an outage at the beginning", false, errors.New("no answer")),
	)

	It("are one at a time, and stopped by a word", func(ctx SpecContext) {
		began := make(chan struct{}, 2)
		verify = func(ctx context.Context, _ bool, tell func(verification.VerifiedStage)) error {
			tell(told("projector", verification.StageRunning))
			began <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		Expect(last().State).To(Equal(verification.RunNone))
		Expect(begin(ctx, false)).To(Succeed())
		<-began
		Expect(answer.Refused.Of(begin(ctx, false))).To(BeTrue())
		Expect(last()).To(And(HaveField("State", verification.RunRunning), HaveField("Stages", HaveLen(1))))
		_, err := runs.Stop(ctx, operator, &verification.Question{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(last).Should(HaveField("State", verification.RunStopped))
		Expect(last().Whole).To(BeFalse())
		Expect(begin(ctx, false)).To(Succeed())
		<-began
	})

	It("are for those who may see and decide in all foundations", func(ctx SpecContext) {
		one := answer.Scope{Owners: []events.Owner{{Foundation: "eu", Tenant: "t"}}}
		whole := answer.Scope{Owners: []events.Owner{{Foundation: "eu"}}}
		for _, c := range []struct {
			asker    *answer.Asker
			see, may answer.Kind // 0: allowed
		}{
			{&answer.Asker{Usage: one, Decide: one}, answer.NotFound, answer.NotFound},
			{&answer.Asker{Usage: whole, Decide: whole}, 0, answer.Forbidden},
			{&answer.Asker{Usage: everybody}, 0, answer.Forbidden},
		} {
			_, err := runs.State(ctx, c.asker, &verification.Question{})
			Expect(err == nil && c.see == 0 || c.see.Of(err)).To(BeTrue())
			_, err = runs.Begin(ctx, c.asker, &verification.VerifyWord{})
			Expect(c.may.Of(err)).To(BeTrue())
			_, err = runs.Stop(ctx, c.asker, &verification.Question{})
			Expect(c.may.Of(err)).To(BeTrue())
		}
		Expect(last().State).To(Equal(verification.RunNone))
	})
})
