//go:build linux

package e2e_test

import (
	"context"
	"path/filepath"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// mended does what a refused `up` says about a message of somebody else: it replays.
func mended(data string, refused *gexec.Session) {
	GinkgoHelper()
	message := string(refused.Err.Contents())
	Expect(message).To(And(ContainSubstring("was not published by Daybook"),
		ContainSubstring("daybook up --server-only --data "+data)))
	do := regexp.MustCompile("`daybook (replay) (projector)`").FindStringSubmatch(message)
	Expect(do).NotTo(BeNil(), message)
	server, url := serverOnly(data)
	run(do[1], do[2], "--nats", url)
	stop(server)
}

var _ = Describe("What somebody else published", func() {
	It("on the projector's subjects stops `up`, which says what publishes what is right; then everything goes "+
		"on", func() {
		data, prices, one := GinkgoT().TempDir(), file("demo.yaml", string(demo.Catalogue())), file("one.jsonl",
			appStarted+"\n")
		run("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--catalogue", prices, "--collect", one)
		server, url := serverOnly(data)
		show(url, "pub", "metered.foo", "bar")
		stop(server)

		more := file("more.jsonl", appStarted+"\n"+appStopped+"\n")
		refused := start("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--collect", more)
		Eventually(refused).Should(gexec.Exit(1))
		mended(data, refused)
		run("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--collect", more)
	})

	It("in the middle of a batch stops `up`; after the replay that it names the bill is the same",
		func(ctx context.Context) {
			random, w := newRand(), newWorkload(3_000)
			wanted, bill := w.charged(ctx)
			data := filepath.Join(GinkgoT().TempDir(), "data")
			up := start(w.up(data)...)
			url := natsURL(up)
			b := connect(ctx, url)
			awaitStream(ctx, b, events.StreamBilling)
			m, left := nextMoment(ctx, b, random, wanted, events.StreamMetered)
			Expect(left).To(BeTrue())
			Expect(m.reached(ctx, b)).To(Succeed())
			Expect(dial(url).Publish("metered.foo", "", []byte("bar"))).To(Succeed())
			b.Close()
			Eventually(up).Should(gexec.Exit(1))
			mended(data, up)
			// An anomaly stands on the bill for two months, and the data may go on for longer.
			anomalies := regexp.MustCompile(`(?m)^(no anomalies|anomalies: .*)$`)
			Expect(anomalies.ReplaceAllString(run(w.up(data)...), "")).To(Equal(anomalies.ReplaceAllString(bill, "")))

			server, url := serverOnly(data)
			b = connect(ctx, url)
			last, err := b.Last(ctx, events.StreamBilling, "billing.anomaly")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(last.Data)).To(ContainSubstring("on metered.foo was not published by Daybook"))
			b.Close()
			stop(server)
		})

	It("as a catalogue is an anomaly on the bill, and the prices stay", func() {
		prices := file("demo.yaml", string(demo.Catalogue()))
		up := start("up", "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0", "--catalogue", prices, "--collect",
			file("one.jsonl", appStarted+"\n"+appStopped+"\n"+halfLine+"\n"))
		url := natsURL(up)
		awaitOutput(up, up.Out, `(Daybook is running)`)
		Expect(run("bill", "--nats", url)).To(And(ContainSubstring("no anomalies"),
			ContainSubstring("quarantined: 1 inputs")))
		show(url, "pub", "usage.act.catalogue.all.all", "rubbish")
		Eventually(func() string {
			return run("bill", "--nats",
				url)
		}).WithPolling(20 * pollEvery).Should(ContainSubstring("anomalies: unreadable 1"))
		stop(up)
	})

	It("or took away: a service whose stream is gone is not ready, and ends with what to "+
		"do", func(ctx context.Context) {
		url, _ := serve(GinkgoT().TempDir())
		connect(ctx, url)
		projector := startService(url, "project")
		Eventually(func() int {
			status,
				_ := get(ctx, projector.url+"/readyz")
			return status
		}).WithPolling(20 * pollEvery).Should(Equal(200))
		show(url, "stream", "rm", "USAGE", "-f")
		Eventually(projector.session).Should(gexec.Exit(1))
		Expect(string(projector.session.Err.Contents())).To(ContainSubstring("there is no stream USAGE. Restore it " +
			"from a backup"))
	})
})
