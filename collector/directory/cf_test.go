package directory_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/collector/directory"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/names"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "directory")
}

var start = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// rig is a foundation with an API, and a directory of it; time is that of the foundation.
type rig struct {
	*cc.Foundation
	*directory.Directory
	api    cfapi.Config
	bus    *bus.Bus
	log    bytes.Buffer
	orgs   []*sim.Org
	spaces []*sim.Space
	names  *names.Directory
}

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

func newRig(ctx context.Context, client string, pageSize int) *rig {
	GinkgoHelper()
	r := &rig{}
	knobs := cc.StandardKnobs()
	knobs.Speed = 0
	var err error
	r.Foundation, err = cc.New(cc.Config{Knobs: &knobs, World: sim.Config{
		Seed: 1, Orgs: 4, Spaces: 7, Apps: 1, Services: 1, Instances: 1, Start: start,
		End: start.AddDate(1, 0, 0), Events: 1,
	}})
	Expect(err).NotTo(HaveOccurred())
	r.Advance(start.AddDate(0, 3, 0))
	r.Do(func(p *sim.Platform) { r.orgs, r.spaces = p.Orgs, p.Spaces })
	api := httptest.NewServer(r.Foundation)
	DeferCleanup(api.Close)
	r.bus = newBus(ctx)
	r.api = cfapi.Config{
		Foundation: "eu", API: api.URL, ClientID: client, ClientSecret: client + "-secret", PageSize: pageSize,
		RetryWait: time.Millisecond, Retries: 2,
	}
	r.Directory, err = directory.NewCF(r.api, directory.Config{Foundation: "eu"}, directory.Deps{
		Bus: r.bus, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.Now,
	})
	Expect(err).NotTo(HaveOccurred())
	r.names, err = names.Load(ctx, r.bus)
	Expect(err).NotTo(HaveOccurred())
	return r
}

// look looks once, an hour later.
func (r *rig) look(ctx context.Context) {
	GinkgoHelper()
	r.Advance(r.Now().Add(time.Hour))
	Expect(r.Look(ctx)).To(Succeed())
	Expect(r.names.Refresh(ctx, r.bus)).To(Succeed())
}

func tenant(o *sim.Org) names.Key {
	return names.Key{Tenant: names.Tenant{Source: events.SourceCF, Foundation: "eu", GUID: o.GUID}}
}

func space(s *sim.Space) names.Key {
	k := tenant(s.Org)
	k.Space = s.GUID
	return k
}

var _ = Describe("The names of a foundation", func() {
	It("are those of all its organisations and spaces, page by page", func(ctx SpecContext) {
		r := newRig(ctx, "daybook", 2)
		r.look(ctx)
		Expect(len(r.orgs)).To(BeNumerically(">", 2))
		for _, o := range r.orgs {
			Expect(r.names.Name(tenant(o))).To(Equal(o.Name))
		}
		for _, s := range r.spaces {
			Expect(r.names.Name(space(s))).To(Equal(s.Name))
		}
	})

	It("follow a renaming at the next look, and one without a trace within a day", func(ctx SpecContext) {
		r := newRig(ctx, "daybook", 5000)
		r.look(ctx)
		r.Rename(r.orgs[0].GUID, "renamed", true)
		r.Rename(r.spaces[0].GUID, "moved", true)
		r.Rename(r.orgs[1].GUID, "hidden", false)
		r.look(ctx)
		Expect(r.names.Name(tenant(r.orgs[0]))).To(Equal("renamed"))
		Expect(r.names.Name(space(r.spaces[0]))).To(Equal("moved"))
		Expect(r.names.Name(tenant(r.orgs[1]))).To(Equal(r.orgs[1].Name))
		r.Advance(r.Now().Add(24 * time.Hour))
		r.look(ctx)
		Expect(r.names.Name(tenant(r.orgs[1]))).To(Equal("hidden"))
		Expect(names.History(ctx, r.bus, func(k names.Key, l names.List) {
			if k == tenant(r.orgs[0]) {
				Expect(l).To(HaveLen(2))
				Expect(l[0].Name).To(Equal(r.orgs[0].Name))
				Expect(l[0].Until).To(Equal(l[1].From))
			}
		})).To(Succeed())
	})

	It("end within a day of what is gone", func(ctx SpecContext) {
		r := newRig(ctx, "daybook", 5000)
		r.look(ctx)
		r.Remove(r.spaces[0].GUID)
		ended := func() (at time.Time) {
			GinkgoHelper()
			Expect(names.History(ctx, r.bus, func(k names.Key, l names.List) {
				if k == space(r.spaces[0]) {
					at = l[len(l)-1].Until
				} else {
					Expect(l[len(l)-1].Until).To(BeZero())
				}
			})).To(Succeed())
			return at
		}
		r.look(ctx)
		Expect(ended()).To(BeZero())
		r.Advance(r.Now().Add(24 * time.Hour))
		r.look(ctx)
		Expect(ended()).To(BeTemporally("~", r.Now(), time.Minute))
		Expect(r.names.Name(space(r.spaces[0]))).To(Equal(r.spaces[0].Name), "on the bills of the time")
	})

	It("do not end for a token that does not see all", func(ctx SpecContext) {
		r := newRig(ctx, "nobody", 5000)
		Expect(r.Look(ctx)).To(MatchError(cfapi.ErrNoGlobalRead))
	})

	It("come no more for an erased tenant", func(ctx SpecContext) {
		r := newRig(ctx, "daybook", 5000)
		r.look(ctx)
		_, err := acts.Erase(ctx, r.bus, events.Act{
			Source: events.SourceCF, Foundation: "eu", By: "ann", Time: start,
			Erasure: events.Erasure{Tenant: r.orgs[0].GUID},
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(names.Purge(ctx, r.bus, tenant(r.orgs[0]).Tenant)).To(BeNumerically(">", 0))
		r.Rename(r.orgs[0].GUID, "again", true)
		r.look(ctx)
		Expect(names.Purge(ctx, r.bus, tenant(r.orgs[0]).Tenant)).To(BeZero())
	})

	It("are missing while the API is away, and the log says so once", func(ctx SpecContext) {
		r := newRig(ctx, "daybook", 5000)
		knobs := r.Knobs()
		knobs.ErrorRate = 1
		Expect(r.SetKnobs(knobs)).To(Succeed())
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		d, err := directory.NewCF(r.api, directory.Config{Foundation: "eu", Every: time.Millisecond},
			directory.Deps{Bus: r.bus, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.Now})
		Expect(err).NotTo(HaveOccurred())
		go func() { done <- d.Run(running) }()
		Eventually(func() int { return r.Status().Faults["error"] }).Should(BeNumerically(">", 8))
		knobs.ErrorRate = 0
		Expect(r.SetKnobs(knobs)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(r.names.Refresh(ctx, r.bus)).To(Succeed())
			g.Expect(r.names.Name(tenant(r.orgs[0]))).NotTo(BeEmpty())
		}).Should(Succeed())
		stop()
		stop()
		Eventually(done).Should(Receive(BeNil()))
		Expect(strings.Count(r.log.String(), "not up to date")).To(Equal(1), r.log.String())
	})
})
