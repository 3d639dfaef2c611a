package trove_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	labtrove "github.com/daybook-billing/daybook/internal/lab/trove"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/trove"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Inspector of Trove")
}

// began is when the cloud's clock begins, in the middle of a second.
var began = time.Date(2026, 11, 1, 10, 0, 0, 500_000_000, time.UTC)

var (
	small = sim.Flavor{ID: "10", Name: "m1.small", MemoryMB: 512}
	large = sim.Flavor{ID: "2", Name: "m1.large", MemoryMB: 2048}
)

// cloud is a Trove with its Keystone, and an inspector over them.
type cloud struct {
	platform *sim.Platform
	api      *labtrove.API
	keystone *identity.Keystone
	shop     *sim.Project
	blog     *sim.Project
	log      *gbytes.Buffer
	billed   map[reconcile.Key]string // to a tenant
	settings troveapi.Config
}

func newCloud() *cloud {
	GinkgoHelper()
	c := &cloud{
		platform: sim.NewPlatform(7, func(sim.Event) {}), keystone: identity.NewKeystone(time.Now),
		shop: &sim.Project{ID: "shop", UserID: "u", Region: "r1"},
		blog: &sim.Project{ID: "blog", UserID: "u", Region: "r1"},
		log:  gbytes.NewBuffer(), billed: map[reconcile.Key]string{},
	}
	c.platform.SetTime(began)
	c.api = labtrove.New(c.platform, c.now)
	identity := httptest.NewServer(c.keystone)
	DeferCleanup(identity.Close)
	server := httptest.NewServer(labtrove.Behind(c.keystone, c.api))
	DeferCleanup(server.Close)
	c.keystone.SetDatabase(server.URL)
	c.settings = troveapi.Config{
		Foundation: "os", Projects: []string{"shop"}, RetryWait: time.Millisecond,
		Keystone: keystone.Config{
			URL: identity.URL, User: labUser, UserDomain: "Default", Secret: labSecret,
		},
	}
	return c
}

const labUser, labSecret = identity.KeystoneUser, identity.KeystonePassword

// now is called by the API while it has no lock.
func (c *cloud) now() (at time.Time) {
	c.api.Do(func(p *sim.Platform) { at = p.Now() })
	return at
}

// managed gives the user the rights of management.
func (c *cloud) managed() *cloud {
	c.keystone.Grant("shop", "admin")
	return c
}

// member gives the user the rights of a member in projects.
func (c *cloud) member(projects ...string) *cloud {
	for _, p := range projects {
		c.keystone.Grant(p, "member")
	}
	c.settings.Projects = projects
	return c
}

// database is a new active database, a minute after what came before.
func (c *cloud) database(project *sim.Project, name string, flavor sim.Flavor, gb int) (i *sim.Instance) {
	c.api.Do(func(p *sim.Platform) {
		i = p.CreateInstance(project, name, flavor, gb)
		p.Activate(i)
	})
	c.pass(time.Minute)
	return i
}

func (c *cloud) pass(d time.Duration) {
	c.api.Do(func(p *sim.Platform) { p.SetTime(p.Now().Add(d)) })
}

func (c *cloud) delete(i *sim.Instance) (at time.Time) {
	c.api.Do(func(p *sim.Platform) {
		p.DeleteInstance(i)
		at = p.Now()
	})
	c.pass(time.Minute)
	return at
}

// bill has the record bill a database, with its volume.
func (c *cloud) bill(all ...*sim.Instance) {
	for _, i := range all {
		for _, kind := range []string{events.KindInstance, events.KindVolume} {
			c.billed[reconcile.Key{Kind: kind, Resource: i.ID}] = i.Project.ID
		}
	}
}

func (c *cloud) client() *troveapi.Client {
	GinkgoHelper()
	client, err := troveapi.New(c.settings)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(client.Close)
	return client
}

func (c *cloud) inspector() *trove.Inspector {
	GinkgoHelper()
	return trove.New(trove.Config{Foundation: "os"}, c.client(), trove.Deps{
		Log:    slog.New(slog.NewTextHandler(c.log, nil)),
		Newest: func(context.Context) (uint64, error) { return 42, nil },
		Billed: func(kind, tenant string) (n int) {
			for k, t := range c.billed {
				if k.Kind == kind && (tenant == "" || tenant == t) {
					n++
				}
			}
			return n
		},
		Tenant: func(k reconcile.Key) string { return c.billed[k] },
	})
}

func (c *cloud) inspect(ctx context.Context) *reconcile.Floorplan {
	GinkgoHelper()
	plan, err := c.inspector().Inspect(ctx)
	Expect(err).NotTo(HaveOccurred())
	return plan
}

func (c *cloud) look(ctx context.Context, keys ...reconcile.Key) []reconcile.Sight {
	GinkgoHelper()
	sights, err := c.inspector().Look(ctx, keys)
	Expect(err).NotTo(HaveOccurred())
	return sights
}

func instance(i *sim.Instance) reconcile.Key {
	return reconcile.Key{Kind: events.KindInstance, Resource: i.ID}
}

func volume(i *sim.Instance) reconcile.Key {
	return reconcile.Key{Kind: events.KindVolume, Resource: i.ID}
}

// names are the materials of a floorplan, each as its name and size.
func names(plan *reconcile.Floorplan) (all []string) {
	for i := range plan.Materials {
		m := &plan.Materials[i]
		size := m.Footprint.FlavorID
		if m.Kind == events.KindVolume {
			size = fmt.Sprint(m.Footprint.VolumeGB.Or(0), " GB")
		}
		all = append(all, m.Name+" "+size)
	}
	return all
}
