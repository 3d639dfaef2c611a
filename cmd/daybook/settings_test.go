package main

import (
	"context"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/projector/timeline"
)

var _ = Describe("A setting that loses messages, made while services run", func() {
	DescribeTable("makes them not ready, and is on the bill, until it is mended", func(ctx SpecContext, setting string,
		value any, flag string,
	) {
		s := newSite(ctx)
		process, err := service.New("projector", service.Config{}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		shell.WatchStreams(process, s.bus, 20*time.Millisecond)
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			done <- process.Run(running, service.Component{
				Name: "projector",
				Run:  func(ctx context.Context) error { <-ctx.Done(); return nil },
			})
		}()
		ready := func() bool { return process.Health.Readiness(ctx).OK }
		Eventually(ready).Should(BeTrue())
		s.ran("bill")
		edit := func(value any) {
			settings := map[string]any{
				"name": "BILLING", "subjects": []string{"billing.>"}, "storage": "file", "retention": "limits",
				"discard": "new", "max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": -1, "max_msg_size": -1,
				"num_replicas": 1, "allow_batched": true, "persist_mode": "async", "allow_direct": true,
			}
			if value != nil {
				settings[setting] = value
			}
			s.api("STREAM.UPDATE.BILLING", settings)
		}
		edit(value)
		Eventually(ready).Should(BeFalse())
		status, out, notices := s.daybook("bill")
		Expect(status).To(Equal(1))
		Expect(out).To(ContainSubstring("incomplete: BILLING: " + setting))
		Expect(notices).To(ContainSubstring("nats stream edit BILLING " + flag))
		edit(nil)
		Eventually(ready).Should(BeTrue())
		s.ran("bill")
		stop()
		Eventually(done).Should(Receive(BeNil()))
	},
		Entry("which drops old messages", "discard", "old", "--discard=new"),
		Entry("an age", "max_age", int64(time.Hour*24*365), "--max-age=0s"),
		Entry("a number of messages", "max_msgs", 1000, "--max-msgs=-1"),
	)

	It("and what is missing makes a service not ready, until a replay has mended it", func(ctx SpecContext) {
		first, _, prices := month(200)
		s := newSite(ctx)
		s.ran("catalogue", "publish", "--yes", prices)
		s.ran("collect", "file", first)
		s.work(ctx, timeline.CutDay)
		process, err := service.New("up", service.Config{}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		shell.WatchStreams(process, s.bus, 20*time.Millisecond, shell.Watched("up")...)
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			done <- process.Run(running, service.Component{
				Name: "up", Run: func(ctx context.Context) error { <-ctx.Done(); return nil },
			})
		}()
		why := func() string {
			for _, check := range process.Health.Readiness(ctx).Checks {
				if !check.OK {
					return check.Error
				}
			}
			return ""
		}
		for stream, stage := range map[string]string{"BILLING": "pricer", "METERED": "projector"} {
			state, err := s.bus.Stream(ctx, stream)
			Expect(err).NotTo(HaveOccurred())
			for _, sequence := range []uint64{1, state.Last / 2, state.Last} {
				Eventually(why).Should(BeEmpty())
				s.api("STREAM.MSG.DELETE."+stream, map[string]any{"seq": sequence})
				Eventually(why).Should(And(HavePrefix(stream+": "), ContainSubstring("daybook replay "+stage)))
				s.ran("replay", stage, "--cut", "day")
			}
		}
		s.ran("replay", "--cut", "day") // what is priced rests on what was deleted
		Eventually(why).Should(BeEmpty())
		s.ran("bill")
		s.ran("verify")
		stop()
		Eventually(done).Should(Receive(BeNil()))
	})

	It("is on the bill and in readiness when it has emptied USAGE, though it is mended", func(ctx SpecContext) {
		first, _, _ := month(200)
		s := newSite(ctx)
		s.ran("collect", "file", first)
		settings := map[string]any{
			"name": "USAGE", "subjects": []string{"usage.>"}, "storage": "file", "retention": "limits",
			"discard":  "new",
			"max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": -1, "max_msg_size": -1, "num_replicas": 1,
			"allow_atomic": true, "allow_direct": true, "deny_delete": true, "deny_purge": true,
			"discard_new_per_subject": false, "max_age": time.Second,
		}
		s.api("STREAM.UPDATE.USAGE", settings)
		lost := func() []string {
			missing, err := ledger.Absent(ctx, s.bus, shell.Watched("projector")...)
			Expect(err).NotTo(HaveOccurred())
			return missing
		}
		Eventually(lost).WithTimeout(scale.Patience).ShouldNot(BeEmpty())
		delete(settings, "max_age")
		s.api("STREAM.UPDATE.USAGE", settings)
		Expect(lost()).To(ConsistOf(And(HavePrefix("USAGE: "), ContainSubstring("nats stream restore"))))
		status, out, _ := s.daybook("bill")
		Expect(status).To(Equal(1))
		Expect(out).To(ContainSubstring("incomplete: USAGE: "))
		status, _, notices := s.daybook("verify")
		Expect(status).To(Equal(5))
		Expect(notices).To(ContainSubstring("daybook: " + lost()[0]))
		status, out, _ = s.daybook("verify", "--format", "json", "projector")
		Expect(status).To(Equal(5))
		Expect(out).To(And(ContainSubstring(`"ok":false`), ContainSubstring(`"missing":["USAGE: `)))
	})

	It("is looked for every minute", func() {
		Expect(shell.CheckStreams).To(BeNumerically("<=", time.Minute))
	})
})
