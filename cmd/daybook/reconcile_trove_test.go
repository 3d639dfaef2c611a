package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	labtrove "github.com/daybook-billing/daybook/internal/lab/trove"
)

// databasePrices are a penny for each second of a database, and of its volume.
const databasePrices = `currency: GBP
vat_rates: [{code: Zero, valid_from: 2000-01-01, rate: "0"}]
plans:
  - {name: db, match: {kind: instance}, valid_from: 2001-01-01, components: [{name: s, formula: "seconds * 0.01", currency: GBP, vat: Zero}]}
  - {name: disk, match: {kind: volume}, valid_from: 2001-01-01, components: [{name: s, formula: "seconds * 0.01", currency: GBP, vat: Zero}]}
`

// databases is a Trove of two projects with a database each, and a site that meters and prices it.
type databases struct {
	*reconciled
	api        *labtrove.API
	keystone   *identity.Keystone
	kept, gone *sim.Instance
	sent       bytes.Buffer // the notifications so far
}

// newDatabases has the databases of the projects shop and blog billed. Each request to the API
// takes two seconds, more than the settle window.
func newDatabases(ctx SpecContext) *databases {
	GinkgoHelper()
	d := &databases{reconciled: &reconciled{site: newSite(ctx), folder: GinkgoT().TempDir()}}
	platform := sim.NewPlatform(7, func(e sim.Event) {
		d.sent.Write(append(e.JSON, '\n'))
	})
	platform.SetTime(time.Now().UTC().Add(-16 * time.Hour).Truncate(time.Second))
	for project, of := range map[string]**sim.Instance{"shop": &d.kept, "blog": &d.gone} {
		*of = platform.CreateInstance(&sim.Project{ID: project, UserID: "u", Region: "r1"}, "db",
			sim.Flavor{ID: "10", Name: "m1.small", MemoryMB: 512}, 5)
		platform.Send(platform.Activate(*of))
		platform.SetTime(platform.Now().Add(time.Hour))
	}
	d.api = labtrove.New(platform, func() time.Time { return platform.Now() })
	d.keystone = identity.NewKeystone(time.Now)
	openstack := httptest.NewServer(d.keystone)
	DeferCleanup(openstack.Close)
	behind := labtrove.Behind(d.keystone, d.api)
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.api.Do(func(p *sim.Platform) { p.SetTime(p.Now().Add(2 * time.Second)) })
		behind.ServeHTTP(w, r)
	}))
	DeferCleanup(database.Close)
	d.keystone.SetDatabase(database.URL)

	d.ran("catalogue", "publish", "--yes", d.file("prices.yaml", databasePrices))
	d.background(ctx, "project")
	d.background(ctx, "price")
	d.collect(time.Minute)
	Eventually(func() []string { return d.billed(ctx, "os") }).Should(ConsistOf(d.kept.ID, d.kept.ID, d.gone.ID,
		d.gone.ID))
	d.plain = []string{
		"--trove-foundation", "os", "--trove-keystone", openstack.URL, "--trove-user", identity.KeystoneUser,
		"--trove-secret-file", d.file("secret", identity.KeystonePassword+"\n"), "--trove-project", "shop",
		"--rules", d.file("rules.yaml", "settle: 1s\n"),
	}
	return d
}

// collect collects all notifications, and has seen everything up to so long ago.
func (d *databases) collect(ago time.Duration) {
	GinkgoHelper()
	d.ran("collect", "file", d.file("sent.jsonl", d.sent.String()), "--foundation", "os", "--horizon",
		events.FormatTime(time.Now().UTC().Add(-ago)))
}

// deletes deletes a database, and loses the notification. The true end is as Trove keeps it.
func (d *databases) deletes() (at time.Time) {
	d.api.Do(func(p *sim.Platform) {
		p.DeleteInstance(d.gone) // and Send is not called
		at = d.gone.Ended().Truncate(time.Second)
		p.SetTime(p.Now().Add(time.Hour))
	})
	return at
}

// owed is the true bill of the project whose database is deleted.
func (d *databases) owed() (sum events.Decimal) {
	GinkgoHelper()
	price := events.NewDecimal(1, -2)
	d.api.Do(func(p *sim.Platform) {
		for _, span := range p.Truth() {
			if span.Resource == d.gone.ID {
				sum = sum.Add(price.Mul(events.SecondsBetween(span.Start, span.End)))
			}
		}
	})
	Expect(sum.Cmp(events.NewDecimal(36, 0))).To(BeNumerically(">", 0))
	return sum
}

// charged is the bill of that project.
func (d *databases) charged() (sum events.Decimal) {
	GinkgoHelper()
	for key, amount := range d.exactBill() {
		if strings.Contains(key, " blog ") {
			sum = sum.Add(amount)
		}
	}
	return sum
}

var _ = Describe("A Trove that loses the notification of a deletion", func() {
	It("has the end from the management's deleted_at, with its money, and the bill is the true one", func(
		ctx SpecContext,
	) {
		scale.Long(Skip)
		d := newDatabases(ctx)
		d.keystone.Grant("shop", "admin")
		status, out, errs := d.reconcile("--plan")
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(out).To(ContainSubstring("0 differences."))

		at := d.deletes()
		status, out, errs = d.reconcile()
		Expect(status).To(BeZero(), "%s%s", out, errs)
		for _, kind := range []string{"instance", "volume"} {
			Expect(out).To(MatchRegexp(`(?m)^missing_stop +settle +%s +%s +%s +GBP 864`, kind, d.gone.ID,
				events.FormatTime(at)))
		}
		Expect(out).To(ContainSubstring("2 differences, 2 enacted."))
		Expect(d.billed(ctx, "os")).To(ConsistOf(d.kept.ID, d.kept.ID))
		Expect(acts.List(ctx, d.bus, events.ActObservation, "os", func(a *acts.Act) error {
			Expect(a.Observation.Exact).To(BeTrue())
			Expect(a.Observation.At).To(Equal(at))
			Expect(string(a.Observation.Evidence)).To(ContainSubstring(`"deleted_at"`))
			return nil
		})).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(d.charged().Cmp(d.owed())).To(BeZero(), "%s", out) }).Should(Succeed())
	})

	It("stays billed by silence alone, and by a token that sees another project", func(ctx SpecContext) {
		scale.Long(Skip)
		d := newDatabases(ctx)
		d.keystone.Grant("shop", "member")
		d.deletes()
		for range 2 {
			status, out, errs := d.reconcile("--allow-incomplete")
			Expect(status).To(BeZero(), "%s%s", out, errs)
			Expect(out).NotTo(MatchRegexp(`(?m)^missing_stop `))
		}
		Expect(d.observations(ctx, "os")).To(BeEmpty())
		Expect(d.billed(ctx, "os")).To(ContainElement(d.gone.ID))

		By("a token of the project, too, which is complete for it with another database to prove its rights")
		d.api.Do(func(p *sim.Platform) {
			p.Send(p.Activate(p.CreateInstance(&sim.Project{ID: "blog", UserID: "u", Region: "r1"}, "other",
				sim.Flavor{ID: "10", Name: "m1.small", MemoryMB: 512}, 5)))
		})
		d.collect(30 * time.Second)
		d.keystone.Grant("blog", "member")
		d.plain = append(d.plain, "--trove-project", "blog")
		Eventually(func() []string { return d.billed(ctx, "os") }).Should(HaveLen(6))
		status, out, errs := d.reconcile("--allow-incomplete")
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(d.observations(ctx, "os")).To(ConsistOf("gone "+d.gone.ID, "gone "+d.gone.ID), out)
		Expect(d.charged().Cmp(d.owed())).To(BeNumerically("<=", 0), "what is not known costs the tenant less")
	})

	It("is a difference with its money where the API cannot be asked: its notifications end", func(ctx SpecContext) {
		scale.Long(Skip)
		d := newDatabases(ctx)
		d.plain = []string{"--trove-foundation", "os", "--trove-exists"}
		hour := func() {
			d.api.Do(func(p *sim.Platform) {
				p.Send(p.Exists(d.kept))
				if d.gone.Ended().IsZero() {
					p.Send(p.Exists(d.gone))
				}
				p.SetTime(p.Now().Add(time.Hour))
			})
		}
		var began, last time.Time
		d.api.Do(func(p *sim.Platform) {
			began, last = p.Now(), p.Now()
			for _, span := range p.Truth() {
				if span.Resource == d.gone.ID {
					began = span.Start
				}
			}
		})
		hour()
		d.collect(30 * time.Second)
		status, out, errs := d.reconcile("--plan", "--allow-incomplete")
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(out).To(ContainSubstring("0 differences."))

		d.api.Do(func(p *sim.Platform) { p.DeleteInstance(d.gone) }) // and Send is not called
		for range 6 {
			hour()
		}
		d.collect(20 * time.Second)
		Eventually(func() []string { return d.billed(ctx, "os") }).Should(ConsistOf(d.kept.ID, d.kept.ID))
		status, out, errs = d.reconcile("--allow-incomplete")
		Expect(status).To(BeZero(), "%s%s", out, errs)
		for _, kind := range []string{"instance", "volume"} {
			Expect(out).To(MatchRegexp(`(?m)^missing_stop +report +%s +%s +%s +GBP 864`, kind, d.gone.ID,
				events.FormatTime(last)))
		}
		Expect(out).To(And(ContainSubstring("2 differences, 0 enacted."), Not(ContainSubstring("At stake"))))
		Expect(d.observations(ctx, "os")).To(BeEmpty())

		By("the true end, once a person tells it")
		end := last.Add(30 * time.Minute)
		d.ran("reconcile", "end", "instance", d.gone.ID, "--at", events.FormatTime(end), "--by", "ann", "--note",
			"by its log", "--trove-foundation", "os", "--trove-exists")
		Eventually(func(g Gomega) {
			owed := events.NewDecimal(2, -2).Mul(events.SecondsBetween(began, end))
			g.Expect(d.charged().Cmp(owed)).To(BeZero(), "%s", d.charged())
		}).Should(Succeed())
		status, out, errs = d.reconcile("--allow-incomplete")
		Expect(status).To(BeZero(), "%s%s", out, errs)
		Expect(out).To(ContainSubstring("0 differences"))
	})
})
