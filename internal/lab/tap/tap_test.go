package tap_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/tap"
)

func TestTap(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Tap")
}

var _ = Describe("A tap", func() {
	It("acts at the n-th message below a subject, before the server has it, or behind it", func(ctx SpecContext) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Shutdown)
		direct, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(direct.Close)
		got, err := direct.Conn().SubscribeSync("a.>")
		Expect(err).NotTo(HaveOccurred())
		Expect(direct.Conn().Flush()).To(Succeed())
		address, err := url.Parse(server.URL())
		Expect(err).NotTo(HaveOccurred())
		t, err := tap.Start(ctx, address.Host, "a.b.")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(t.Close)

		for _, passes := range []bool{false, true} {
			acted := make(chan struct{})
			t.At(2, passes, func() { close(acted) })
			through, err := net.Dial("tcp", strings.TrimPrefix(t.URL(), "nats://"))
			Expect(err).NotTo(HaveOccurred())
			_, err = io.WriteString(through, "CONNECT {\"headers\":true}\r\n"+
				"PUB a.c.1 10\r\ntwo\r\nlines\r\n"+
				"PUB a.b.1 re.ply 10\r\ntwo\r\nlines\r\n"+
				"HPUB a.b.2 18 28\r\nNATS/1.0\r\nk: v\r\n\r\ntwo\r\nlines\r\n"+
				"PUB a.b.3 10\r\ntwo\r\nlines\r\n")
			Expect(err).NotTo(HaveOccurred())
			<-acted
			_, err = io.Copy(io.Discard, through)
			Expect(err).To(Or(BeNil(), MatchError(syscall.ECONNRESET)), "the connection ends")
			Expect(through.Close()).To(Succeed())
			wanted := []string{"a.c.1", "a.b.1"}
			if passes {
				wanted = append(wanted, "a.b.2")
			}
			for _, subject := range wanted {
				m, err := got.NextMsg(scale.Patience)
				Expect(err).NotTo(HaveOccurred())
				Expect(m.Subject).To(Equal(subject))
				Expect(string(m.Data)).To(Equal("two\r\nlines"))
			}
			Expect(t.Count()).To(Equal(2))
		}
		Expect(direct.Conn().Flush()).To(Succeed())
		left, _, err := got.Pending()
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeZero())
	})
})
