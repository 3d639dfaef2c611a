package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// narrow accepts connections with short buffers: what a client does not read is soon in the way.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, is := c.(*net.TCPConn); is {
		err = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

var _ = Describe("The limits of live streams", Ordered, func() {
	var a *asked
	var s *site
	BeforeAll(func(ctx SpecContext) {
		s = newSite(ctx)
		_, _, prices := month(10)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", prices)
		file := filepath.Join(GinkgoT().TempDir(), "events.jsonl")
		Expect(os.WriteFile(file, []byte(appFact("e1", "2026-05-01T09:00:00Z", "STARTED")), 0o600)).To(Succeed())
		s.ran("collect", "file", "--foundation", "eu", "--order", "given", "--horizon", "2026-05-20T12:00:00Z", file)
		s.work(ctx, timeline.CutHour)
		a = s.ask(ctx)
	})

	It("refuse the 101st, and say when to ask again", func(ctx SpecContext) {
		server := httptest.NewServer(a.handler)
		DeferCleanup(server.Close)
		open := make([]*heard, 100)
		for i := range open {
			open[i] = a.hear(ctx, server.URL, "")
		}
		one := func() *httptest.ResponseRecorder {
			limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond) // one that is open has no end
			defer cancel()
			w := httptest.NewRecorder()
			a.handler.ServeHTTP(w, httptest.NewRequestWithContext(limited, http.MethodGet, "/v1/live/charges", nil))
			return w
		}
		w := one()
		Expect(w.Code).To(Equal(http.StatusServiceUnavailable))
		Expect(w.Header().Get("Retry-After")).NotTo(BeEmpty())
		Expect(w.Body.String()).To(ContainSubstring("100 live streams"))
		open[0].close()
		Eventually(func() int { return one().Code }).Should(Equal(http.StatusOK))
	})
	It("cut off a client that reads nothing", func(ctx SpecContext) {
		books := memory.New()
		Expect(ledger.CatchUp(ctx, s.bus, books)).To(BeEmpty())
		service, err := api.New(api.Config{ReadTime: 50 * time.Millisecond}, api.Deps{
			Reader: memory.NewReader(books, s.bus), Bus: s.bus, Authenticator: a, Version: "test",
			Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
		Expect(err).NotTo(HaveOccurred())
		ended := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			service.Handler().ServeHTTP(w, r)
		}))
		server.Listener = narrow{server.Listener}
		server.Start()
		DeferCleanup(server.Close)
		address := strings.TrimPrefix(server.URL, "http://")
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
		Expect(conn.(*net.TCPConn).SetReadBuffer(4 << 10)).To(Succeed())
		_, err = conn.Write([]byte("GET /v1/live/charges HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1-0\r\n\r\n"))
		Expect(err).NotTo(HaveOccurred())
		Eventually(ended).Should(BeClosed())
	})
})
