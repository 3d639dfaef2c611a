package main

import (
	"bytes"
	"io"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/service"
)

// said is a log, a line each.
type said chan string

func (s said) Write(p []byte) (int, error) {
	s <- string(p)
	return len(p), nil
}

var _ = Describe("daybook up while its server is away", func() {
	It("waits before it shows the bill, and shows it when the server is back", func(ctx SpecContext) {
		scale.Long(Skip)
		folder := GinkgoT().TempDir()
		server, err := bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: 100 * time.Millisecond})
		Expect(err).NotTo(HaveOccurred())
		defer b.Close()
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		log := make(said, 16)
		process, err := service.New("up", service.Config{}, log)
		Expect(err).NotTo(HaveOccurred())
		var out bytes.Buffer
		up := &system{
			cmd: &upCmd{}, env: &shell.Env{Ctx: ctx, Stdout: &out, Stderr: io.Discard}, process: process, bus: b,
		}
		up.books, err = up.cmd.open(process, b)
		Expect(err).NotTo(HaveOccurred())

		server.Shutdown()
		shown := make(chan error, 1)
		go func() { shown <- up.showBill(ctx) }()
		Eventually(log).Should(Receive(ContainSubstring("waiting until it is there")))
		Expect(shown).NotTo(Receive())

		address := strings.TrimPrefix(server.URL(), "nats://")
		server, err = bus.StartServer(bus.ServerConfig{DataDir: folder, Listen: address})
		Expect(err).NotTo(HaveOccurred())
		defer server.Shutdown()
		Eventually(shown).Should(Receive(BeNil()))
		Expect(out.String()).To(ContainSubstring("No charges."))
	})
})
