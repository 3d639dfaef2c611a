package main

import (
	"context"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/service"
)

var _ = Describe("A setting that loses messages, made while services run", func() {
	DescribeTable("makes them not ready, and is on the bill, until it is mended", func(ctx SpecContext, setting string,
		value any, flag string,
	) {
		s := newSite(ctx)
		process, err := service.New("projector", service.Config{}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		watchStreams(process, s.bus, 20*time.Millisecond)
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

	It("is looked for every minute", func() {
		Expect(checkStreams).To(BeNumerically("<=", time.Minute))
	})
})
