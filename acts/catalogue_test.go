package acts_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

var _ = Describe("A catalogue version", func() {
	It("never changes its text", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		Expect(acts.PublishCatalogue(ctx, s, version("v2", "b"))).To(BeTrue())
		_, err := acts.PublishCatalogue(ctx, s, version("v1", "b"))
		Expect(err).To(MatchError(ContainSubstring("A version never changes")))
	})

	It("is in force until the next one, and may be again", func(ctx SpecContext) {
		s := newSite(ctx)
		_, found, err := acts.InForce(ctx, s)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeFalse())
		for _, name := range []string{"v1", "v2", "v1", "v2"} {
			Expect(acts.PublishCatalogue(ctx, s, version(name, name))).To(BeTrue())
			Expect(acts.PublishCatalogue(ctx, s, version(name, name))).To(BeFalse(), "it is in force already")
			last, found, err := acts.InForce(ctx, s)
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(BeTrue())
			Expect(last.Catalogue.Version).To(Equal(name))
		}
		ids := map[string]bool{}
		for _, a := range s.list(ctx, events.ActCatalogue) {
			ids[a.ID] = true
		}
		Expect(ids).To(HaveLen(4), "each act has an id of its own")
	})

	It("is everybody's: one of a foundation is no act, for no reader", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		alien := events.Act{
			ID: "alien", Kind: events.ActCatalogue, Source: "cf", Foundation: "eu",
			Catalogue: events.Catalogue{Version: "v2", YAML: prices + "b"},
		}
		for _, subject := range []string{"usage.act.catalogue.cf.eu", "usage.act.catalogue.all.all"} {
			s.put(ctx, events.StreamUsage, act(&alien, subject))
		}
		Expect(acts.History(ctx, s)).To(HaveExactElements(HaveField("Catalogue.Version", "v1")))
		Expect(acts.PublishCatalogue(ctx, s, version("v2", "another"))).To(BeTrue())
	})

	It("is not in force where the pricer refuses it: the version before it is", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		for i, c := range []events.Catalogue{
			{Version: "v1", YAML: prices + "another text"},
			{Version: "v2", YAML: "plans: ["},
			{Version: "v3", YAML: prices, Reprice: []string{"March"}},
		} {
			s.put(ctx, events.StreamUsage, act(&events.Act{
				ID: fmt.Sprint("by hand ", i), Kind: events.ActCatalogue, Catalogue: c,
			}, "usage.act.catalogue.all.all"))
		}
		last, _, err := acts.InForce(ctx, s)
		Expect(err).NotTo(HaveOccurred())
		Expect(last.Catalogue).To(Equal(events.Catalogue{Version: "v1", YAML: prices + "a"}))
		Expect(acts.FindVersion(ctx, s, "v1")).To(HaveField("Catalogue.YAML", prices+"a"))
		Expect(acts.FindVersion(ctx, s, "v2")).Error().To(MatchError(acts.ErrNoVersion))
		Expect(acts.Published(ctx, s, version("v1", "a"))).To(BeTrue())
		refused := func(why string) types.GomegaMatcher {
			return And(HaveField("Refused", MatchError(ContainSubstring(why))), HaveField("InForce", false))
		}
		Expect(acts.History(ctx, s)).To(HaveExactElements(
			And(HaveField("Refused", BeNil()), HaveField("InForce", true)),
			refused("A version never changes"), refused("catalogue.v2:1"), refused(`names "March" among`)))

		Expect(acts.PublishCatalogue(ctx, s, version("v2", "b"))).To(BeTrue(), "its name was never in force")
		Expect(acts.Published(ctx, s, version("v2", "b"))).To(BeTrue())
	})

	It("is not published where the pricer would refuse it", func(ctx SpecContext) {
		s := newSite(ctx)
		p := version("v1", "a")
		p.YAML = "plans: ["
		Expect(acts.PublishCatalogue(ctx, s, p)).Error().To(MatchError(ContainSubstring("catalogue.v1:1")))
		Expect(s.list(ctx, events.ActCatalogue)).To(BeEmpty())
	})

	It("is found with its text, and listed with every act about it", func(ctx SpecContext) {
		s := newSite(ctx)
		_, err := acts.FindVersion(ctx, s, "v1")
		Expect(err).To(MatchError(acts.ErrNoVersion))
		for _, name := range []string{"v1", "v2", "v1"} {
			p := version(name, "text of "+name)
			Expect(acts.Published(ctx, s, p)).To(BeFalse())
			Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
			Expect(acts.Published(ctx, s, p)).To(BeTrue())
		}
		found, err := acts.FindVersion(ctx, s, "v1")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(And(HaveField("Sequence", uint64(3)), HaveField("Catalogue.YAML", prices+"text of v1")))
		all, err := acts.History(ctx, s)
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(HaveExactElements(HaveField("Catalogue.Version", "v1"), HaveField("Catalogue.Version", "v2"),
			And(HaveField("Catalogue.Version", "v1"), HaveField("Catalogue.YAML", ""), HaveField("By", "ann"))))
		_, err = acts.Published(ctx, s, version("v2", "another text"))
		Expect(err).To(MatchError(ContainSubstring("A version never changes")))
	})

	It("stands directly behind the message of USAGE that a check was about, or is not published", func(
		ctx SpecContext,
	) {
		s := newSite(ctx)
		s.put(ctx, events.StreamUsage, horizon("west", at), horizon("west", at))
		var asked []uint64
		p := version("v1", "a")
		p.Check = func(_ context.Context, usage uint64) error {
			asked = append(asked, usage)
			return nil
		}
		s.faults = []fault{rivalFirst, answerLost}
		s.rival = func(ctx context.Context) { s.put(ctx, events.StreamUsage, horizon("west", at)) }
		Expect(acts.PublishCatalogue(ctx, s, p)).To(BeTrue())
		Expect(asked).To(Equal([]uint64{2, 3}))
		Expect(s.list(ctx, events.ActCatalogue)).To(HaveExactElements(And(HaveField("Sequence", uint64(4)),
			HaveField("Expectation", uint64(3)))))
		p = version("v2", "b")
		p.Check = func(context.Context, uint64) error { return errDenied }
		Expect(acts.PublishCatalogue(ctx, s, p)).Error().To(MatchError(errDenied))
		Expect(s.list(ctx, events.ActCatalogue)).To(HaveLen(1))
	})

	It("is one message", func(ctx SpecContext) {
		_, err := acts.PublishCatalogue(ctx, newSite(ctx), version("v1", strings.Repeat("#\n", events.MaxBody/3)))
		Expect(err).To(MatchError(limit.ErrLargeCatalogue))
	})
})
