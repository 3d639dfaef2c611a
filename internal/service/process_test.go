package service_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/service"
)

// get asks without keeping a connection, so that a spec leaves none behind.
func get(ctx context.Context, url string) (status int, body string) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	Expect(err).NotTo(HaveOccurred())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(b)
}

// lines hands out the log line by line, so that a spec can wait for the one that it needs.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

var _ = Describe("A process", func() {
	It("serves health and metrics while it works, and reports not ready while it drains", func(ctx context.Context) {
		log := make(lines, 16)
		p, err := service.New("projector", service.Config{HTTP: "127.0.0.1:0", LogFormat: "json"}, log)
		Expect(err).NotTo(HaveOccurred())
		p.Health.Ready("bus", well("connected"))
		spans := p.Metrics.Counter("spans_total", "Spans published.", "kind", "app")
		p.Metrics.Gauge("lag_messages", "Messages behind.").Set(3)
		p.Metrics.GaugeFunc("resources", "Resources tracked.", func() float64 { return 7 })

		ctx, stop := context.WithCancel(ctx)
		draining, release := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- p.Run(ctx, service.Component{Name: "projector", Run: func(ctx context.Context) error {
				spans.Add(41)
				<-ctx.Done()
				close(draining)
				<-release
				return nil
			}})
		}()
		url := regexp.MustCompile(`http://[0-9.:]+`).FindString(<-log)

		status, body := get(context.Background(), url+"/healthz")
		Expect(status).To(Equal(http.StatusOK))
		Expect(body).To(MatchJSON(`{"ok":true,"checks":[]}`))
		Eventually(func() int {
			status, body = get(context.Background(), url+"/readyz")
			return status
		}).WithTimeout(scale.Patience).Should(Equal(http.StatusOK))
		Expect(body).To(MatchJSON(`{"ok":true,"checks":[{"name":"bus","ok":true,"detail":"connected"},{"name":"process","ok":true,"detail":"running"}]}`))
		Eventually(func() string {
			_, body = get(context.Background(), url+"/metrics")
			return body
		}).WithTimeout(scale.Patience).Should(And(
			ContainSubstring(`daybook_projector_spans_total{kind="app"} 41`),
			ContainSubstring("daybook_projector_lag_messages 3"),
			ContainSubstring("daybook_projector_resources 7"),
			ContainSubstring("go_goroutines"), ContainSubstring("process_start_time_seconds")))
		status, _ = get(context.Background(), url+"/")
		Expect(status).To(Equal(http.StatusNotFound))

		stop()
		<-draining
		status, body = get(context.Background(), url+"/readyz")
		Expect(status).To(Equal(http.StatusServiceUnavailable))
		Expect(body).To(ContainSubstring(`"error":"stopping"`))
		close(release)
		Eventually(done).Should(Receive(BeNil()))
	})

	It("serves handlers of its own beside them", func(ctx context.Context) {
		log := make(lines, 16)
		p, err := service.New("collector", service.Config{HTTP: "127.0.0.1:0", LogFormat: "json"}, log)
		Expect(err).NotTo(HaveOccurred())
		p.Handle("GET /v1/greeting", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_,
				_ = io.WriteString(w, "hello")
		}))
		ctx, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			done <- p.Run(ctx, service.Component{
				Name: "collector",
				Run:  func(ctx context.Context) error { <-ctx.Done(); return nil },
			})
		}()
		url := regexp.MustCompile(`http://[0-9.:]+`).FindString(<-log)
		status, body := get(context.Background(), url+"/v1/greeting")
		Expect(status).To(Equal(http.StatusOK))
		Expect(body).To(Equal("hello"))
		status, _ = get(context.Background(), url+"/healthz")
		Expect(status).To(Equal(http.StatusOK))
		stop()
		Eventually(done).Should(Receive(BeNil()))
	})

	It("works without an HTTP server when it is given no address", func(ctx context.Context) {
		p, err := service.New("collector", service.Config{}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		ran := false
		Expect(p.Run(ctx, service.Component{
			Name: "collector",
			Run:  func(context.Context) error { ran = true; return nil },
		})).To(Succeed())
		Expect(ran).To(BeTrue())
	})

	It("says that its port is in use, and what to do, before any component starts", func(ctx context.Context) {
		taken, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(taken.Close)
		p, err := service.New("collector", service.Config{HTTP: taken.Addr().String()}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		err = p.Run(ctx, service.Component{
			Name: "collector",
			Run:  func(context.Context) error { Fail("started"); return nil },
		})
		Expect(err).To(MatchError(And(ContainSubstring(taken.Addr().String()), ContainSubstring("another process has "+
			"this port"), ContainSubstring("--http"))))
	})

	DescribeTable("refuses an address that is none, with an example of one", func(ctx context.Context, address string) {
		p, err := service.New("collector", service.Config{HTTP: address}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Run(ctx)).To(MatchError(ContainSubstring("127.0.0.1:9464")))
	},
		Entry("no port", "127.0.0.1"),
		Entry("a port that no one has", "127.0.0.1:99999"),
	)
})

var _ = Describe("The logger", func() {
	It("writes attributes and UTC times, from its level on", func() {
		var out bytes.Buffer
		log, err := service.NewLogger(&out, "json", "warn")
		Expect(err).NotTo(HaveOccurred())
		log.Info("not this")
		log.Warn("this", slog.Int("sequence", 7))
		Expect(out.String()).To(MatchRegexp(`^\{"time":"[^"]+Z","level":"WARN","msg":"this","sequence":7\}\n$`))
	})

	It("writes text by default", func() {
		var out bytes.Buffer
		log, err := service.NewLogger(&out, "", "")
		Expect(err).NotTo(HaveOccurred())
		log.Info("collected", slog.Int("events", 3))
		Expect(out.String()).To(HaveSuffix("level=INFO msg=collected events=3\n"))
	})

	DescribeTable("refuses what it does not know", func(format, level, message string) {
		_, err := service.NewLogger(io.Discard, format, level)
		Expect(err).To(MatchError(message))
		_, err = service.New("collector", service.Config{LogFormat: format, LogLevel: level}, io.Discard)
		Expect(err).To(MatchError(message))
	},
		Entry("format", "xml", "info", `log format "xml" is unknown: take text or json`),
		Entry("level", "json", "loud", `log level "loud" is unknown: take debug, info, warn or error`),
	)
})
