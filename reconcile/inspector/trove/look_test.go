package trove_test

import (
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	labtrove "github.com/daybook-billing/daybook/internal/lab/trove"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/trove"
)

var _ = Describe("A look at one database", func() {
	var c *cloud
	BeforeEach(func() { c = newCloud() })

	It("finds its true end, where the management tells it", func(ctx SpecContext) {
		c.managed().database(c.shop, "other", small, 5)
		gone := c.database(c.blog, "gone", small, 5)
		c.bill(gone)
		ended := c.delete(gone)
		sights := c.look(ctx, instance(gone), volume(gone))
		Expect(sights).To(HaveLen(2))
		for i, key := range []reconcile.Key{instance(gone), volume(gone)} {
			Expect(sights[i].Key).To(Equal(key))
			Expect(sights[i].There).To(BeFalse())
			Expect(sights[i].Ended).To(Equal(ended.Truncate(time.Second)))
			Expect(sights[i].Seen).To(Equal(c.now().Truncate(time.Second)))
			Expect(string(sights[i].Evidence)).To(ContainSubstring(`"deleted_at":"`))
		}
	})

	It("finds the true end of the last database, too: its row is the proof", func(ctx SpecContext) {
		gone := c.managed().database(c.blog, "gone", small, 5)
		ended := c.delete(gone)
		Expect(c.look(ctx, instance(gone))).To(HaveExactElements(HaveField("Ended", ended.Truncate(time.Second))))
	})

	It("finds what it is now", func(ctx SpecContext) {
		db := c.managed().database(c.blog, "db", small, 5)
		c.api.Do(func(p *sim.Platform) { p.ResizeFlavor(db, large); p.ResizeVolume(db, 9) })
		sights := c.look(ctx, instance(db), volume(db))
		Expect(sights).To(HaveLen(2))
		Expect(sights[0].There && sights[1].There).To(BeTrue())
		Expect(sights[0].Material.Footprint.FlavorID).To(Equal("2"))
		Expect(sights[0].Material.Tenant).To(Equal("blog"))
		Expect(sights[0].Material.Since).To(Equal(db.Updated().Truncate(time.Second)))
		Expect(sights[1].Material.Key()).To(Equal(volume(db)))
		Expect(sights[1].Material.Footprint.VolumeGB).To(Equal(events.Some(9)))
	})

	It("finds it there while it is built anew, or has an error", func(ctx SpecContext) {
		db := c.managed().database(c.blog, "db", small, 5)
		for _, status := range []string{"BUILD", "ERROR", "SHUTDOWN"} {
			c.api.Set(db.ID, labtrove.More{Status: status})
			Expect(c.look(ctx, instance(db))).To(HaveExactElements(HaveField("There", true)), status)
		}
	})

	Context("without the rights of management", func() {
		It("finds it gone in its own project, and has no time", func(ctx SpecContext) {
			c.member("shop", "blog").database(c.blog, "other", small, 5)
			gone := c.database(c.blog, "gone", small, 5)
			c.bill(gone)
			c.delete(gone)
			sights := c.look(ctx, instance(gone))
			Expect(sights).To(HaveLen(1))
			Expect(sights[0].There).To(BeFalse())
			Expect(sights[0].Ended).To(BeZero())
			Expect(sights[0].Seen).To(Equal(c.now().Truncate(time.Second)))
		})

		It("decides nothing about a database of a project that it does not ask for", func(ctx SpecContext) {
			c.member("shop").database(c.shop, "other", small, 5)
			living := c.database(c.blog, "living", small, 5)
			c.bill(living)
			Expect(c.look(ctx, instance(living))).To(BeEmpty())
			Expect(c.log).To(gbytes.Say("billed to a project that the user does not ask for"))
		})

		It("decides nothing where the last one of a project seems gone", func(ctx SpecContext) {
			c.member("shop")
			gone := c.database(c.shop, "gone", small, 5)
			c.bill(gone)
			c.delete(gone)
			Expect(c.look(ctx, instance(gone))).To(BeEmpty())
			Expect(c.log).To(gbytes.Say("no other database proves"))
		})
	})

	DescribeTable("decides nothing about a living one", func(ctx SpecContext, turn func(c *cloud), why string) {
		living := c.managed().database(c.blog, "living", small, 5)
		c.database(c.shop, "other", small, 5)
		c.bill(living)
		turn(c)
		Expect(c.look(ctx, instance(living))).To(BeEmpty())
		Expect(c.log).To(gbytes.Say(why))
	},
		Entry("that the list has and nobody is shown", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.Hide = true })
		}, "the list before had it"),
		Entry("while lists are empty and nobody is shown", func(c *cloud) {
			c.api.Turn(func(k *labtrove.Knobs) { k.Hide, k.Empty = true, true })
		}, "no other database proves"),
	)

	It("decides nothing where the rights are lost in the middle, and its own project is seen", func(ctx SpecContext) {
		c.managed()
		var all []*sim.Instance
		for len(all) == 0 || all[0].Project != c.shop || all[len(all)-1].Project != c.blog {
			all = append(all, c.database(c.shop, "own", small, 5), c.database(c.blog, "living", small, 5))
			slices.SortFunc(all, func(a, b *sim.Instance) int { return strings.Compare(a.ID, b.ID) })
		}
		living := all[len(all)-1]
		c.bill(living)
		c.api.Turn(func(k *labtrove.Knobs) {
			k.Half = true // the list does not have the last one
			k.Page = func() {
				c.keystone.Grant("shop", "member")
				c.keystone.RevokeOwn()
			}
		})
		Expect(c.look(ctx, instance(living))).To(BeEmpty())
		Expect(c.log).To(gbytes.Say("no other database proves"))
	})

	It("finds a living one there however far the API lags behind its deletion", func(ctx SpecContext) {
		db := c.managed().database(c.blog, "db", small, 5)
		c.api.Turn(func(k *labtrove.Knobs) { k.Lag = true })
		c.delete(db)
		Expect(c.look(ctx, instance(db))).To(HaveExactElements(HaveField("There", true)))
		c.api.Turn(func(k *labtrove.Knobs) { k.Lag = false })
		Expect(c.look(ctx, instance(db))).To(HaveExactElements(HaveField("There", false)))
	})

	It("decides nothing about a volume that Trove does not show", func(ctx SpecContext) {
		db := c.managed().database(c.blog, "db", small, 5)
		c.api.Set(db.ID, labtrove.More{Diskful: true})
		Expect(c.look(ctx, instance(db), volume(db))).To(HaveExactElements(HaveField("Key", instance(db))))
		Expect(c.log).To(gbytes.Say("shows the database and no volume"))
	})

	It("has a limit, and asks nobody for nothing", func(ctx SpecContext) {
		x := c.managed().inspector()
		Expect(x.Look(ctx, nil)).To(BeEmpty())
		Expect(c.api.Asked()).To(BeZero())
		keys := make([]reconcile.Key, trove.MaxLook+1)
		for i := range keys {
			keys[i].Resource = strings.Repeat("x", i+1)
		}
		_, err := x.Look(ctx, keys)
		Expect(err).To(MatchError(ContainSubstring("at most 1000 at once")))
	})
})
