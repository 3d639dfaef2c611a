package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// newFoundation is a made-up foundation with ten days of history, behind its address.
func newFoundation() (*cc.Foundation, string) {
	GinkgoHelper()
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	f, err := cc.New(cc.Config{World: sim.Config{Seed: 1, Start: start, Events: 300, Apps: 8}})
	Expect(err).NotTo(HaveOccurred())
	f.Advance(start.Add(10 * 24 * time.Hour))
	server := httptest.NewServer(f)
	DeferCleanup(server.Close)
	return f, server.URL
}

var _ = Describe("collecting from a foundation", func() {
	BeforeEach(func() {
		GinkgoT().Setenv("CF_CLIENT_ID", "daybook")
		GinkgoT().Setenv("CF_CLIENT_SECRET", "daybook-secret")
	})

	It("goes through the whole path with daybook up", func() {
		_, api := newFoundation()
		catalogue := filepath.Join(GinkgoT().TempDir(), "rates.yaml")
		Expect(os.WriteFile(catalogue, []byte(sim.Catalogue()), 0o600)).To(Succeed())
		var out, errs bytes.Buffer
		args := []string{
			"up", "--once", "--cf", api, "--cf-complete", "--data", GinkgoT().TempDir(), "--listen",
			"127.0.0.1:0", "--catalogue", catalogue,
		}
		Expect(run(args, strings.NewReader(""), &out, &errs)).To(BeZero(), errs.String())
		Expect(out.String()).To(ContainSubstring("cf cf: metered through 2026-10-10T23:55:00Z"))
		Expect(out.String()).To(ContainSubstring("no gaps"))
		Expect(out.String()).To(ContainSubstring("total"))
	})

	It("is refused where another platform answers, until the command line says that it has moved", func() {
		f, api := newFoundation()
		data := GinkgoT().TempDir()
		up := func(args ...string) (int, string) {
			var out, errs bytes.Buffer
			args = append([]string{
				"up", "--once", "--cf", api, "--data", data, "--listen", "127.0.0.1:0", "--allow-incomplete",
			}, args...)
			return run(args, strings.NewReader(""), &out, &errs), errs.String()
		}
		status, errs := up()
		Expect(status).To(BeZero(), errs)
		knobs := f.Knobs()
		knobs.Identity = "https://api.new.example.org"
		Expect(f.SetKnobs(knobs)).To(Succeed())
		status, errs = up()
		Expect(status).To(Equal(1))
		Expect(errs).To(ContainSubstring("https://api.new.example.org answers: one foundation is one platform"))
		advice := regexp.MustCompile(`--moved-from [^\s"\\]+`).FindString(errs)
		Expect(advice).To(Equal("--moved-from " + api))
		status, errs = up(strings.Fields(advice)...)
		Expect(status).To(BeZero(), errs)
		status, errs = up()
		Expect(status).To(BeZero(), errs)
	})

	It("is no part of the demo, unless the command line says so", func() {
		GinkgoT().Setenv("CF_API_ADDRESS", "http://127.0.0.1:1")
		GinkgoT().Setenv("DAYBOOK_FOUNDATIONS", "/nowhere/f.yaml")
		var out, errs bytes.Buffer
		up := func(args ...string) int {
			args = append([]string{
				"up", "--once", "--demo", "--allow-incomplete", "--data", GinkgoT().TempDir(), "--listen",
				"127.0.0.1:0",
			},
				args...)
			return run(args, strings.NewReader(""), &out, &errs)
		}
		Expect(up()).To(BeZero(), errs.String())
		Expect(out.String()).To(ContainSubstring("total"))
		Expect(up("--cf", "example.org")).To(Equal(1))
		Expect(errs.String()).To(ContainSubstring("the address of the API is wrong"))
	})

	It("shows how it is doing", func(ctx context.Context) {
		scale.Long(Skip)
		f, api := newFoundation()
		s := newSite(ctx)
		status, out, _ := s.daybook("status")
		Expect(status).To(BeZero())
		Expect(out).To(Equal("Nothing has been collected yet.\n"))

		process := collecting(ctx, s, api)
		shown := func() string {
			_, out, _ := s.daybook("status")
			return out
		}
		Eventually(shown).Should(MatchRegexp(`(?s)cf +prod\n  state +collecting\n  horizon +2026-10-10T23:55:00Z\n  metered through  nothing yet\n  lag +5m[0-9]+s\n.*` +
			`app cursor +\S+ of 2026-10-\S+\n  service cursor .*gaps +2\n.*  gap app +the beginning to 2026-10-01T\S+: First collection`))
		status, out, _ = s.daybook("status", "--format", "json", "--foundation", "prod")
		Expect(status).To(BeZero())
		var told struct {
			Horizon string
			Gaps    []struct{ List, To string }
		}
		Expect(json.Unmarshal([]byte(out), &told)).To(Succeed())
		Expect(told.Horizon).To(Equal("2026-10-10T23:55:00Z"))
		Expect(told.Gaps).To(HaveLen(2))

		knobs := f.Knobs()
		knobs.MissingGlobalScope, knobs.UnauthorizedRate = true, 0
		Expect(f.SetKnobs(knobs)).To(Succeed())
		process()
		status, _, errs := s.daybook("collect", "cf", "--api", api, "--cf-name", "prod", "--cf-schedule", "10ms")
		Expect(status).To(Equal(1))
		Expect(errs).To(ContainSubstring("cloud_controller.global_auditor"))
		Expect(errs).NotTo(ContainSubstring("daybook-secret"))
	})

	It("is not taken for at work when it has told nothing for long, and one that cannot be read hides no "+
		"other", func(ctx context.Context) {
		s := newSite(ctx)
		put := func(name string, told *status.Status) {
			body, err := json.Marshal(told)
			Expect(err).NotTo(HaveOccurred())
			Expect(s.bus.PutObject(ctx, status.Bucket, name, body)).To(Succeed())
		}
		old := time.Now().Add(-2 * time.Hour).UTC().Truncate(time.Second)
		put("a", &status.Status{Source: "cf", Foundation: "silent", Updated: old, Horizon: old, LagSeconds: 300})
		put("b", &status.Status{Source: "cf", Foundation: "seldom", Updated: old, ScheduleSeconds: 3600})
		put("c", &status.Status{Source: "cf", Foundation: "ended", Updated: old, Problem: status.Stopped})
		Expect(s.bus.PutObject(ctx, status.Bucket, "broken", []byte("{"))).To(Succeed())
		code, out, errs := s.daybook("status")
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("status broken"))
		Expect(out).To(MatchRegexp(`(?s)cf +silent\n  state +has told nothing since ` + events.FormatTime(old) +
			`: is it running\?\n.*lag +2h5m\d+s`))
		Expect(out).To(MatchRegexp(`cf +seldom\n  state +collecting\n`))
		Expect(out).To(MatchRegexp(`cf +ended\n  state +stopped\n`))
		_, out, _ = s.daybook("status", "--format", "json", "--foundation", "silent")
		Expect(out).To(MatchRegexp(`"problem":"has told nothing since .*"lag_seconds":75\d\d,`))
	})

	DescribeTable("refuses a command line", func(problem string, args ...string) {
		var out, errs bytes.Buffer
		args = append(args, "--data", GinkgoT().TempDir(), "--listen", "127.0.0.1:0")
		Expect(run(append([]string{"up", "--once"}, args...), strings.NewReader(""), &out, &errs)).To(Equal(1))
		Expect(errs.String()).To(ContainSubstring(problem))
	},
		Entry("with an address that is none", "the address of the API is wrong", "--cf", "example.org"),
		Entry("with an API and a file", "exclude each other", "--cf", "http://127.0.0.1:1", "--foundations", "f.yaml"),
		Entry("with a file that is not there", "cannot read the foundations", "--foundations", "/nowhere/f.yaml"),
	)
})

var _ = Describe("a foundations file with an epoch", func() {
	It("is refused where no projector runs", func(ctx context.Context) {
		s := newSite(ctx)
		file := filepath.Join(GinkgoT().TempDir(), "f.yaml")
		text := "- {name: eu, api: 'http://127.0.0.1:1', client_id: c, client_secret: s, epoch: 2026-05-01}\n"
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		code, _, errs := s.daybook("collect", "cf", "--foundations", file)
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("give --epoch cf/eu=2026-05-01T00:00:00Z to daybook project"))
	})
})

var _ = Describe("retiring a collector", func() {
	It("lets the others decide from where it stood, and refuses a name that never spoke", func(ctx context.Context) {
		s := newSite(ctx)
		at := func(hour int) time.Time { return time.Date(2026, 5, 1, hour, 0, 0, 0, time.UTC) }
		subject := events.UsageHorizonSubject("cf", "eu")
		last := uint64(0)
		say := func(name string, hour int) {
			h := events.Horizon{
				ID: events.ID("h", name), Source: "cf", Foundation: "eu", Time: at(hour),
				Collector: name,
			}
			m := bus.Message{Subject: subject, Data: h.AppendJSON(nil), Header: []events.Header{{
				Key:   events.HeaderType,
				Value: events.TypeHorizon,
			}}}
			var err error
			last, err = s.bus.Append(ctx, events.StreamUsage, []bus.Message{m}, bus.Expect{Filter: subject, Last: last})
			Expect(err).NotTo(HaveOccurred())
		}
		say("west", 3)
		say("east", 7)

		code, _, errs := s.daybook("collect", "retire", "cf/eu", "north")
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("east, west"))
		code, out, errs := s.daybook("collect", "retire", "cf/eu", "west", "--by", "ann", "--note", "moved")
		Expect(code).To(BeZero(), errs)
		Expect(out).To(ContainSubstring("cf/eu is now complete up to 2026-05-01T07:00:00Z"))

		m, err := s.bus.Last(ctx, events.StreamUsage, "usage.act.retirement.cf.eu")
		Expect(err).NotTo(HaveOccurred())
		var a events.Act
		Expect(a.DecodeJSON(m.Data)).To(Succeed())
		Expect(a).To(And(HaveField("Retirement.Collector", "west"), HaveField("By", "ann"), HaveField("Note", "moved")))
		code, _, errs = s.daybook("collect", "retire", "cf/eu", "west")
		Expect(code).To(Equal(1))
		Expect(errs).To(ContainSubstring("is retired already"))
	})
})

// collecting runs daybook collect cf until the returned function is called.
func collecting(ctx context.Context, s *site, api string) (stop func()) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	command := &new(cli).Collect.CF
	command.API = api
	command.URL, command.Replicas = s.url, 1
	command.LogFormat, command.LogLevel = "text", "error"
	command.Name, command.ClientID, command.ClientSecret = "prod", "daybook", "daybook-secret"
	var out, errs bytes.Buffer
	go func() {
		done <- command.Run(&shell.Env{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	}()
	return func() {
		GinkgoHelper()
		cancel()
		Eventually(done).Should(Receive(BeNil()))
	}
}
