package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/bus/bustest"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// users are the users of the shipped configuration, with their passwords.
var users = map[string]string{
	"collector": "pcollector", "projector": "pprojector", "pricer": "ppricer", "reader": "preader",
	"operator": "poperator", "replay": "preplay", "reconciler": "preconciler",
}

// shipped is a NATS server with the configuration in deploy/.
type shipped struct{ url string }

func newShipped() *shipped {
	GinkgoHelper()
	for user, password := range users {
		GinkgoT().Setenv("DAYBOOK_"+strings.ToUpper(user)+"_PASSWORD", password)
	}
	GinkgoT().Setenv("DAYBOOK_NATS_NAME", "nats-1")
	GinkgoT().Setenv("DAYBOOK_SYS_PASSWORD", "psys")
	GinkgoT().Setenv("DAYBOOK_API_PASSWORD", "papi")
	GinkgoT().Setenv("DAYBOOK_TENANT_ACME_PASSWORD", "ptenant")
	url, stop, err := bustest.StartFromFile("../../deploy/nats/nats-server.conf", GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	return &shipped{url}
}

// as runs a command line as a user.
func (s *shipped) as(user string, args ...string) (status int, text string) {
	var out strings.Builder
	args = append(slices.Clone(args), "--nats", s.url, "--nats-user", user, "--nats-password", users[user])
	return run(args, strings.NewReader(""), &out, &out), out.String()
}

// connect is a user's connection.
func (s *shipped) connect(ctx context.Context, user string) *bus.Bus {
	GinkgoHelper()
	b, err := bus.Connect(ctx, bus.Config{URL: s.url, User: user, Password: users[user]})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	return b
}

// work runs projector and pricer, each as its own user, until everything has been worked off.
func (s *shipped) work(ctx context.Context, cut timeline.Cut) {
	GinkgoHelper()
	metering := &site{bus: s.connect(ctx, "projector")}
	p, err := projector.New(projector.Config{Cut: cut}, projector.Deps{
		Bus: metering.bus,
		Log: slog.New(slog.DiscardHandler),
	})
	Expect(err).NotTo(HaveOccurred())
	metering.settle(ctx, events.StreamUsage, p.Run, p.Wait)
	pricing := &site{bus: s.connect(ctx, "pricer")}
	q := pricer.New(pricer.Config{}, pricer.Deps{
		Bus: pricing.bus, Seals: pricing.bus, Log: slog.New(slog.DiscardHandler),
	})
	pricing.settle(ctx, events.StreamMetered, q.Run, q.Wait)
}

// A duty is a command line with the users that may give it. One that reads is not refused to every
// other user, for services read, too.
type duty struct {
	users  string
	args   []string
	writes bool
}

func duties(folder, prices, input, tenant string) []duty {
	line := func(users, text string) duty {
		args := strings.Fields(text)
		for i, a := range args {
			args[i] = strings.NewReplacer("PRICES", prices, "INPUT", input, "TENANT", tenant,
				"OTHER", filepath.Join(folder, "other.yaml")).Replace(a)
		}
		return duty{users, args, !strings.Contains(users, "reader") && text != "replay all --cut hour"}
	}
	return []duty{
		line("operator", "catalogue publish OTHER --yes --wait 0 --by ann"),
		line("operator", "catalogue publish PRICES --yes --wait 0 --by ann"),
		line("operator", "catalogue rollback --yes --wait 0 --by ann"),
		line("operator", "catalogue rollback --yes --wait 0 --by ann"),
		line("collector", "collect file INPUT"),
		line("operator", "holds discard hold-9 --force --source trove --foundation dbaas --kind instance "+
			"--resource db-2 --wait 0 --by ann"),
		line("operator", "holds release hold-8 --force --source trove --foundation dbaas --kind instance "+
			"--resource db-2 --wait 0 --by ann"),
		line("operator", "collect retire cf/eu west --by ann"),
		line("collector", "quarantine resubmit --all"),
		line("operator", "quarantine discard --all --yes --by ann"),
		line("replay projector", "replay projector --cut hour"),
		line("replay", "replay all --cut hour"),
		line("operator", "names erase TENANT --yes --by ann --note gone"),
		line("operator reconciler", "reconcile ignore --resource RESOURCE --until 2099-01-01 --by ann --note moving"),
		line("reader operator", "names list"),
		line("reader operator", "reconcile list"),
		line("reader operator", "bill"),
		line("reader operator", "statement --tenant t --month 2026-10"),
		line("reader operator", "trace 1"),
		line("reader operator", "explain A --month 2026-11"),
		line("reader operator", "catalogue list"),
		line("reader operator", "catalogue history"),
		line("reader operator", "catalogue show"),
		line("reader operator", "catalogue diff PRICES OTHER"),
		line("reader operator", "what-if --catalogue OTHER"),
		line("reader operator", "running"),
		line("reader operator", "status"),
		line("reader operator", "holds list"),
		line("reader operator", "anomalies list"),
		line("reader operator", "unrated list"),
		line("reader operator", "quarantine list"),
		line("reader operator", "verify"),
	}
}

var _ = Describe("With the shipped configuration of the server", func() {
	It("every command works as the user that the docs name, and is refused to others where it writes", func(
		ctx SpecContext,
	) {
		scale.Long(Skip)
		s := newShipped()
		first, _, prices := month(300)
		folder := filepath.Dir(prices)
		text, err := os.ReadFile(prices)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(folder, "other.yaml"), append(text, "# again\n"...), 0o600)).To(Succeed())
		input := filepath.Join(folder, "input.jsonl")
		lines, err := os.ReadFile(first)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(input, append(lines, "{broken\n"...), 0o600)).To(Succeed())
		tenant := regexp.MustCompile(`"organization":\{"guid":"([^"]+)"`).FindSubmatch(lines)
		all := duties(folder, prices, input, string(tenant[1]))

		code, said := s.as("operator", all[0].args...) // creates the streams
		Expect(code).To(BeZero(), said)
		collector := s.connect(ctx, "collector")
		Expect(collector.PutObject(ctx, status.Bucket, "cf.eu",
			[]byte(`{"source":"cf","foundation":"eu"}`))).To(Succeed())
		h := events.Horizon{
			ID: "h", Source: "cf", Foundation: "eu", Collector: "west",
			Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		}
		subject := events.UsageHorizonSubject("cf", "eu")
		_, err = collector.Append(ctx, events.StreamUsage, []bus.Message{{
			Subject: subject, Data: h.AppendJSON(nil),
			Header: []events.Header{{Key: events.HeaderType, Value: events.TypeHorizon}},
		}}, bus.Expect{Filter: subject})
		Expect(err).NotTo(HaveOccurred())

		unsealed := acts.Unsealed{Statements: []statement.Statement{{
			ID: events.ID("statement", "cf", "eu", "t", "2026-10", "1"), Source: "cf", Foundation: "eu", Tenant: "t",
			Month: "2026-10", Revision: 1, Parts: 1,
		}}}
		Expect(acts.Seal(ctx, s.connect(ctx, "pricer"), "cf", "eu", time.Now(),
			func(_ context.Context, last uint64) (acts.Unsealed, error) {
				if last > 0 {
					return acts.Unsealed{Number: 1}, nil
				}
				return unsealed, nil
			})).To(Succeed())

		// somebody has quarantined what is understood today
		notification, err := os.ReadFile("../../collector/trove/testdata/plain_seed_create.jsonl")
		Expect(err).NotTo(HaveOccurred())
		q := events.Quarantined{ID: "q", Source: "trove", Foundation: "dbaas", Input: string(notification)}
		_, err = collector.Append(ctx, events.StreamQuarantine, []bus.Message{{
			Subject: events.QuarantineSubject("trove", "dbaas"), Data: q.AppendJSON(nil),
		}}, bus.Expect{})
		Expect(err).NotTo(HaveOccurred())

		for _, d := range all[1:] {
			allowed := strings.Fields(d.users)
			for user := range users {
				if !d.writes || slices.Contains(allowed, user) {
					continue
				}
				code, said := s.as(user, d.args...)
				Expect(code).To(Equal(1), "%v as %s: %s", d.args, user, said)
				Expect(said).To(And(ContainSubstring("permission denied: the user may not publish to"),
					ContainSubstring("deploy/README.md has the user of each command")), "%v as %s", d.args, user)
			}
			for _, user := range allowed {
				code, said := s.as(user, d.args...)
				if d.args[0] == "explain" { // it has looked everywhere
					Expect(said).To(HavePrefix("daybook: A has no charge in"))
					continue
				}
				Expect(code).To(Or(BeZero(), Equal(3)), "%v as %s: %s", d.args, user, said)
			}
			switch strings.Join(d.args[:min(2, len(d.args))], " ") {
			case "collect file":
				s.work(ctx, timeline.CutDay)
			case "replay all":
				s.work(ctx, timeline.CutHour)
			}
		}
	})

	It("the docs name a user for every act", func() {
		readme, err := os.ReadFile("../../deploy/README.md")
		Expect(err).NotTo(HaveOccurred())
		for _, d := range duties("", "", "", "") {
			for _, user := range strings.Fields(d.users) {
				command := d.args[0]
				if len(d.args) > 1 && d.args[1] != "all" && command != "trace" && command != "explain" &&
					d.args[1][0] != '-' {
					command += " " + d.args[1]
				}
				row := regexp.MustCompile("(?m)^\\| `" + user + "` .*$").FindString(string(readme))
				switch {
				case user == "operator" && !d.writes:
					Expect(row).To(ContainSubstring("what `reader` may"))
					continue
				case user == "replay":
					command = "replay"
				}
				Expect(row).To(MatchRegexp("`(daybook )?"+command+"`"), "%s for %s", user, command)
			}
		}
	})
})
