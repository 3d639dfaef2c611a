package service_test

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/service"
)

func well(detail string) service.Check {
	return func(context.Context) (string, error) { return detail, nil }
}

func unwell(reason string) service.Check {
	return func(context.Context) (string, error) { return "", errors.New(reason) }
}

var _ = Describe("Health", func() {
	It("is live and ready without checks", func(ctx context.Context) {
		var h service.Health
		Expect(h.Liveness(ctx).OK).To(BeTrue())
		Expect(h.Readiness(ctx).OK).To(BeTrue())
	})

	It("is live and not ready while a readiness check fails", func(ctx context.Context) {
		var h service.Health
		h.Live("memory", well("12 MiB"))
		h.Ready("bus", unwell("no answer"))
		Expect(h.Liveness(ctx)).To(Equal(service.Report{OK: true, Checks: []service.CheckResult{{
			Name: "memory",
			OK:   true, Detail: "12 MiB",
		}}}))
		Expect(h.Readiness(ctx)).To(Equal(service.Report{Checks: []service.CheckResult{
			{Name: "memory", OK: true, Detail: "12 MiB"}, {Name: "bus", Error: "no answer"},
		}}))
	})

	It("is not ready when it is not live", func(ctx context.Context) {
		var h service.Health
		h.Live("disk", unwell("read-only"))
		Expect(h.Liveness(ctx).OK).To(BeFalse())
		Expect(h.Readiness(ctx).OK).To(BeFalse())
	})

	It("keeps one check of a name, the last", func(ctx context.Context) {
		var h service.Health
		h.Ready("bus", unwell("connecting"))
		h.Ready("bus", well("connected"))
		Expect(h.Readiness(ctx).Checks).To(Equal([]service.CheckResult{{Name: "bus", OK: true, Detail: "connected"}}))
	})

	It("survives a check that panics", func(ctx context.Context) {
		var h service.Health
		h.Ready("stage", func(context.Context) (string, error) { panic("index out of range") })
		Expect(h.Readiness(ctx).Checks).To(ConsistOf(HaveField("Error", ContainSubstring("index out of range"))))
	})

	It("has switches for states that only their owner knows", func(ctx context.Context) {
		var h service.Health
		s := service.NewSwitch("starting")
		h.Ready("stage", s.Check)
		Expect(h.Readiness(ctx).Checks).To(ConsistOf(service.CheckResult{Name: "stage", Error: "starting"}))
		s.On("active")
		Expect(h.Readiness(ctx).Checks).To(ConsistOf(service.CheckResult{Name: "stage", OK: true, Detail: "active"}))
		s.Off("standby")
		Expect(h.Readiness(ctx).OK).To(BeFalse())
	})
})
