package e2e_test

import (
	"context"
	"net"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/internal/bus"
)

// vacant is an address where nothing listens.
func vacant() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

var _ = Describe("A service that starts while NATS is away", func() {
	It("waits, live and not ready, says so once, and works when NATS is there", func(ctx context.Context) {
		address := vacant()
		input := file("followed.jsonl", appStarted+"\n")
		all := []service{
			startService("nats://"+address, "project"), startService("nats://"+address, "price"),
			startService("nats://"+address, "collect", "file", input, "--follow", "--foundation", "live"),
		}
		for _, s := range all {
			Eventually(func() string { _, body := get(ctx, s.url+"/readyz"); return body }).
				Should(ContainSubstring("nothing listens there"))
			status, body := get(ctx, s.url+"/healthz")
			Expect(status).To(Equal(200), body)
		}
		time.Sleep(time.Second)
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: address})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		for _, s := range all {
			Eventually(func() int { status, _ := get(ctx, s.url+"/readyz"); return status }).Should(Equal(200))
			Expect(strings.Count(string(s.session.Err.Contents()), "waiting until it is there")).To(Equal(1))
		}
		all[2].metrics(ctx, `daybook_collector_facts_stored_total 1`)
		stop(all[0].session, all[1].session, all[2].session)
	})

	It("ends at once when told, also where something listens and does not answer", func() {
		frozen, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(frozen.Close)
		for _, address := range []string{vacant(), frozen.Addr().String()} {
			s := startService("nats://"+address, "project")
			time.Sleep(200 * time.Millisecond)
			begun := time.Now()
			stop(s.session)
			Expect(time.Since(begun)).To(BeNumerically("<", 2*time.Second))
		}
	})

	It("refuses a URL that makes no sense", func() {
		session := start("project", "--nats", "http://127.0.0.1:4222")
		Eventually(session).Should(gexec.Exit(1))
		Expect(session.Err).To(saying("is not NATS's"))
	})
})
