package paas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/paas"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/audit"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/forecast"
	"github.com/daybook-billing/daybook/pricer/rating"
)

var update = flag.Bool("update", false, "write the answers to testdata")

func TestPaas(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The endpoints of paas-billing")
}

const (
	kitchen = "33333333-0000-4000-8000-000000000003"
	cellar  = "33333333-0000-4000-8000-000000000004"
	live    = "44444444-0000-4000-8000-000000000004"
	teapot  = "22222222-0000-4000-8000-000000000002"
	orders  = "66666666-0000-4000-8000-000000000006"
	build   = "77777777-0000-4000-8000-000000000007"
)

func at(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }

// foundation is a foundation that runs until 2026-06-03 04:00, as METERED and BILLING have it.
type foundation struct {
	cat              *catalogue.Catalogue
	metered, billing []bus.Message
	input            uint64
}

func (f *foundation) add(to *[]bus.Message, subject, kind, id string, body stage.Body) {
	f.input++
	*to = append(*to, bus.Message{Subject: subject, Data: body.AppendJSON(nil), Header: []events.Header{
		{Key: events.HeaderType, Value: kind},
		{Key: events.HeaderID, Value: id},
		{Key: stage.HeaderSourceSeq, Value: strconv.FormatUint(f.input, 10)},
	}})
}

// span is a span of a kind, from one usage event (its sequence) on.
func span(kind, tenant, resource, name string, footprint events.Footprint, begin uint64, start, end time.Time,
) events.Span {
	x := events.Span{
		Kind: kind, Resource: resource, App: resource, Tenant: tenant, Space: live, SpaceName: "live", Name: name,
		Start: start, End: end, Since: start, Footprint: footprint, Evidence: []uint64{begin},
	}
	x.ID = events.ID("span", resource, name, start.String(), strconv.FormatUint(begin, 10))
	return x
}

// ran meters and charges a span, cut at the midnights, as METERED and BILLING have it.
func (f *foundation) ran(x events.Span) {
	whole := x
	for x.Start.Before(whole.End) {
		x.End = time.Date(x.Start.Year(), x.Start.Month(), x.Start.Day()+1, 0, 0, 0, 0, time.UTC)
		if x.End.After(whole.End) {
			x.End = whole.End
		}
		x.ID = events.ID(whole.ID, x.Start.String())
		f.closed(x)
		lines, _ := rating.Rate(f.cat, "prod", &x)
		var charges []events.Charge
		for i := range lines {
			charges = append(charges, chargeOf(&x, &lines[i]))
		}
		f.charged(x.Tenant, x.Kind, x.Resource, charges...)
		x.Start = x.End
	}
}

func (f *foundation) closed(x events.Span) {
	m := &events.Metered{
		ID: events.ID("metered", x.ID), Source: "cf", Foundation: "prod", Tenant: x.Tenant, Kind: x.Kind,
		Resource: x.Resource,
		Closed:   []events.Span{x},
	}
	f.add(&f.metered, events.MeteredSubject("cf", "prod", x.Tenant, x.Kind, x.Resource), events.TypeMetered, m.ID, m)
}

func (f *foundation) charged(tenant, kind, resource string, charges ...events.Charge) {
	m := &events.Billing{
		ID: events.ID("billing", charges[0].ID), Source: "cf", Foundation: "prod", Tenant: tenant, Kind: kind,
		Resource: resource, Charges: charges,
	}
	f.add(&f.billing, events.ChargeSubject(tenant, "cf", "prod", kind, resource), events.TypeBilling, m.ID, m)
}

func chargeOf(x *events.Span, l *rating.Line) events.Charge {
	return events.Charge{
		ID: events.ID("charge", x.ID, l.Component.Name), Entry: events.EntryCharge, Period: l.Start.Format("2006-01"),
		Span: x.ID, Kind: x.Kind, Resource: x.Resource, App: x.App, Tenant: x.Tenant, Space: x.Space, Name: x.Name,
		Plan: l.Plan.Name, Component: l.Component.Name, Start: l.Start, End: l.End, Seconds: l.Seconds,
		Quantity: l.Quantity, Unit: l.Unit, Amount: l.Amount, VAT: l.VAT, VATCode: l.VATCode, VATRate: l.VATRate,
		Currency: l.Currency,
	}
}

func newFoundation() *foundation {
	text, err := os.ReadFile("testdata/catalogue.yaml")
	Expect(err).NotTo(HaveOccurred())
	f := &foundation{}
	f.cat, err = catalogue.Parse("catalogue.yaml", text)
	Expect(err).NotTo(HaveOccurred())
	app := func(n uint32) events.Footprint {
		return events.Footprint{Instances: events.Some(n), MemoryMB: events.Some(512), Buildpack: "java_buildpack"}
	}
	db := events.Footprint{
		Plan: "small-15", PlanGUID: "55555555-0000-4000-8000-000000000005", Offering: "postgres", OfferingGUID: orders,
	}
	none := time.Time{}
	f.ran(span(events.KindApp, kitchen, teapot, "teapot", app(2), 1, at(3, 9), at(5, 11)))
	f.ran(span(events.KindApp, kitchen, teapot, "teapot", app(1), 2, at(5, 11), at(32, 0)))
	f.ran(span(events.KindService, kitchen, orders, "orders", db, 3, at(10, 0), at(12, 0)))
	for i := range 3 {
		f.ran(span(events.KindTask, kitchen, events.ID("task", strconv.Itoa(i)), "migrate", app(1), uint64(4+i),
			at(4, i), at(4, i+2)))
	}
	f.ran(span(events.KindStaging, cellar, build, "cup", events.Footprint{
		Instances: events.Some(1), MemoryMB: events.Some(1024),
	}, 7, at(6, 0), at(6, 0).Add(70*time.Second)))

	// In June the teapot is charged up to the last cut, and what came out late about May is posted.
	june := span(events.KindApp, kitchen, teapot, "teapot", app(1), 2, at(32, 0), at(34, 0))
	june.Since = at(5, 11)
	f.ran(june)
	late := chargeOf(&june, &rating.Line{
		Plan: f.cat.Plans[0], Component: f.cat.Plans[0].Components[0], Start: at(12, 0), End: at(14, 0),
		Amount: events.NewDecimal(-431, -2), VAT: events.NewDecimal(-862, -3), VATCode: "Standard", VATRate: "0.2",
		Currency: "GBP",
	})
	late.ID, late.Entry, late.Period, late.Month, late.Span = "late", events.EntryCorrection, "2026-06", "2026-05", ""
	late.Kind, late.Resource, late.Name, late.Plan = events.KindService, orders, "orders", "postgres small-15"
	f.charged(kitchen, events.KindService, orders, late)

	// What was charged, taken back and charged anew within the month counts once.
	wrong := chargeOf(&june, &rating.Line{
		Plan: f.cat.Plans[0], Component: f.cat.Plans[0].Components[0], Start: at(32, 0), End: at(32, 1),
		Amount: events.NewDecimal(99, 0), Currency: "GBP",
	})
	wrong.ID = "wrong"
	back := wrong
	back.ID, back.Entry, back.Reverses, back.Amount = "back", events.EntryReversal, "wrong", wrong.Amount.Neg()
	f.charged(kitchen, events.KindApp, teapot, wrong)
	f.charged(kitchen, events.KindApp, teapot, back)

	running := june
	running.ID, running.Start, running.End = "", at(34, 0), none
	m := &events.Metered{
		ID: "running", Source: "cf", Foundation: "prod", Tenant: kitchen, Kind: events.KindApp, Resource: teapot,
		Running: []events.Span{running},
	}
	f.add(&f.metered, events.MeteredSubject("cf", "prod", kitchen, m.Kind, teapot), events.TypeMetered, m.ID, m)
	h := &events.Horizon{ID: "h", Source: "cf", Foundation: "prod", Time: at(34, 4)}
	f.add(&f.metered, events.MeteredHorizonSubject("cf", "prod"), events.TypeHorizon, h.ID, h)
	// A foundation of databases has the same name, and is metered further.
	h = &events.Horizon{ID: "t", Source: "trove", Foundation: "prod", Time: at(35, 0)}
	f.add(&f.metered, events.MeteredHorizonSubject("trove", "prod"), events.TypeHorizon, h.ID, h)
	return f
}

// terms are one catalogue for all months.
type terms struct{ *catalogue.Catalogue }

func (t terms) Terms(string, string, string) (string, *catalogue.Catalogue, *rating.Border) {
	return "v1", t.Catalogue, nil
}

func publish(ctx context.Context, b *bus.Bus, stream string, messages []bus.Message) {
	GinkgoHelper()
	var chain audit.Chain
	for _, m := range messages {
		chain = chain.Next(m.Subject, m.Data)
	}
	last := &messages[len(messages)-1]
	last.Header = append(last.Header, events.Header{Key: stage.HeaderChain, Value: chain.String()},
		events.Header{Key: stage.HeaderCount, Value: strconv.Itoa(len(messages))})
	_, err := b.AppendDerived(ctx, stream, messages, bus.Expect{})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("paas-billing's endpoints", Ordered, func() {
	h, closed := http.NewServeMux(), http.NewServeMux()
	access := map[string]paas.Access{
		"admin":   {All: true},
		"manager": {Owners: []events.Owner{{Foundation: "prod", Tenant: kitchen}}},
	}
	var reader ledger.Reader
	var b *bus.Bus
	BeforeAll(func(ctx context.Context) {
		server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
		Expect(err).NotTo(HaveOccurred())
		b, err = bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
		Expect(err).NotTo(HaveOccurred())
		Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
		DeferCleanup(func() {
			b.Close()
			server.Shutdown()
		})
		org := names.Key{Tenant: names.Tenant{Source: events.SourceCF, Foundation: "prod", GUID: kitchen}}
		_, err = names.Record(ctx, b, events.SourceCF, "prod", map[names.Key]names.Observation{
			org: {Name: "kitchen", Seen: at(1, 0)},
		}, false)
		Expect(err).NotTo(HaveOccurred())
		f := newFoundation()
		publish(ctx, b, events.StreamMetered, f.metered)
		publish(ctx, b, events.StreamBilling, f.billing)
		l := memory.New()
		Expect(ledger.CatchUp(ctx, b, l)).To(BeEmpty())
		reader = memory.NewReader(l, b)
		deps := paas.Deps{
			Ledger: reader,
			Terms:  func(context.Context) (forecast.Terms, error) { return terms{f.cat}, nil },
			Events: func(_ context.Context, _ events.Owner, sequences []uint64) (map[uint64]string, error) {
				guids := map[uint64]string{}
				for _, n := range sequences {
					guids[n] = fmt.Sprintf("11111111-0000-4000-8000-%012d", n)
				}
				return guids, nil
			},
			Access: func(r *http.Request) (paas.Access, error) {
				token := r.Header.Get("Authorization")
				if token == "bearer busy" {
					return paas.Access{}, auth.ErrUnavailable
				}
				_, name, _ := strings.Cut(token, " ")
				if a, known := access[name]; known {
					return a, nil
				}
				return paas.Access{}, auth.ErrInvalidToken
			},
			Names: func(ctx context.Context) (*names.Directory, error) { return names.Load(ctx, b) },
			Log:   slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		}
		paas.New(paas.Config{}, deps).Register(h)
		paas.New(paas.Config{ClosedPrices: true}, deps).Register(closed)
	})

	get := func(token, path string, parameters ...string) (int, string) {
		GinkgoHelper()
		q := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			q.Add(parameters[i], parameters[i+1])
		}
		r := httptest.NewRequest(http.MethodGet, path+"?"+q.Encode(), nil)
		if token != "" {
			r.Header.Set("Authorization", token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(w.Header().Get("Content-Type")).To(Equal("application/json; charset=UTF-8"))
		Expect(w.Header().Get("Cache-Control")).To(Equal("no-store"))
		return w.Code, string(body)
	}
	may := []string{"range_start", "2026-05-01", "range_stop", "2026-06-01"}
	june := []string{"range_start", "2026-06-01", "range_stop", "2026-07-01"}

	DescribeTable("answer as testdata says", func(file, path string, parameters func() []string) {
		status, body := get("bearer admin", path, parameters()...)
		Expect(status).To(Equal(http.StatusOK), body)
		var indented bytes.Buffer
		Expect(json.Indent(&indented, []byte(body), "", "  ")).To(Succeed())
		name := "testdata/" + file + ".json"
		if *update {
			Expect(os.WriteFile(name, indented.Bytes(), 0o600)).To(Succeed())
		}
		want, err := os.ReadFile(name)
		Expect(err).NotTo(HaveOccurred())
		Expect(indented.String()).To(Equal(string(want)))
	},
		Entry("what ran in May", "usage-may", "/usage_events", func() []string { return may }),
		Entry("what May costs", "billable-may", "/billable_events", func() []string { return may }),
		Entry("what June costs, with what runs and a correction", "billable-june", "/billable_events",
			func() []string { return june }),
		Entry("one day", "billable-day", "/billable_events", func() []string {
			return []string{"range_start", "2026-05-04", "range_stop", "2026-05-05", "org_guid", kitchen}
		}),
		Entry("the price list", "pricing-plans", "/pricing_plans", func() []string { return may }),
		Entry("the currencies", "currency-rates", "/currency_rates", func() []string { return may }),
		Entry("VAT", "vat-rates", "/vat_rates", func() []string { return may }),
		Entry("net costs by plan", "totals", "/totals", func() []string { return nil }),
		Entry("a forecast", "forecast", "/forecast_events", func() []string {
			return append([]string{"events", `[{"event_guid":"00000000-0000-0000-0000-000000000001",` +
				`"event_start":"2026-05-01","event_stop":"2026-05-02","resource_guid":"a","resource_name":"b",` +
				`"resource_type":"app","org_guid":"00000001-0000-0000-0000-000000000000",` +
				`"space_guid":"00000001-0001-0000-0000-000000000000",` +
				`"plan_guid":"f4d4b95a-f55e-4593-8d54-3364c25798c4","number_of_nodes":2,"memory_in_mb":1024,` +
				`"storage_in_mb":0}]`}, may...)
		}),
	)

	It("adds up to the bill, whatever the ranges are", func(ctx context.Context) {
		sum := func(from, to string) (net events.Decimal) {
			_, body := get("Bearer admin", "/billable_events", "range_start", from, "range_stop", to)
			var all []struct {
				Price struct {
					ExVAT   string `json:"ex_vat"`
					Details []struct {
						ExVAT string `json:"ex_vat"`
					} `json:"details"`
				} `json:"price"`
			}
			Expect(json.Unmarshal([]byte(body), &all)).To(Succeed())
			for _, e := range all {
				var parts events.Decimal
				for _, d := range e.Price.Details {
					n, err := events.ParseDecimal(d.ExVAT)
					Expect(err).NotTo(HaveOccurred())
					parts = parts.Add(n)
				}
				n, err := events.ParseDecimal(e.Price.ExVAT)
				Expect(err).NotTo(HaveOccurred())
				Expect(parts.Cmp(n)).To(BeZero())
				net = net.Add(n)
			}
			return net
		}
		sums, err := reader.Totals(ctx, ledger.Query{Period: "2026-05"})
		Expect(err).NotTo(HaveOccurred())
		Expect(sum("2026-05-01", "2026-06-01").String()).To(Equal(sums[0].Amount.String()))
		var days events.Decimal
		for day := 1; day <= 31; day++ {
			days = days.Add(sum(at(day, 0).Format(time.DateOnly), at(day+1, 0).Format(time.DateOnly)))
		}
		Expect(days.String()).To(Equal(sums[0].Amount.String()))
		both := sum("2026-05-01", "2026-06-01").Add(sum("2026-06-01", "2026-07-01"))
		Expect(sum("2026-05-01", "2026-07-01").Cmp(both)).To(BeZero())
	})

	DescribeTable("refuse as paas-billing does", func(token, path string, parameters []string, status int,
		text string,
	) {
		code, body := get(token, path, parameters...)
		Expect(code).To(Equal(status), body)
		var e map[string]string
		Expect(json.Unmarshal([]byte(body), &e)).To(Succeed())
		Expect(e["error"]).To(HavePrefix(text))
	},
		Entry("no token", "", "/billable_events", may, 401, "no access_token in request"),
		Entry("a header of one word", "token", "/billable_events", may, 401, "invalid Authorization header"),
		Entry("a header of three words", "bearer a b", "/billable_events", may, 401, "invalid Authorization header"),
		Entry("another scheme", "basic abc", "/billable_events", may, 401, "unsupported Authorization header type"),
		Entry("no token behind the scheme", "Bearer ", "/totals", nil, 401, "missing Authorization Bearer token data"),
		Entry("a wrong token", "Bearer undefined", "/usage_events", may, 401, "the token is"),
		Entry("nobody can say now", "bearer busy", "/usage_events", may, 503, ""),
		Entry("a manager without organisations", "bearer manager", "/billable_events", may, 401,
			"you need to be billing_manager"),
		Entry("a manager of one organisation who asks for two", "bearer manager", "/billable_events",
			append([]string{"org_guid", kitchen, "org_guid", cellar}, may...), 401, "you need to be billing_manager"),
		Entry("no dates", "bearer admin", "/billable_events", nil, 400,
			"a valid range start filter value is required - expected format 2006-01-02 - got"),
		Entry("a date as a time", "bearer admin", "/usage_events",
			[]string{"range_start", "2026-05-01", "range_stop", "2026-06-01T00:00:00Z"}, 400,
			"a valid range end filter value is required"),
		Entry("dates in the wrong order", "bearer admin", "/pricing_plans",
			[]string{"range_start", "2026-06-01", "range_stop", "2026-05-01"}, 400, "range_stop 2026-05-01 is before"),
		Entry("a range of years", "bearer admin", "/billable_events",
			[]string{"range_start", "2016-06-01", "range_stop", "2026-05-01"}, 400, "the range has 3621 days, and 400"),
		Entry("a price list without dates", "", "/vat_rates", nil, 400, "a valid range start filter value"),
		Entry("a forecast without events", "bearer admin", "/forecast_events", may, 400, "events param is required"),
		Entry("a forecast for somebody", "bearer admin", "/forecast_events",
			append([]string{"events", `[{"org_guid":"` + kitchen + `"}]`}, may...), 403,
			"you are not authorized to forecast events for org '"+kitchen+"'"),
	)

	It("have the guids of usage events from USAGE", func(ctx context.Context) {
		owner := events.Owner{Foundation: "prod", Tenant: kitchen}
		var facts []bus.Message
		for _, fact := range []events.Usage{
			{ID: "1", Source: "cf", Tenant: kitchen, Raw: []byte(`{"guid":"v3"}`)},
			{ID: "2", Source: "cf", Tenant: cellar, Raw: []byte(`{"guid":"theirs"}`)},
			{ID: "3", Source: "cf", Tenant: kitchen, Raw: []byte(`{"metadata":{"guid":"v2"},"entity":{}}`)},
			{ID: "4", Source: "trove", Tenant: kitchen, Raw: []byte(`{"message_id":"m"}`)},
		} {
			fact.Foundation, fact.Kind, fact.Resource = "prod", events.KindApp, teapot
			facts = append(facts, bus.Message{
				Subject: events.UsageSubject(fact.Source, "prod", fact.Tenant, fact.Kind, fact.Resource),
				Data:    fact.AppendJSON(nil),
				Header:  []events.Header{{Key: events.HeaderType, Value: events.TypeUsage}},
			})
		}
		_, err := b.Append(ctx, events.StreamUsage, facts, bus.Expect{})
		Expect(err).NotTo(HaveOccurred())
		Expect(paas.Facts(ctx, b, owner, []uint64{1, 2, 3, 4})).To(Equal(map[uint64]string{1: "v3", 3: "v2", 4: "4"}))
		Expect(paas.Facts(ctx, b, owner, []uint64{3})).To(Equal(map[uint64]string{3: "v2"}))
		Expect(paas.Facts(ctx, b, owner, nil)).To(BeEmpty())
	})

	It("answer an empty range with an empty list, and other methods with 405", func() {
		status, body := get("bearer admin", "/billable_events", "range_start", "2026-05-01", "range_stop", "2026-05-01")
		Expect([]any{status, strings.TrimSpace(body)}).To(Equal([]any{200, "[]"}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/billable_events", nil))
		Expect(w.Code).To(Equal(http.StatusMethodNotAllowed))
		Expect(w.Header().Get("Allow")).To(Equal("GET, HEAD"))
		status, body = get("", "/")
		Expect([]any{status, strings.TrimSpace(body)}).To(Equal([]any{200, `{"ok": true}`}))
	})

	It("give price lists to anybody, whatever stands in Authorization", func() {
		for _, token := range []string{"", "Bearer undefined", "nonsense"} {
			status, _ := get(token, "/pricing_plans", may...)
			Expect(status).To(Equal(200), token)
		}
		w := httptest.NewRecorder()
		closed.ServeHTTP(w, httptest.NewRequest(http.MethodGet,
			"/pricing_plans?range_start=2026-05-01&range_stop=2026-05-02", nil))
		Expect(w.Code).To(Equal(http.StatusUnauthorized), "where the operator closes them")
	})

	It("show a manager the organisation that is asked for, among hundreds in a long URL", func() {
		status, one := get("bearer manager", "/billable_events", append([]string{"org_guid", kitchen}, may...)...)
		Expect(status).To(Equal(200))
		Expect(one).NotTo(ContainSubstring(cellar))
		many := append([]string{"org_guid", kitchen}, may...)
		for i := range 400 {
			many = append(many, "org_guid", events.ID("org", strconv.Itoa(i)))
		}
		status, all := get("bearer admin", "/billable_events", many...)
		Expect(status).To(Equal(200))
		Expect(all).To(Equal(one))
	})
})
