package cc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
)

var _ = Describe("the knobs", func() {
	var c *caller
	BeforeEach(func() {
		c = found(lively(1)).as("daybook")
		c.at(2 * day)
	})

	It("fail requests with the errors of Cloud Controller, its router and its load balancer", func() {
		c.tell(`{"error_rate": 1}`)
		seen := map[int]int{}
		for range 50 {
			r := c.get(apps)
			seen[r.status]++
			if r.header.Get("Content-Type") == "application/json; charset=utf-8" {
				Expect(r.fault().Code).To(BeElementOf(10001, 20004, 10015))
			}
		}
		Expect(seen).To(And(HaveKey(500), HaveKey(502), HaveKey(503), HaveKey(504), HaveLen(4)))
	})

	It("answer with a page of HTML and 200", func() {
		c.tell(`{"garbage_rate": 1}`)
		r := c.get(apps)
		Expect(r.status).To(Equal(200))
		Expect(r.header.Get("Content-Type")).To(HavePrefix("text/html"))
		Expect(json.Valid(r.body)).To(BeFalse())
	})

	It("refuse good tokens", func() {
		c.tell(`{"unauthorized_rate": 1}`)
		r := c.get(apps)
		Expect(r.fault()).To(Equal(fault{401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"}))
		Expect(c.get("/v3/info").status).To(Equal(200), "which needs none")
	})

	It("cut answers: below their length, within a chunk, or with a length that is right for the part", func() {
		whole := c.get(apps).body
		c.tell(`{"cut_rate": 1}`)
		broken, short := 0, 0
		for range 30 {
			r := c.get(apps)
			Expect(r.status).To(Equal(200))
			Expect(bytes.HasPrefix(whole, r.body)).To(BeTrue())
			Expect(len(r.body)).To(BeNumerically("<", len(whole)))
			if r.err != nil {
				broken++
			} else {
				short++
				Expect(r.header.Get("Content-Length")).To(Equal(strconv.Itoa(len(r.body))))
			}
		}
		Expect(broken).To(BeNumerically(">", short))
		Expect(short).To(BeNumerically(">", 0))
	})

	It("let an answer take its time, and give up with a client that does not wait", func() {
		c.tell(`{"slow_rate": 1, "slow": "1h"}`)
		ctx, cancel := context.WithCancel(context.Background())
		begun := make(chan struct{})
		f := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			c.ServeHTTP(w, r)
		})
		server := httptest.NewServer(f)
		defer server.Close()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/v3/info", http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		go func() {
			<-begun
			cancel()
		}()
		_, err = server.Client().Do(request)
		Expect(err).To(MatchError(context.Canceled))
		c.ResetFaults()
		Expect(c.get("/v3/info").status).To(Equal(200))
	})

	Describe("of the rate limiter", func() {
		limited := func(r response) {
			GinkgoHelper()
			Expect(r.fault()).To(Equal(fault{429, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded"}))
			Expect(r.header.Get("Content-Type")).To(Equal("text/plain; charset=utf-8"))
			Expect(r.header.Get("X-RateLimit-Remaining")).To(Equal("0"))
		}

		It("count the requests of a client in an hour", func() {
			c.tell(`{"rate_limit": 3, "retry_after": "1500ms"}`)
			for left := 2; left >= 0; left-- {
				r := c.get(apps)
				Expect(r.status).To(Equal(200))
				Expect(r.header.Get("X-RateLimit-Limit")).To(Equal("3"))
				Expect(r.header.Get("X-RateLimit-Remaining")).To(Equal(strconv.Itoa(left)))
			}
			r := c.get(apps)
			limited(r)
			Expect(r.header.Get("Retry-After")).To(Equal("2"))
			Expect(r.header.Get("X-RateLimit-Reset")).To(Equal(strconv.FormatInt(c.Now().Unix()+2, 10)))
			Expect(c.as("nobody").get(apps).status).To(Equal(200), "another client")
			c.clock.pass(time.Hour + time.Second)
			Expect(c.as("daybook").get(apps).status).To(Equal(200))
		})

		It("do not count admins", func() {
			c.tell(`{"rate_limit": 1}`)
			for _, who := range []*caller{c.as("admin"), c.user("operator")} {
				for range 3 {
					Expect(who.get(apps).status).To(Equal(200))
				}
			}
		})

		It("limit by chance, and give the time of the reset where it should be seconds", func() {
			c.tell(`{"rate_limit_rate": 1, "retry_after_unix": true}`)
			r := c.get(apps)
			limited(r)
			Expect(r.header.Get("Retry-After")).To(Equal(strconv.FormatInt(c.Now().Unix()+2, 10)))
		})
	})

	It("give the same faults to the same requests", func() {
		run := func() (seen []int) {
			c := found(lively(9), func(k *cc.Knobs) {
				k.ErrorRate, k.UnauthorizedRate, k.RateLimitRate, k.GarbageRate, k.CutRate = 0.2, 0.2, 0.2, 0.2, 0.2
			})
			c.at(day)
			for range 60 {
				r := c.get(apps)
				seen = append(seen, r.status, len(r.body))
			}
			return seen
		}
		Expect(run()).To(Equal(run()))
	})

	It("can be turned one by one, and reset", func() {
		c.tell(`{"late_commits": 0.5, "late_commit_max": "10m", "retention": "7d", "keep_running": true, "speed": 2.5}`)
		k := c.Knobs()
		Expect(k.LateCommits).To(Equal(0.5))
		Expect(k.LateCommitMax).To(Equal(cc.Duration(10 * time.Minute)))
		Expect(k.Retention).To(Equal(cc.Duration(7 * day)))
		Expect(k.TokenLifetime).To(Equal(cc.StandardKnobs().TokenLifetime))
		r := c.post("/_sim/reset_faults", "")
		Expect(r.status).To(Equal(200))
		k = c.Knobs()
		Expect(k.LateCommits).To(BeZero())
		Expect(k.Retention).To(Equal(cc.Duration(7*day)), "which is no fault")
		r = c.get("/_sim/knobs")
		var shown cc.Knobs
		Expect(json.Unmarshal(r.body, &shown)).To(Succeed())
		Expect(shown).To(Equal(k))
	})

	DescribeTable("refuse values that make no sense, and stay as they are",
		func(body, problem string) {
			before := c.Knobs()
			r := c.post("/_sim/knobs", body)
			Expect(r.status).To(Equal(400))
			Expect(string(r.body)).To(ContainSubstring(problem))
			Expect(c.Knobs()).To(Equal(before))
		},
		Entry("a probability above 1", `{"error_rate": 1.5}`, "knob error_rate is 1.5"),
		Entry("a negative time", `{"slow": "-1s"}`, "knob slow is -1s"),
		Entry("no lifetime", `{"token_lifetime": "0s"}`, "knob token_lifetime is 0s; give 1s or more"),
		Entry("time that runs backward", `{"speed": -1}`, "knob speed is -1"),
		Entry("a limit below 0", `{"rate_limit": -1}`, "counts"),
		Entry("no duration", `{"retention": "long"}`, `"long" is not a duration`),
		Entry("a knob that there is not", `{"volume": 11}`, `unknown field "volume"`),
		Entry("no JSON", `error_rate=1`, "the knobs stay as they are"),
	)
})

var _ = Describe("time", func() {
	It("stands still until it is moved, and never goes back", func() {
		c := found(lively(1))
		Expect(c.Now()).To(Equal(start))
		c.clock.pass(time.Hour)
		Expect(c.Now()).To(Equal(start))
		c.at(time.Hour)
		c.at(0)
		Expect(c.Now()).To(Equal(start.Add(time.Hour)))
	})

	It("runs by the speed, and may be moved besides", func() {
		c := found(lively(1), func(k *cc.Knobs) { k.Speed = 60 })
		c.clock.pass(time.Minute)
		Expect(c.Now()).To(Equal(start.Add(time.Hour)))
		Expect(c.Rows(cc.AppEvents)).NotTo(BeEmpty())
		c.at(day)
		c.clock.pass(time.Minute)
		Expect(c.Now()).To(Equal(start.Add(day + time.Hour)))
		c.tell(`{"speed": 0}`)
		c.clock.pass(time.Minute)
		Expect(c.Now()).To(Equal(start.Add(day + time.Hour)))
	})

	It("sleeps where it runs and nobody asks: a year at most passes at once", func() {
		c := found(quiet(), func(k *cc.Knobs) { k.Speed = 1_000_000 })
		c.clock.pass(time.Hour)
		Expect(c.Now()).To(Equal(start.Add(366 * day)))
		c.clock.pass(time.Second)
		Expect(c.Now()).To(Equal(start.Add(366*day + 1_000_000*time.Second)))
	})

	It("is shown by the clock of the server that answers", func() {
		world := quiet()
		world.Clocks = []time.Duration{0, 3 * time.Second, -2 * time.Second}
		c := found(world)
		seen := map[string]bool{}
		for range 30 {
			r := c.get("/v3")
			date, err := time.Parse(http.TimeFormat, r.header.Get("Date"))
			Expect(err).NotTo(HaveOccurred())
			seen[date.Sub(start).String()] = true
		}
		Expect(seen).To(Equal(map[string]bool{"0s": true, "3s": true, "-2s": true}))
	})

	It("does not change what happens by the steps it takes", func() {
		one, many := found(lively(2)), found(lively(2))
		one.at(3 * day)
		for hour := range 72 {
			many.at(time.Duration(hour+1) * time.Hour)
		}
		Expect(many.Rows(cc.AppEvents)).To(Equal(one.Rows(cc.AppEvents)))
	})

	DescribeTable("is given in days, too",
		func(text string, expected time.Duration) {
			d, err := cc.ParseDuration(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(d).To(Equal(expected))
			again, err := cc.ParseDuration(cc.Duration(d).String())
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(Equal(expected))
		},
		Entry(nil, "31d", 31*day), Entry(nil, "1d12h", 36*time.Hour), Entry(nil, "90s", 90*time.Second),
		Entry(nil, "0s", time.Duration(0)),
	)

	DescribeTable("must be a duration",
		func(text string) {
			_, err := cc.ParseDuration(text)
			Expect(err).To(HaveOccurred())
		},
		Entry(nil, ""), Entry(nil, "d"), Entry(nil, "1d-1h"), Entry(nil, "soon"), Entry(nil, "999999d"),
		Entry(nil, "1d1d"),
	)
})
