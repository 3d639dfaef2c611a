package service_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/service"
)

var errAway = errors.New("nothing listens there")

func passes(err error) bool { return errors.Is(err, errAway) }

func nothing(int) {}

var _ = Describe("A process whose bus is away", func() {
	It("waits for it, live and not ready, and says so once", func(ctx context.Context) {
		log := make(lines, 16)
		p, err := service.New("projector", service.Config{HTTP: "127.0.0.1:0", LogFormat: "json"}, log)
		Expect(err).NotTo(HaveOccurred())
		var there atomic.Bool
		got := make(chan int, 1)
		go func() {
			defer GinkgoRecover()
			value, err := service.Await(ctx, p, "nats", passes, func(context.Context) (int, error) {
				if there.Load() {
					return 7, nil
				}
				return 0, errAway
			}, nothing)
			Expect(err).NotTo(HaveOccurred())
			got <- value
		}()
		var said string
		for range 2 { // the address, and the cause of the wait
			said += <-log
		}
		Expect(said).To(ContainSubstring(errAway.Error()))
		url := regexp.MustCompile(`http://[0-9.:]+`).FindString(said)
		status, _ := get(ctx, url+"/healthz")
		Expect(status).To(Equal(http.StatusOK))
		status, body := get(ctx, url+"/readyz")
		Expect(status).To(Equal(http.StatusServiceUnavailable))
		Expect(body).To(ContainSubstring(`{"name":"nats","ok":false,"error":"waiting: nothing listens there"}`))
		Consistently(log, "500ms").ShouldNot(Receive())

		there.Store(true)
		Eventually(got, "5s").Should(Receive(Equal(7)))
		p.Health.Ready("nats", well("connected"))
		p.Handle("GET /v1/greeting", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "hello")
		}))
		ctx, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			done <- p.Run(ctx, service.Component{
				Name: "projector",
				Run:  func(ctx context.Context) error { <-ctx.Done(); return nil },
			})
		}()
		Eventually(func() int { status, _ := get(context.Background(), url+"/readyz"); return status }).
			Should(Equal(http.StatusOK))
		_, body = get(context.Background(), url+"/v1/greeting")
		Expect(body).To(Equal("hello"))
		stop()
		Eventually(done).Should(Receive(BeNil()))
	})

	It("ends at once when stopped, even in the middle of an attempt, and closes what that "+
		"brings", func(ctx context.Context) {
		p, err := service.New("projector", service.Config{HTTP: "127.0.0.1:0"}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		ctx, stop := context.WithCancel(ctx)
		frozen, closed := make(chan struct{}), make(chan int, 1)
		trying := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, err := service.Await(ctx, p, "nats", passes, func(context.Context) (int, error) {
				close(trying)
				<-frozen
				return 7, nil
			}, func(v int) { closed <- v })
			done <- err
		}()
		<-trying
		stop()
		Eventually(done, time.Second).Should(Receive(MatchError(service.ErrStopped)))
		close(frozen)
		Eventually(closed).Should(Receive(Equal(7)))
	})

	It("refuses at once for any other reason", func(ctx context.Context) {
		var log bytes.Buffer
		p, err := service.New("projector", service.Config{HTTP: "127.0.0.1:0"}, &log)
		Expect(err).NotTo(HaveOccurred())
		refused := errors.New("permission denied")
		_, err = service.Await(ctx, p, "nats", passes, func(context.Context) (int, error) { return 0, refused },
			nothing)
		Expect(err).To(MatchError(refused))
		Expect(strings.Count(log.String(), "waiting")).To(BeZero())
	})
})
