package cf_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// count is the sum of a counter's values with the given label value.
func (r *rig) count(name, label string) float64 {
	GinkgoHelper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.metrics)
	families, err := registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	total := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if hasLabel(m, label) {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func hasLabel(m *dto.Metric, value string) bool {
	for _, l := range m.GetLabel() {
		if l.GetValue() == value {
			return true
		}
	}
	return value == ""
}

// times makes a hook for lists, for the first n requests.
func times(n int, answer func(w http.ResponseWriter)) func(w http.ResponseWriter, r *http.Request) bool {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "usage_events") || asked.Add(1) > int64(n) {
			return false
		}
		answer(w)
		return true
	}
}

var _ = Describe("an API that fails", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.settings.Complete = true
		r.restart()
		r.add(apps, started("e", 4, noon.Add(-time.Hour))...)
	})
	status := func(status int, body string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}

	It("is asked again, and counted", func() {
		r.hook(times(3, status(500, "")))
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "e2", "e3"}))
		Expect(r.count("daybook_cf_retries_total", "server_error")).To(Equal(3.0))
	})

	It("is given up for this poll after a number of attempts, and collected by the next", func() {
		r.settings.Retries = 2
		r.restart()
		r.hook(times(1000, status(500, "")))
		err := r.current.Poll(context.Background())
		Expect(err).To(MatchError(ContainSubstring("given up after 3 attempts")))
		Expect(r.current.Ready(r.name)).To(MatchError(ContainSubstring("500")))
		r.heal()
		r.poll()
		Expect(r.story()).To(HaveLen(4))
		Expect(r.current.Ready(r.name)).To(Succeed())
	})

	DescribeTable("is left alone for as long as it asks", func(retryAfter string) {
		r.hook(times(1000, func(w http.ResponseWriter) {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			w.Header().Set("Retry-After", retryAfter)
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"errors":[{"code":10013,"title":"CF-RateLimitExceeded","detail":"Rate Limit Exceeded"}]}`)
		}))
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("CF-RateLimitExceeded")))
		lists := 0
		for _, path := range r.asked() {
			if strings.Contains(path, "usage_events") {
				lists++
			}
		}
		Expect(lists).To(Equal(2), "one request for each list")
	},
		Entry("seconds", "3600"),
		Entry("a date", noon.Add(time.Hour).Format(http.TimeFormat)),
		Entry("the time since 1970", strconv.FormatInt(noon.Add(time.Hour).Unix(), 10)),
	)

	It("without usage events is told what it may be", func() {
		r.hook(times(1000, status(404, `{"errors":[{"code":10000,"title":"CF-NotFound","detail":"Unknown request"}]}`)))
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("is it a Cloud Controller with " +
			"usage events in v3")))
	})

	It("that knows the cursor's event no more has lost it only if it says so of the event", func() {
		r.poll()
		r.hook(func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path != "/v3/app_usage_events/e3" {
				return false
			}
			status(404, `{"errors":[{"code":10000,"title":"CF-NotFound","detail":"Unknown request"}]}`)(w)
			return true
		})
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("CF-NotFound")))
		Expect(r.gaps()).To(BeEmpty())
		Expect(r.count("daybook_cf_rescans_total", "app")).To(Equal(1.0))
	})

	It("with a limit on results is told from a lost cursor", func() {
		r.poll()
		r.hook(times(1000,
			status(422,
				`{"errors":[{"code":10008,"title":"CF-UnprocessableEntity","detail":"(page * per_page) must be less than 2"}]}`)))
		Expect(r.current.Poll(context.Background())).To(MatchError(ContainSubstring("smaller page size")))
		Expect(r.story()).To(HaveLen(4))
	})

	It("keeps what nobody understands, once, and goes on", func() {
		r.add(apps, apiRow{
			"odd", noon.Add(-50 * time.Minute),
			`{"guid":"odd","created_at":"2026-05-01T11:10:00Z","state":{"current":"EVACUATED"},"token":"PLANTED-in-event"}`,
		})
		r.add(apps, apiRow{
			"twice", noon.Add(-50 * time.Minute),
			`{"guid":"twice","created_at":"2026-05-01T11:10:00Z","x":1,"x":2}`,
		})
		extra := appEvent("more", "STARTED", "STOPPED", "m", noon.Add(-49*time.Minute))
		extra.body = strings.Replace(extra.body, `"links":{}`, `"links":{},"brand_new":{"a":[1]}`, 1)
		r.add(apps, extra)
		r.add(apps, apiRow{
			"last", noon.Add(-48 * time.Minute),
			`{"guid":"last","created_at":"2026-05-01T11:12:00Z","state":"SHARED"}`,
		})
		r.poll()
		Expect(r.story()).To(Equal([]string{"e0", "e1", "e2", "e3", "more"}))
		Expect(r.horizon()).To(Equal(noon.Add(-5 * time.Minute)))
		quarantined := r.quarantined()
		Expect(quarantined).To(HaveLen(3))
		Expect(quarantined[0].File).To(Equal("/v3/app_usage_events/odd"))
		Expect(quarantined[0].Reason).To(ContainSubstring("EVACUATED"))
		Expect(quarantined[0].AfterID).To(Equal(r.facts()[3].id))
		r.restart()
		r.pass(20 * time.Minute)
		r.poll()
		Expect(r.quarantined()).To(HaveLen(3))
		Expect(string(r.facts()[4].fact.Raw)).To(ContainSubstring(`"brand_new":{"a":[1]}`))
	})

	It("never makes a secret appear", func() {
		row := appEvent("s", "STARTED", "STOPPED", "m", noon.Add(-49*time.Minute))
		row.body = strings.Replace(row.body, `"buildpack":{"guid":null,"name":null}`,
			`"buildpack":{"guid":null,"name":"https://user:PLANTED-url@example.com/x.git?token=PLANTED-query"}`, 1)
		r.add(apps, row)
		r.settings.Username, r.settings.Password = "u", "PLANTED-password"
		r.restart()
		r.poll()
		r.hook(func(w http.ResponseWriter, q *http.Request) bool {
			w.Header().Set("Date", noon.Format(http.TimeFormat))
			if q.URL.Path == "/" {
				return false
			}
			if q.URL.Path == "/oauth/token" {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprintf(w, `{"error":"unauthorized","error_description":"%s %s"}`, r.settings.Password,
					r.settings.ClientSecret)
				return true
			}
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"errors":[{"code":1000,"title":"x","detail":"%s"}]}`, q.Header.Get("Authorization"))
			return true
		})
		err := r.current.Poll(context.Background())
		Expect(err).To(MatchError(ContainSubstring("the UAA refuses the credentials")))
		Expect(errors.Is(err, cfapi.ErrRefused)).To(BeTrue())
		for _, text := range append(r.everything(), err.Error(), r.log.String(), fmt.Sprint(r.current.Ready(r.name))) {
			Expect(text).NotTo(ContainSubstring("PLANTED"))
			for i := range r.tokens {
				Expect(text).NotTo(ContainSubstring("token-" + strconv.Itoa(i+1)))
			}
		}
	})
})

var _ = Describe("starting", func() {
	It("ends with what to grant when the only foundation's token may not read everything", func() {
		r := newRig()
		r.settings.Schedule = time.Millisecond
		r.restart()
		r.scope = false
		err := r.current.Run(context.Background())
		Expect(errors.Is(err, cfapi.ErrNoGlobalRead)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring("grant the client the authority cloud_controller.global_auditor")))
		Expect(r.story()).To(BeEmpty())
	})

	Describe("before the UAA is there", func() {
		var r *rig
		BeforeEach(func() {
			r = newRig()
			r.settings.Complete, r.settings.Schedule, r.settings.Retries = true, time.Millisecond, 1
			r.restart()
			r.add(apps, started("e", 1, noon.Add(-time.Hour))...)
		})
		answer := func(status int, body string) func(w http.ResponseWriter) {
			return func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			}
		}
		// instead has the UAA answer its first requests so, one after the other, the last for ever.
		instead := func(answers ...func(w http.ResponseWriter)) {
			var asked atomic.Int64
			r.hook(func(w http.ResponseWriter, q *http.Request) bool {
				if q.URL.Path != "/oauth/token" {
					return false
				}
				n := min(int(asked.Add(1)), len(answers)) - 1
				if answers[n] == nil {
					return false
				}
				answers[n](w)
				return true
			})
		}
		run := func() (<-chan error, func()) {
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- r.current.Run(ctx) }()
			return done, stop
		}
		refused := answer(401, `{"error":"unauthorized","error_description":"Bad credentials"}`)

		DescribeTable("waits for it", func(starting func(w http.ResponseWriter)) {
			instead(starting, starting, starting, starting, starting, starting, nil)
			done, stop := run()
			Eventually(r.story).Should(Equal([]string{"e0"}))
			stop()
			Eventually(done).Should(Receive(BeNil()))
		},
			Entry("behind a router that does not know it", answer(404, "404 Not Found: Requested route "+
				"('uaa.example.org') does not exist.")),
			Entry("that answers with a page", answer(401, "<html><title>Starting</title>")),
			Entry("that answers 404 with JSON of its own", answer(404,
				`{"timestamp":1,"status":404,"error":"Not Found","path":"/oauth/token"}`)),
			Entry("that answers 503", answer(503, "")),
		)

		It("does not take its first refusals for the last word when it was just starting", func() {
			starting := answer(404, "404 Not Found")
			instead(starting, starting, refused, refused, refused, refused, nil)
			done, stop := run()
			Eventually(r.story).Should(Equal([]string{"e0"}))
			stop()
			Eventually(done).Should(Receive(BeNil()))
		})

		It("does not take two refusals for the last word", func() {
			instead(refused, refused, nil)
			done, stop := run()
			Eventually(r.story).Should(Equal([]string{"e0"}))
			stop()
			Eventually(done).Should(Receive(BeNil()))
			Expect(r.log.String()).To(ContainSubstring("correct the client id and secret"))
			Expect(r.log.String()).To(ContainSubstring("refused=1 ends_at=3"))
		})

		DescribeTable("ends when it refuses the credentials again and again, with as few tries as lock no user out",
			func(refused func(w http.ResponseWriter)) {
				instead(refused)
				done, stop := run()
				defer stop()
				Eventually(done).Should(Receive(SatisfyAll(
					MatchError(cfapi.ErrRefused), MatchError(ContainSubstring("correct the client id and secret")))))
				tokens := slices.DeleteFunc(r.asked(), func(path string) bool { return path != "/oauth/token" })
				Expect(len(tokens)).To(Equal(3))
			},
			Entry("with 401", refused),
			Entry("with 400", answer(400, `{"error":"invalid_client","error_description":"Bad credentials"}`)),
		)

		It("does not say that a scope is missing when another thing is not found", func() {
			r.hook(func(w http.ResponseWriter, q *http.Request) bool {
				if q.URL.Path != "/v3/info/usage_summary" {
					return false
				}
				answer(404, `{"errors":[{"code":10010,"title":"CF-ResourceNotFound","detail":"Route not found"}]}`)(w)
				return true
			})
			err := r.current.Poll(context.Background())
			Expect(err).To(MatchError(ContainSubstring("CF-ResourceNotFound")))
			Expect(errors.Is(err, cfapi.ErrNoGlobalRead)).To(BeFalse())
		})
	})

	It("collects the other foundations although one may not be read and one is down", func() {
		good, bad, down := newRig(), newRig(), newRig()
		good.add(apps, started("e", 1, noon.Add(-time.Hour))...)
		bad.scope = false
		down.settings.API = "http://127.0.0.1:1"
		down.settings.Retries = 1
		c, err := cf.New(cf.Config{Foundations: []cf.Foundation{bad.settings, down.settings, good.settings}},
			cf.Deps{Store: good.store})
		Expect(err).NotTo(HaveOccurred())
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		Eventually(good.story).Should(Equal([]string{"gap app", "e0"}))
		Eventually(func() error { return c.Ready(good.name) }).Should(Succeed())
		Expect(c.Ready(bad.name)).To(MatchError(ContainSubstring("global_auditor")))
		Eventually(func() error { return c.Ready(down.name) }).Should(MatchError(ContainSubstring("refused")))
		stop()
		Eventually(done).Should(Receive(BeNil()))
	})

	It("warns when the clocks differ", func() {
		r := newRig()
		r.clock = func() time.Time { return noon.Add(2 * time.Minute) }
		r.restart()
		r.poll()
		Expect(r.log.String()).To(ContainSubstring("our clock and the API's differ"))
	})
})
