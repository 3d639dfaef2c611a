package trove_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("bodies that are larger than the memory for them", func() {
	// large is a notification of about this many bytes.
	large := func(instance string, size int) string {
		return strings.Replace(notify(instance), `\"payload\":{`, `\"payload\":{\"pad\":\"`+strings.Repeat("x", size)+
			`\",`, 1)
	}
	DescribeTable("are all stored, with fewer sent ahead", func(ctx SpecContext, n, size int, prefetch string) {
		r := newRig(ctx)
		r.cfg.Hold(4 << 20)
		p := r.publisher(true)
		r.start(ctx).bound().stop() // its queue stays
		names := numbered("large", n)
		for _, name := range names {
			p.send(ctx, large(name, size))
		}
		gate := newGate(r)
		run := r.start(ctx)
		Eventually(r.log.String).WithTimeout(patience).Should(ContainSubstring("limit_bytes=4194304 prefetch=" +
			prefetch))
		gate.open()
		r.seen(ctx, names...)
		r.empty(ctx, run)
		Expect(strings.Count(r.log.String(), "limit_bytes=")).To(Equal(1))
	},
		Entry("many of them", 20, 300<<10, "4"),
		Entry("each of them", 6, 2200<<10, "1"),
	)
})
