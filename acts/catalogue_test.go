package acts_test

import (
	"context"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

var _ = Describe("A catalogue version", func() {
	It("never changes its text", func(ctx SpecContext) {
		s := newSite(ctx)
		Expect(acts.PublishCatalogue(ctx, s, version("v1", "a"))).To(BeTrue())
		Expect(acts.PublishCatalogue(ctx, s, version("v2", "b"))).To(BeTrue())
		_, err := acts.PublishCatalogue(ctx, s, version("v1", "b"))
		var taken *acts.VersionTakenError
		Expect(errors.As(err, &taken)).To(BeTrue())
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
			Catalogue: events.Catalogue{Version: "v2", YAML: "b"},
		}
		for _, subject := range []string{"usage.act.catalogue.cf.eu", "usage.act.catalogue.all.all"} {
			s.put(ctx, events.StreamUsage, bus.Message{
				Subject: subject, Header: events.AppendHeaders(nil, alien.ID, events.TypeAct, "test"),
				Data: alien.AppendJSON(nil),
			})
		}
		Expect(acts.History(ctx, s)).To(HaveExactElements(HaveField("Catalogue.Version", "v1")))
		Expect(acts.PublishCatalogue(ctx, s, version("v2", "another"))).To(BeTrue())
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
		Expect(found).To(And(HaveField("Sequence", uint64(3)), HaveField("Catalogue.YAML", "text of v1")))
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
		Expect(err).To(MatchError(acts.ErrLargeCatalogue))
	})
})
