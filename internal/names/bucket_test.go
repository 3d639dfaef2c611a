package names_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/names"
)

func newBus(ctx context.Context) *bus.Bus {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL(), Timeout: scale.Patience})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(b.Close)
	Expect(b.EnsureStreams(ctx, bus.StreamsConfig{})).To(Succeed())
	return b
}

func tenant(foundation, guid string) names.Tenant {
	return names.Tenant{Source: events.SourceCF, Foundation: foundation, GUID: guid}
}

// seen are observations at an hour: names by "tenant" or "tenant/space".
func seen(foundation string, hour int, all ...[3]string) map[names.Key]names.Observation {
	observed := map[names.Key]names.Observation{}
	for _, x := range all {
		observed[names.Key{Tenant: tenant(foundation, x[0]), Space: x[1]}] = names.Observation{
			Name: x[2], Born: at(1), Since: at(hour), Seen: at(hour),
		}
	}
	return observed
}

func erase(ctx context.Context, b *bus.Bus, foundation, guid string) {
	GinkgoHelper()
	_, err := acts.Erase(ctx, b, events.Act{
		Source: events.SourceCF, Foundation: foundation, By: "ann", Note: "contract ended", Time: at(20),
		Erasure: events.Erasure{Tenant: guid},
	})
	Expect(err).NotTo(HaveOccurred())
}

// rivalling is a bus to which somebody else writes before the next append.
type rivalling struct {
	*bus.Bus
	rival func()
}

func (r *rivalling) Append(ctx context.Context, stream string, msgs []bus.Message, e bus.Expect) (uint64, error) {
	if rival := r.rival; rival != nil {
		r.rival = nil
		rival()
	}
	return r.Bus.Append(ctx, stream, msgs, e)
}

var _ = Describe("The bucket of names", func() {
	It("has no names before anybody wrote one", func(ctx SpecContext) {
		d, err := names.Load(ctx, newBus(ctx))
		Expect(err).NotTo(HaveOccurred())
		Expect(d.TenantName("o1")).To(BeEmpty())
		_, err = d.Tenant("acme", "")
		Expect(err).To(MatchError(`no tenant is called "acme"`))
	})

	It("takes what changes, and a whole listing ends what it leaves out", func(ctx SpecContext) {
		b := newBus(ctx)
		Expect(names.Record(ctx, b, "cf", "eu", seen("eu", 2, [3]string{"o1", "", "acme"},
			[3]string{"o1", "s1", "dev"}, [3]string{"o2", "", "globex"}), true)).To(Equal(3))
		Expect(names.Record(ctx, b, "cf", "eu", seen("eu", 3, [3]string{"o1", "", "acme"}), false)).To(BeZero())
		Expect(names.Record(ctx, b, "cf", "eu", seen("eu", 4, [3]string{"o1", "", "acme-eu"},
			[3]string{"o1", "s1", "dev"}), true)).To(Equal(2))
		Expect(names.Record(ctx, b, "cf", "eu", nil, true)).To(BeZero(), "nothing was seen, and nothing ends")
		Expect(names.Record(ctx, b, "cf", "us", seen("us", 5, [3]string{"o1", "", "acme-us"}), true)).To(Equal(1))

		d, err := names.Load(ctx, b)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Name(names.Key{Tenant: tenant("eu", "o1")})).To(Equal("acme-eu"))
		Expect(d.Name(names.Key{Tenant: tenant("eu", "o1"), Space: "s1"})).To(Equal("dev"))
		Expect(d.TenantName("o2")).To(Equal("globex"), "it is gone, and that was its name")
		Expect(d.TenantName("o1")).To(BeEmpty(), "two foundations call it otherwise")
		history := map[string]string{}
		Expect(names.History(ctx, b, func(k names.Key, l names.List) {
			history[k.String()] = string(l.AppendJSON(nil))
		})).To(Succeed())
		Expect(history).To(HaveKeyWithValue("cf.eu.o1.tenant", `[{"name":"acme","from":"2026-10-01T01:00:00Z",`+
			`"until":"2026-10-01T04:00:00Z"},{"name":"acme-eu","from":"2026-10-01T04:00:00Z"}]`))
		Expect(history).To(HaveKeyWithValue("cf.eu.o2.tenant", ContainSubstring(`"until":"2026-10-01T04:00:00Z"`)))
	})

	It("is followed by a directory, which takes what is new", func(ctx SpecContext) {
		b := newBus(ctx)
		d, err := names.Load(ctx, b)
		Expect(err).NotTo(HaveOccurred())
		for hour, name := range []string{"a", "b", "c"} {
			_, err := names.Record(ctx, b, "cf", "eu", seen("eu", hour+2, [3]string{"o1", "", name}), false)
			Expect(err).NotTo(HaveOccurred())
			Expect(d.Refresh(ctx, b)).To(Succeed())
			Expect(d.TenantName("o1")).To(Equal(name))
			Expect(d.Refresh(ctx, b)).To(Succeed())
		}
		erase(ctx, b, "eu", "o1")
		Expect(d.Refresh(ctx, b)).To(Succeed())
		Expect(d.TenantName("o1")).To(BeEmpty())
		Expect(d.Name(names.Key{Tenant: tenant("eu", "o1")})).To(BeEmpty())
	})

	It("resolves the name of one tenant, and names the candidates of several", func(ctx SpecContext) {
		b := newBus(ctx)
		for _, f := range []string{"eu", "us"} {
			_, err := names.Record(ctx, b, "cf", f, seen(f, 2, [3]string{"o1", "", "acme"},
				[3]string{"o2", "", "shared"}, [3]string{f + "3", "", "shared"},
				[3]string{"o1", "s", "production"}), true)
			Expect(err).NotTo(HaveOccurred())
		}
		d, err := names.Load(ctx, b)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Tenant("acme", "")).To(Equal("o1"))
		Expect(d.Tenant("acme", "us")).To(Equal("o1"))
		_, err = d.Tenant("shared", "eu")
		Expect(err).To(MatchError(`several tenants are called "shared": give the guid of one: eu3 (cf eu), o2 (cf eu)`))
		_, err = d.Tenant("acne", "")
		Expect(err).To(MatchError(`no tenant is called "acne": did you mean acme?`))
		_, err = d.Tenant("production", "")
		Expect(err).To(MatchError(`no tenant is called "production"`), "it is a space")
	})

	It("resolves a name to who has it now, before who had it and is gone", func(ctx SpecContext) {
		b := newBus(ctx)
		for hour, all := range [][][3]string{
			{{"o1", "", "acme"}, {"o2", "", "other"}}, {{"o2", "", "other"}}, {{"o2", "", "other"}, {"o3", "", "acme"}},
		} {
			_, err := names.Record(ctx, b, "cf", "eu", seen("eu", hour+2, all...), true)
			Expect(err).NotTo(HaveOccurred())
			d, err := names.Load(ctx, b)
			Expect(err).NotTo(HaveOccurred())
			Expect(d.Tenant("acme", "")).To(Equal([]string{"o1", "o1", "o3"}[hour]))
		}
	})

	It("keeps more names than one batch takes", func(ctx SpecContext) {
		b := newBus(ctx)
		observed := map[names.Key]names.Observation{}
		for i := range bus.MaxBatch + 5 {
			observed[names.Key{Tenant: tenant("eu", fmt.Sprint("o", i))}] = names.Observation{Name: "n", Seen: at(1)}
		}
		Expect(names.Record(ctx, b, "cf", "eu", observed, true)).To(Equal(bus.MaxBatch + 5))
		Expect(names.Record(ctx, b, "cf", "eu", observed, true)).To(BeZero())
	})

	It("has nothing of an erased tenant, also where its names were written at that moment", func(ctx SpecContext) {
		b := newBus(ctx)
		all := seen("eu", 2, [3]string{"o1", "", "acme"}, [3]string{"o1", "s1", "dev"}, [3]string{"o2", "", "globex"})
		Expect(names.Record(ctx, b, "cf", "eu", all, true)).To(Equal(3))
		racing := &rivalling{b, func() {
			erase(ctx, b, "eu", "o1")
			Expect(names.Purge(ctx, b, tenant("eu", "o1"))).To(Equal(2))
			Expect(names.Purge(ctx, b, tenant("eu", "o1"))).To(BeZero())
		}}
		later := seen("eu", 3, [3]string{"o1", "", "acme-eu"}, [3]string{"o1", "s1", "dev"}, [3]string{"o2", "", "new"})
		Expect(names.Record(ctx, racing, "cf", "eu", later, true)).To(Equal(1))
		stored := ""
		_, err := b.Each(ctx, "KV_daybook-names", 1, bus.End, bus.ReadOptions{}, func(m *bus.Stored) error {
			stored += m.Subject + " " + string(m.Data) + "\n"
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(stored).To(And(ContainSubstring("cf.eu.o1.space.s1 \n"), ContainSubstring("globex"),
			Not(ContainSubstring("acme")), Not(ContainSubstring("dev"))))
	})
})
