package trove_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	labtrove "github.com/daybook-billing/daybook/internal/lab/trove"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
)

var _ = Describe("A floorplan of a Trove", func() {
	var c *cloud
	BeforeEach(func() { c = newCloud() })

	It("has instance and volume of every project, in the sizes of the facts", func(ctx SpecContext) {
		db := c.managed().database(c.shop, "db", small, 5)
		other := c.database(c.blog, "other", large, 7)
		plan := c.inspect(ctx)
		Expect(names(plan)).To(ConsistOf("db 10", "db 5 GB", "other 2", "other 7 GB"))
		Expect(plan.AfterSequence).To(Equal(uint64(42)))
		Expect(plan.Complete(events.KindInstance)).To(BeTrue())
		Expect(plan.Complete(events.KindVolume)).To(BeTrue())
		Expect([]time.Time{plan.Begun, plan.Seen}).To(HaveEach(c.now().Truncate(time.Second)))
		for i := range plan.Materials {
			m := &plan.Materials[i]
			if m.Resource == other.ID {
				continue
			}
			Expect(m.Tenant).To(Equal("shop"))
			Expect(m.Since).To(Equal(db.Updated().Truncate(time.Second)))
			fact := events.Footprint{
				Flavor: "m1.small", FlavorID: "10", MemoryMB: events.Some(512), VolumeGB: events.Some(5),
				Datastore: "mysql", DatastoreID: "2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b", Region: "LOCAL_DEV",
				AvailabilityZone: "nova",
			}
			Expect(reconcile.SameSize(m.Kind, &fact, &m.Footprint)).To(BeTrue())
			Expect(m.Footprint.Datastore).To(Equal("mysql"))
			Expect(string(m.Evidence)).To(ContainSubstring(`"id":"` + db.ID + `"`))
			Expect(string(m.Evidence)).NotTo(ContainSubstring("addresses"))
			if m.Kind == events.KindInstance {
				Expect(m.Footprint.Flavor + " " + m.Footprint.FlavorID).To(Equal("m1.small 10"))
				Expect(m.Footprint.MemoryMB).To(Equal(events.Some(512)))
			}
		}
	})

	It("has replicas and members of clusters as instances of their own", func(ctx SpecContext) {
		db := c.managed().database(c.shop, "db", small, 5)
		c.api.Set(c.database(c.shop, "replica", small, 5).ID, labtrove.More{Replica: db.ID})
		c.api.Set(c.database(c.shop, "member", small, 5).ID, labtrove.More{Cluster: "a-cluster"})
		for _, roles := range [][]string{{"admin"}, {"member"}} {
			c.keystone.Grant("shop", roles...)
			Expect(names(c.inspect(ctx))).To(ConsistOf("db 10", "db 5 GB", "replica 10", "replica 5 GB",
				"member 10", "member 5 GB"))
		}
	})

	It("has no builds, no failed builds, and nothing that was deleted", func(ctx SpecContext) {
		c.managed().database(c.shop, "db", small, 5)
		c.delete(c.database(c.shop, "gone", small, 5))
		c.api.Do(func(p *sim.Platform) { p.CreateInstance(c.shop, "building", small, 5) })
		c.api.Set(c.database(c.shop, "failed", small, 5).ID, labtrove.More{Failed: "Build error: Server."})
		c.api.Set(c.database(c.shop, "timeout", small, 5).ID,
			labtrove.More{Failed: "Build error: guestagent timeout."})
		c.api.Set(c.database(c.shop, "later", small, 5).ID, labtrove.More{Failed: "Replica Promotion Error."})
		c.api.Set(c.database(c.shop, "ejected", small, 5).ID, labtrove.More{Status: "ERROR"})
		Expect(names(c.inspect(ctx))).To(ConsistOf("db 10", "db 5 GB", "later 10", "later 5 GB",
			"ejected 10", "ejected 5 GB"))
	})

	It("has no error at all where the task is not told: a look finds it", func(ctx SpecContext) {
		c.member("shop").database(c.shop, "db", small, 5)
		ejected := c.database(c.shop, "ejected", small, 5)
		c.bill(ejected)
		c.api.Set(ejected.ID, labtrove.More{Status: "ERROR"})
		Expect(names(c.inspect(ctx))).To(ConsistOf("db 10", "db 5 GB"))
		Expect(c.look(ctx, instance(ejected))).To(HaveExactElements(HaveField("There", true)))
	})

	It("leaves a volume out whose datastore has none", func(ctx SpecContext) {
		db := c.managed().database(c.shop, "db", small, 5)
		c.api.Set(db.ID, labtrove.More{Diskful: true})
		Expect(names(c.inspect(ctx))).To(ConsistOf("db 10"))
	})

	It("needs no flavours", func(ctx SpecContext) {
		c.managed().database(c.shop, "db", sim.Flavor{ID: "private", Name: "p", MemoryMB: 1}, 5)
		plan := c.inspect(ctx)
		Expect(names(plan)).To(ConsistOf("db private", "db 5 GB"))
	})

	Context("without the rights of management", func() {
		It("is complete for the projects alone whose tokens it has", func(ctx SpecContext) {
			c.member("shop", "blog").database(c.shop, "db", small, 5)
			c.database(c.blog, "other", large, 7)
			c.database(&sim.Project{ID: "third", Region: "r1"}, "third", small, 1)
			plan := c.inspect(ctx)
			Expect(names(plan)).To(ConsistOf("db 10", "db 5 GB", "other 2", "other 7 GB"))
			Expect(plan.Complete(events.KindInstance)).To(BeFalse())
			Expect(plan.CompleteFor(events.KindInstance, "shop")).To(BeTrue())
			Expect(plan.CompleteFor(events.KindVolume, "blog")).To(BeTrue())
			Expect(plan.CompleteFor(events.KindInstance, "third")).To(BeFalse())
			Expect(plan.Listings[0].Why).To(ContainSubstring("those of 2 projects alone"))
			for i := range plan.Materials {
				Expect(plan.Materials[i].Tenant).To(Equal(map[string]string{"db": "shop", "other": "blog"}[plan.
					Materials[i].Name]))
			}
		})

		It("reads all pages, and does not lose a database to a deletion between them", func(ctx SpecContext) {
			c.member("shop")
			var all []*sim.Instance
			for range 3*labtrove.PageSize + 1 {
				all = append(all, c.database(c.shop, "db", small, 1))
			}
			gone := c.database(c.shop, "gone", small, 1)
			deleted := atomic.Bool{}
			c.api.Turn(func(k *labtrove.Knobs) {
				k.Page = func() {
					if !deleted.Swap(true) {
						c.delete(gone)
					}
				}
			})
			plan := c.inspect(ctx)
			Expect(plan.CompleteFor(events.KindInstance, "shop")).To(BeTrue())
			Expect(plan.Listings[0].Count).To(Equal(len(all)))
			Expect(names(plan)).NotTo(ContainElement("gone 10"))
		})

		It("goes on with the other projects where one cannot be read", func(ctx SpecContext) {
			c.member("shop", "blog").database(c.shop, "db", small, 5)
			c.keystone.Grant("blog")
			plan := c.inspect(ctx)
			Expect(plan.CompleteFor(events.KindInstance, "shop")).To(BeTrue())
			Expect(plan.CompleteFor(events.KindInstance, "blog")).To(BeFalse())
			Expect(plan.Listings[0].Why).To(ContainSubstring("project blog: its list could not be read"))
		})
	})

	DescribeTable("is not complete", func(ctx SpecContext, turn func(c *cloud), why string) {
		c.managed()
		c.bill(c.database(c.shop, "db", small, 5), c.database(c.blog, "other", large, 7))
		turn(c)
		plan := c.inspect(ctx)
		Expect(plan.CompleteFor(events.KindInstance, "shop")).To(BeFalse())
		Expect(plan.CompleteFor(events.KindVolume, "shop")).To(BeFalse())
		Expect(plan.Listings[0].Why).To(ContainSubstring(why))
	},
		Entry("where it is empty, and something is billed", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.Empty = true })
		}, "the list is empty, and something is billed"),
		Entry("where a project's is empty, and something is billed to it", func(c *cloud) {
			c.member("shop").api.Turn(func(k *labtrove.Knobs) { k.Empty = true })
		}, "project shop: the list is empty, and something is billed"),
		Entry("where two readings never agree", func(c *cloud) {
			half := false
			c.api.Turn(func(k *labtrove.Knobs) {
				k.Page = func() {
					half = !half
					c.api.Turn(func(k *labtrove.Knobs) { k.Half = half })
				}
			})
		}, "no two of 4 readings in a row had the same instances"),
	)

	It("is complete where nothing is there and nothing is billed", func(ctx SpecContext) {
		Expect(c.managed().inspect(ctx).Complete(events.KindInstance)).To(BeTrue())
	})

	DescribeTable("fails", func(ctx SpecContext, turn func(c *cloud), problem string) {
		c.managed().database(c.shop, "db", small, 5)
		turn(c)
		_, err := c.inspector().Inspect(ctx)
		Expect(err).To(MatchError(ContainSubstring(problem)))
		Expect(err).NotTo(MatchError(ContainSubstring(labSecret)))
	},
		Entry("where Nova fails for one server: this is no lack of rights", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.NoNova = true })
		}, "status 403"),
		Entry("where Trove is down", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.Fail = 100 })
		}, "status 503"),
		Entry("where answers have no date", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.NoDate = true })
		}, "it has no date"),
		Entry("where Keystone refuses the credentials", func(c *cloud) { c.settings.Keystone.Secret = "wrong" },
			"status 401"),
		Entry("where Keystone has no role for the user", func(c *cloud) { c.settings.Projects = []string{"third"} },
			"status 401"),
		Entry("where Keystone has another region", func(c *cloud) { c.settings.Region = "RegionTwo" },
			"no public endpoint of a database service"),
		Entry("where Keystone is down", func(c *cloud) { c.keystone.Answer(identity.Status(http.StatusBadGateway)) },
			"status 502"),
	)

	It("comes through errors, rate limits and tokens that end", func(ctx SpecContext) {
		c.managed().database(c.shop, "db", small, 5)
		x := c.inspector()
		_, err := x.Inspect(ctx)
		Expect(err).NotTo(HaveOccurred())
		c.keystone.RevokeOwn()
		c.api.Turn(func(k *labtrove.Knobs) { k.Fail, k.Limited = 2, 3 })
		plan, err := x.Inspect(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(plan.Complete(events.KindInstance)).To(BeTrue())
	})
})

var _ = Describe("A client of Trove", func() {
	DescribeTable("needs whole settings", func(turn func(s *troveapi.Config), problem string) {
		c := newCloud()
		turn(&c.settings)
		_, err := troveapi.New(c.settings)
		Expect(err).To(MatchError(ContainSubstring(problem)))
	},
		Entry(nil, func(s *troveapi.Config) { s.URL = "trove" }, "the address of Trove is wrong"),
		Entry(nil, func(s *troveapi.Config) { s.Projects = nil }, "needs projects"),
		Entry(nil, func(s *troveapi.Config) {
			s.Keystone.CredentialID, s.Keystone.User, s.Projects = "c", "", []string{"a", "b"}
		}, "belongs to one project"),
		Entry(nil, func(s *troveapi.Config) { s.Keystone.Secret = "" }, "asks for credentials"),
		Entry(nil, func(s *troveapi.Config) { s.CAFile = "nowhere" }, "nowhere"),
	)

	It("ends with its context, however long it would wait", func(ctx SpecContext) {
		c := newCloud().managed()
		c.settings.RetryWait = time.Hour
		c.api.Turn(func(k *labtrove.Knobs) { k.Fail = 1 })
		client := c.client()
		waiting, cancel := context.WithCancel(ctx)
		context.AfterFunc(ctx, cancel)
		go func() {
			defer GinkgoRecover()
			Eventually(c.api.Asked).Should(BeNumerically(">", 0))
			cancel()
		}()
		_, err := client.Manage(waiting, "shop")
		Expect(err).To(MatchError(context.Canceled))
	})

	It("has a credential's own project", func(ctx SpecContext) {
		c := newCloud().managed()
		c.settings.Projects, c.settings.Keystone.User = nil, ""
		c.settings.Keystone.CredentialID = labUser
		c.database(c.shop, "db", small, 5)
		Expect(strings.Join(names(c.inspect(ctx)), ", ")).To(Equal("db 10, db 5 GB"))
	})
})
