package cf_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Inspector of Cloud Foundry")
}

var start = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// key signs the tokens of all specs: making one takes longer than they do.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	return k
})

// rig is an inspector of a foundation.
type rig struct {
	*cc.Foundation
	config cf.Config
	// before is called before each request to the API, with its path.
	before func(r *http.Request)
	// rewrite changes the body of an answer.
	rewrite func(path, body string) string
	asked   atomic.Int64 // requests to the API
}

func lively() sim.Config {
	return sim.Config{Seed: 5, Orgs: 3, Spaces: 6, Apps: 20, Services: 8, Instances: 1, Start: start, Events: 6000}
}

// quiet is a world without a life of its own: what is in it is made by its users.
func quiet() sim.Config {
	return sim.Config{
		Seed: 1, Orgs: 2, Spaces: 2, Apps: 1, Services: 1, Instances: 1, Start: start,
		End: start.AddDate(50, 0, 0), Events: 1,
	}
}

func found(world sim.Config) *rig {
	GinkgoHelper()
	f, err := cc.New(cc.Config{World: world, Key: key()})
	Expect(err).NotTo(HaveOccurred())
	r := &rig{Foundation: f}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.before != nil {
			r.before(q)
		}
		r.asked.Add(1)
		if r.rewrite == nil {
			f.ServeHTTP(w, q)
			return
		}
		whole := httptest.NewRecorder()
		f.ServeHTTP(whole, q)
		maps.Copy(w.Header(), whole.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(whole.Code)
		fmt.Fprint(w, r.rewrite(q.URL.Path, whole.Body.String()))
	}))
	DeferCleanup(server.Close)
	r.config = cf.Config{Retake: time.Microsecond, API: cfapi.Config{
		Foundation: "eu", API: server.URL, ClientID: "daybook", ClientSecret: "daybook-secret", ListSize: 6,
		RetryWait: time.Microsecond,
	}}
	return r
}

func (r *rig) inspector() *cf.Inspector {
	GinkgoHelper()
	i, err := cf.New(r.config, cfapi.Deps{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(i.Close)
	return i
}

func (r *rig) inspects(ask cf.Ask) *reconcile.Floorplan {
	GinkgoHelper()
	f, err := r.inspector().Inspect(context.Background(), ask)
	Expect(err).NotTo(HaveOccurred())
	return f
}

func (r *rig) looks(of ...reconcile.Material) []reconcile.Sight {
	GinkgoHelper()
	sights, err := r.inspector().Look(context.Background(), of, false)
	Expect(err).NotTo(HaveOccurred())
	Expect(sights).To(HaveLen(len(of)))
	for i := range sights {
		Expect(sights[i].Key).To(Equal(of[i].Key()))
	}
	return sights
}

func (r *rig) turn(turn func(k *cc.Knobs)) {
	GinkgoHelper()
	k := r.Knobs()
	turn(&k)
	Expect(r.SetKnobs(k)).To(Succeed())
}

func (r *rig) at(after time.Duration) { r.Advance(start.Add(after)) }

func (r *rig) app(name string, processes ...sim.ProcessSpec) (a *sim.App) {
	if processes == nil {
		processes = []sim.ProcessSpec{{Type: "web", Instances: 2, MemoryMB: 64}}
	}
	r.Do(func(p *sim.Platform) {
		a = p.CreateApp(p.Spaces[0], "", name, p.Buildpacks[0], processes...)
	})
	return a
}

func (r *rig) started(name string) *sim.App {
	a := r.app(name)
	r.Do(func(p *sim.Platform) { p.StartApp(a) })
	return a
}

func (r *rig) service(name string) (s *sim.Service) {
	r.Do(func(p *sim.Platform) { s = p.CreateService(p.Spaces[0], "", name, p.Plans[0]) })
	return s
}

// truth is what runs.
func (r *rig) truth() map[reconcile.Key]sim.Span {
	all := map[reconcile.Key]sim.Span{}
	for _, s := range r.Truth() {
		if s.End.IsZero() && s.Kind != sim.KindStaging {
			all[reconcile.Key{Kind: s.Kind, Resource: s.Resource}] = s
		}
	}
	return all
}

func keys(f *reconcile.Floorplan) []reconcile.Key {
	all := []reconcile.Key{}
	for i := range f.Materials {
		all = append(all, f.Materials[i].Key())
	}
	return all
}

func material(f *reconcile.Floorplan, resource string) *reconcile.Material {
	i := slices.IndexFunc(f.Materials, func(m reconcile.Material) bool { return m.Resource == resource })
	if i < 0 {
		return nil
	}
	return &f.Materials[i]
}

func listing(f *reconcile.Floorplan, kind string) reconcile.Listing {
	GinkgoHelper()
	i := slices.IndexFunc(f.Listings, func(l reconcile.Listing) bool { return l.Kind == kind })
	Expect(i).To(BeNumerically(">=", 0), kind)
	return f.Listings[i]
}

// billed is the material of a process on a blueprint: it ran with this size at the proof.
func billed(p *sim.Process, proof time.Time) reconcile.Material {
	return reconcile.Material{
		Kind: events.KindApp, Resource: p.GUID, App: p.App.GUID, Sequence: 7, Proof: proof,
		Footprint: events.Footprint{
			Instances: events.Some(uint32(p.Instances)),
			MemoryMB:  events.Some(uint32(p.MemoryMB)),
		},
	}
}
