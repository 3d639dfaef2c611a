package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/ledger"
)

// size is that of a file, in bytes.
func size(path string) int64 {
	GinkgoHelper()
	info, err := os.Stat(path)
	Expect(err).NotTo(HaveOccurred())
	return info.Size()
}

// withoutOnce is a command line of `daybook up` without its --once.
func withoutOnce(args []string) (left []string) {
	for _, a := range args {
		if a != "--once" {
			left = append(left, a)
		}
	}
	return left
}

// lose leaves a part of the last block of a stream.
func lose(data, stream string, index bool) {
	GinkgoHelper()
	block := lastBlock(data, stream)
	cut(block, size(block)/2, index)
}

// objects are the names in a bucket of a data folder without a process.
func objects(ctx context.Context, data, bucket string) []string {
	GinkgoHelper()
	url, stop := serve(data)
	defer stop()
	b := connect(ctx, url)
	defer b.Close()
	names, err := b.ListObjects(ctx, bucket)
	Expect(err).NotTo(HaveOccurred())
	return names
}

// serverOnly is `daybook up --server-only` on a data folder.
func serverOnly(data string) (*gexec.Session, string) {
	GinkgoHelper()
	session := start("up", "--server-only", "--data", data, "--listen", "127.0.0.1:0")
	return session, awaitOutput(session, session.Out, `listens at (\S+);`)
}

var _ = Describe("After a power cut", Serial, Ordered, ContinueOnFailure, func() {
	var w workload
	var wanted contents
	var before, data, bill string

	BeforeAll(func(ctx context.Context) {
		notShort()
		w = newWorkload(1_500)
		before = filepath.Join(GinkgoT().TempDir(), "data")
		bill = run(w.up(before)...)
		wanted = stored(ctx, before)
	})
	BeforeEach(func() {
		data = GinkgoT().TempDir()
		Expect(os.CopyFS(data, os.DirFS(before))).To(Succeed())
	})

	It("the ledger's snapshot is ahead of BILLING: it is passed over until BILLING is derived again",
		func(ctx context.Context) {
			Expect(objects(ctx, data, ledger.Bucket)).NotTo(BeEmpty())
			lose(data, events.StreamBilling, true)
			server, url := serverOnly(data)
			shorter := start("bill", "--nats", url)
			Eventually(shorter).Should(gexec.Exit())
			Expect(string(shorter.Out.Contents())).NotTo(Equal(bill), "it is the bill of what is there")
			stop(server)
			Expect(run(w.up(data)...)).To(Equal(bill))
			Expect(difference(stored(ctx, data), wanted)).To(BeEmpty())
		})

	It("the pricer is ahead of METERED: it waits, says so, and goes on when the projector has derived it again",
		func(ctx context.Context) {
			lose(data, events.StreamMetered, false)
			url, _ := serve(data)
			b := connect(ctx, url)
			then, err := b.Stream(ctx, events.StreamBilling)
			Expect(err).NotTo(HaveOccurred())
			pricer := startService(url, "price")
			Eventually(func() string { _, body := get(ctx, pricer.url+"/readyz"); return body }).
				WithPolling(20 * pollEvery).Should(ContainSubstring("waiting until it has been derived again"))
			projector := startService(url, "project")
			for _, s := range []service{pricer, projector} {
				s.ready(ctx)
			}
			after, err := b.Stream(ctx, events.StreamBilling)
			Expect(err).NotTo(HaveOccurred())
			Expect(after.Last).To(Equal(then.Last), "it has nothing to add")
			Expect(run("bill", "--nats", url)).To(Equal(bill))
			stop(pricer.session, projector.session)
			Expect(difference(read(ctx, b), wanted)).To(BeEmpty())
		})
})

// ready waits until a service is.
func (s service) ready(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() int { status, _ := get(ctx, s.url+"/readyz"); return status }).
		WithPolling(20 * pollEvery).Should(Equal(200))
}

var _ = Describe("A second writer of METERED", Serial, func() {
	BeforeEach(notShort)

	It("with other settings is refused, whoever comes first; what is stored is of one", func(ctx context.Context) {
		w := newWorkload(1_500)
		url, _ := serve(GinkgoT().TempDir())
		b := connect(ctx, url)
		run("catalogue", "publish", "--yes", w.prices, "--nats", url)
		var both []service
		for _, cut := range []string{"day", "month"} {
			both = append(both, startService(url, "project", "--cut", cut))
		}
		run("collect", "file", w.events, "--nats", url)
		codes := func() []int { return []int{both[0].session.ExitCode(), both[1].session.ExitCode()} }
		Eventually(codes).WithPolling(pollEvery).Should(ContainElement(1))
		loser := slices.Index(codes(), 1)
		Expect(string(both[loser].session.Err.Contents())).To(MatchRegexp(`METERED was derived by .*cut`))
		winner := both[1-loser]
		usage, err := b.Stream(ctx, events.StreamUsage)
		Expect(err).NotTo(HaveOccurred())
		winner.metrics(ctx, fmt.Sprintf(`daybook_stage_inputs_total\{stage="projector"\} %d`, usage.Last))
		stop(winner.session)
		run("verify", "--deep", "projector", "--nats", url)
	})
})
