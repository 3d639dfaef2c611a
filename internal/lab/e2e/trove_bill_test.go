package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/rabbit"
)

// troveprices are by the second: a bill is a sum of products.
const troveprices = `currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2020-01-01T00:00:00Z, rate: "0.2"}
plans:
  - name: small
    match: {kind: instance, flavor: "10"}
    valid_from: 2020-01-01T00:00:00Z
    components: [{name: time, formula: "seconds * 0.003", currency: GBP, vat: Standard}]
  - name: other
    match: {kind: instance}
    valid_from: 2020-01-01T00:00:00Z
    components: [{name: time, formula: "seconds * 0.007", currency: GBP, vat: Standard}]
  - name: storage
    match: {kind: volume}
    valid_from: 2020-01-01T00:00:00Z
    components: [{name: gigabytes, formula: "volume_gb * seconds * 0.0001", currency: GBP, vat: Standard}]
`

// ran is a span as the test reckons it: of a flavour's id, or of so many gigabytes.
type ran struct {
	kind, size string
	start, end time.Time
}

func (r ran) String() string {
	return fmt.Sprintf("%s %s %s %s", r.kind, r.size, r.start.Format(time.RFC3339Nano), r.end.Format(time.RFC3339Nano))
}

// plan and amount are its charge.
func (r ran) plan() string {
	switch {
	case r.kind == "volume":
		return "volume storage"
	case r.size == "10":
		return "instance small"
	}
	return "instance other"
}

func (r ran) amount() *big.Rat {
	seconds := big.NewRat(r.end.Sub(r.start).Nanoseconds(), 1e9)
	switch r.plan() {
	case "instance small":
		return seconds.Mul(seconds, big.NewRat(3, 1000))
	case "instance other":
		return seconds.Mul(seconds, big.NewRat(7, 1000))
	}
	gigabytes, ok := new(big.Rat).SetString(r.size)
	Expect(ok).To(BeTrue())
	return seconds.Mul(seconds, gigabytes.Mul(gigabytes, big.NewRat(1, 10_000)))
}

// byHand derives the spans of one database from its notifications, in the order of its life. An
// empty span is none.
func byHand(bodies []string) []ran {
	GinkgoHelper()
	at := func(text string) time.Time {
		GinkgoHelper()
		// a fraction may follow the seconds
		for _, form := range []string{"2006-01-02T15:04:05Z", "2006-01-02 15:04:05"} {
			if t, err := time.Parse(form, text); err == nil {
				return t.UTC()
			}
		}
		Fail("no time: " + text)
		return time.Time{}
	}
	var volume, instance, all []ran
	change := func(track []ran, kind, size string, when time.Time) []ran {
		if len(track) > 0 {
			track[len(track)-1].end = when
		}
		return append(track, ran{kind: kind, size: size, start: when})
	}
	for _, body := range bodies {
		n := parse(body)
		switch n.EventType {
		case "trove.instance.create":
			volume = change(volume, "volume", strconv.Itoa(n.Payload.VolumeSize), at(n.Payload.CreatedAt))
			instance = change(instance, "instance", n.Payload.InstanceTypeID, at(n.Payload.CreatedAt))
		case "dbaas.instance_resize_volume.end":
			volume = change(volume, "volume", strconv.Itoa(n.Payload.NewSize), at(n.Timestamp))
		case "trove.instance.modify_flavor":
			instance = change(instance, "instance", n.Payload.InstanceTypeID, at(n.Payload.ModifyAt))
		case "trove.instance.delete":
			volume[len(volume)-1].end = at(n.Payload.DeletedAt)
			instance[len(instance)-1].end = at(n.Payload.DeletedAt)
		}
	}
	for _, r := range append(instance, volume...) {
		Expect(r.end).NotTo(BeZero())
		if r.end.After(r.start) {
			all = append(all, r)
		}
	}
	return all
}

// texts are the spans in an order of their own.
func texts(all []ran) []string {
	var lines []string
	for _, r := range all {
		lines = append(lines, r.String())
	}
	slices.Sort(lines)
	return lines
}

// metered is the spans of one database in METERED: published less retracted ones, joined where a
// boundary cut them.
func (c *cloud) metered(ctx context.Context, instance string) []ran {
	GinkgoHelper()
	spans := map[string]events.Span{}
	var last events.Metered
	for _, m := range c.stored(ctx, events.StreamMetered) {
		if !strings.HasSuffix(m.Subject, ".instance."+events.Token(instance)) {
			continue
		}
		var change events.Metered
		Expect(change.DecodeJSON(m.Data)).To(Succeed())
		for _, s := range change.Retracted {
			Expect(spans).To(HaveKey(s.ID))
			delete(spans, s.ID)
		}
		for _, s := range change.Closed {
			Expect(spans).NotTo(HaveKey(s.ID))
			spans[s.ID] = s
		}
		last = change
	}
	Expect(last.Held).To(BeEmpty())
	Expect(last.Running).To(BeEmpty())
	var all []ran
	for _, s := range spans {
		size := s.Footprint.FlavorID
		if gb, known := s.Footprint.VolumeGB.Get(); known {
			size = strconv.Itoa(int(gb))
		}
		Expect(s.Flags).To(BeZero(), "nothing is inferred where everything was reported")
		all = append(all, ran{s.Kind, size, s.Start, s.End})
	}
	slices.SortFunc(all, func(a, b ran) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind, b.kind)
		}
		return a.start.Compare(b.start)
	})
	var joined []ran
	for _, r := range all {
		if n := len(joined); n > 0 && joined[n-1].kind == r.kind && joined[n-1].size == r.size &&
			joined[n-1].end.Equal(r.start) {
			joined[n-1].end = r.end
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// charged waits for the charge of a deleted instance.
func charged(ctx context.Context, b *bus.Bus, tenant, foundation, instance string) {
	GinkgoHelper()
	Eventually(func() error {
		_, err := b.Last(ctx, events.StreamBilling, "billing.charge."+tenant+".trove."+foundation+".instance."+instance)
		return err
	}).WithPolling(20*pollEvery).Should(Succeed(), "%s of %s", instance, foundation)
}

// fences are a database's whole life behind everything else: its charge follows all others.
func fences() []string {
	GinkgoHelper()
	var bodies []string
	for _, event := range []string{"create", "delete"} {
		bodies = append(bodies, creation("fence", func(outer, payload object) {
			outer["message_id"], outer["event_type"] = "message-fence-"+event, "trove.instance."+event
			payload["tenant_id"] = "fence"
			if event == "delete" {
				payload["deleted_at"] = "2026-11-01T11:00:00Z"
			}
		}))
	}
	return bodies
}

// billsLives collects, projects and prices captured lives in several orders, and one by Trove's own
// code.
func billsLives(ctx context.Context, c *cloud, alive *liveTrove) {
	GinkgoHelper()
	random := newRand()
	run("catalogue", "publish", "--yes", file("prices.yaml", troveprices), "--nats", c.nats)
	projector, pricer := startService(c.nats, "project"), startService(c.nats, "price")
	lifecycle := capture("taskmanager_18.0.0_lifecycle.jsonl")
	longer := slices.Clone(lifecycle) // with more of the second flavour
	longer[8] = strings.Replace(longer[8], `\"deleted_at\": \"2026-11-21T06:19:03Z\"`,
		`\"deleted_at\": \"2026-11-21T08:29:03Z\"`, 1)
	Expect(longer[8]).NotTo(Equal(lifecycle[8]))
	// The flavour was changed in the second of the deletion: its span would be empty.
	Expect(texts(byHand(lifecycle))).To(Equal([]string{
		"instance 10 2026-11-21T06:18:42Z 2026-11-21T06:19:03Z",
		"volume 1 2026-11-21T06:18:42Z 2026-11-21T06:18:53.591191Z",
		"volume 3 2026-11-21T06:18:53.591191Z 2026-11-21T06:19:03Z",
	}))
	Expect(texts(byHand(longer))).To(Equal([]string{
		"instance 10 2026-11-21T06:18:42Z 2026-11-21T06:19:03Z",
		"instance 8 2026-11-21T06:19:03Z 2026-11-21T08:29:03Z",
		"volume 1 2026-11-21T06:18:42Z 2026-11-21T06:18:53.591191Z",
		"volume 3 2026-11-21T06:18:53.591191Z 2026-11-21T08:29:03Z",
	}))

	type played struct {
		*cloud
		service
		bodies []string // as they are sent
		facts  int
		wanted []ran
	}
	var all []played
	for i, bodies := range [][]string{lifecycle, longer, lifecycle, longer, longer} {
		p := played{
			cloud: c.named(fmt.Sprint("captured", i)), facts: 7, wanted: byHand(bodies),
			bodies: slices.Clone(bodies),
		}
		switch i {
		case 0, 1: // as captured
		case 2:
			slices.Reverse(p.bodies)
		default:
			p.bodies = append(p.bodies, bodies...)
			random.Shuffle(len(p.bodies), func(i, j int) { p.bodies[i], p.bodies[j] = p.bodies[j], p.bodies[i] })
		}
		p.service = p.collect("--settle", longSettle)
		all = append(all, p)
	}
	for _, p := range all {
		p.sender().send(ctx, p.bodies...)
	}

	Eventually(alive.session).Should(gexec.Exit(0), "%s", rabbit.InstallCommand)
	sent := c.left(ctx, alive.witness())
	live := played{cloud: c.named("live"), facts: 7, wanted: byHand(sent)}
	Expect(sizes(live.wanted)).To(Or( // the second flavour is in use for less than a second
		Equal([]string{"instance 10", "instance 2", "volume 1", "volume 3"}), Equal([]string{
			"instance 10", "volume 1",
			"volume 3",
		})))
	live.service = live.collect("--settle", longSettle, "--drain-queue", alive.topic+".info", "--durable-exchange",
		"auto")
	all = append(all, live)

	sums := map[string]*big.Rat{}
	for _, p := range all {
		instance := p.cloud.facts(ctx, p.facts)[0].Resource
		p.sender().send(ctx, fences()...)
		charged(ctx, c.bus, "fence", p.name, "fence")
		stop(p.session)
		Expect(texts(p.cloud.metered(ctx, instance))).To(Equal(texts(p.wanted)), "%s: %v", p.name, order(p.bodies))
		Expect(p.cloud.stored(ctx, events.StreamQuarantine)).To(BeEmpty())
		Expect(p.cloud.ids(ctx)).To(HaveLen(p.facts + len(fences())))
		for _, r := range p.wanted {
			add(sums, r.plan(), r.amount().RatString())
		}
	}
	stop(projector.session, pricer.session)
	c.noneEmpty(ctx)

	var bill struct {
		Unrated, Held, Running int
		Lines                  []struct{ Tenant, Kind, Plan, Amount string }
	}
	Expect(json.Unmarshal([]byte(run("bill", "--format", "json", "--nats", c.nats)), &bill)).To(Succeed())
	Expect([]int{bill.Unrated, bill.Held, bill.Running}).To(HaveEach(0))
	billed := map[string]*big.Rat{}
	for _, l := range bill.Lines {
		if l.Tenant != "fence" {
			add(billed, l.Kind+" "+l.Plan, l.Amount)
		}
	}
	Expect(digits(billed)).To(Equal(digits(sums)))
}

// sizes are spans without times.
func sizes(all []ran) []string {
	var lines []string
	for _, r := range all {
		lines = append(lines, r.kind+" "+r.size)
	}
	return lines
}

// order is the types of the notifications, as sent.
func order(bodies []string) []string {
	var types []string
	for _, b := range bodies {
		types = append(types, parse(b).EventType)
	}
	return types
}

// noneEmpty expects no span and no charge in the streams to be of no time, whatever became of it
// later.
func (c *cloud) noneEmpty(ctx context.Context) {
	GinkgoHelper()
	spans, charges := 0, 0
	messages(ctx, c.bus, events.StreamMetered, func(m *bus.Stored) {
		if m.Header(events.HeaderType) != events.TypeMetered {
			return
		}
		var change events.Metered
		Expect(change.DecodeJSON(m.Data)).To(Succeed())
		for _, s := range slices.Concat(change.Closed, change.Retracted) {
			Expect(s.End).To(BeTemporally(">", s.Start), "%s", m.Data)
			spans++
		}
	})
	messages(ctx, c.bus, events.StreamBilling, func(m *bus.Stored) {
		if m.Header(events.HeaderType) != events.TypeBilling {
			return
		}
		var lines events.Billing
		Expect(lines.DecodeJSON(m.Data)).To(Succeed())
		for _, l := range lines.Charges {
			Expect(l.End).To(BeTemporally(">", l.Start), "%s", m.Data)
			charges++
		}
	})
	Expect(spans).To(BeNumerically(">", 20))
	Expect(charges).To(BeNumerically(">", 20))
}
