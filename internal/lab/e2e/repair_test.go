//go:build linux

package e2e_test

import (
	"context"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/internal/lab/demo"
)

var _ = Describe("What somebody else published", func() {
	It("on the projector's subjects stops `up`, which says how to remove it; removed, everything goes on", func() {
		data, prices, events := GinkgoT().TempDir(), file("demo.yaml", string(demo.Catalogue())), file("one.jsonl",
			appStarted+"\n")
		run("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--catalogue", prices, "--collect", events)
		serverOnly := func() (*gexec.Session, string) {
			GinkgoHelper()
			session := start("up", "--server-only", "--data", data, "--listen", "127.0.0.1:0")
			return session, awaitOutput(session, session.Out, `listens at (\S+);`)
		}
		server, url := serverOnly()
		show(url, "pub", "metered.foo", "bar")
		stop(server)

		more := file("more.jsonl", appStarted+"\n"+appStopped+"\n")
		refused := start("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--collect", more)
		Eventually(refused).Should(gexec.Exit(1))
		message := string(refused.Err.Contents())
		Expect(message).To(And(ContainSubstring("was not published by Daybook"),
			ContainSubstring("daybook up --server-only --data "+data)))
		remove := regexp.MustCompile(`nats stream rmm (METERED) (\d+)`).FindStringSubmatch(message)
		Expect(remove).NotTo(BeNil(), message)

		server, url = serverOnly()
		show(url, "stream", "rmm", remove[1], remove[2], "-f")
		stop(server)
		run("up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--collect", more)
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
