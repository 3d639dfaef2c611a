package auth_test

import (
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

var _ = Describe("The roles of an organization", func() {
	var p *platform
	var r *rig
	BeforeEach(func() {
		p = newPlatform()
		r = newRig(withAPI(p))
	})
	scope := func(guid string, needed auth.Rights) []events.Owner {
		GinkgoHelper()
		a, err := r.user(guid, "cloud_controller.read")
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Global()).To(BeFalse())
		return a.Scope(needed)
	}

	It("show managers and billing managers their usage and money", func() {
		Expect(scope(manager, auth.Read)).To(Equal([]events.Owner{prodShop}))
		Expect(scope(biller, auth.Read)).To(Equal([]events.Owner{prodShop, prodBakery}))
	})

	It("show auditors usage, and money by setting", func() {
		Expect(scope(auditor, auth.Usage)).To(Equal([]events.Owner{prodShop, prodBakery}))
		Expect(scope(auditor, auth.Money)).To(Equal([]events.Owner{prodBakery}))
		r.config.AuditorsSeeMoney = true
		r.start()
		Expect(scope(auditor, auth.Money)).To(Equal([]events.Owner{prodShop, prodBakery}))
	})

	It("decide nothing", func() {
		Expect(scope(manager, auth.Decide)).To(BeEmpty())
	})

	It("show nothing to a user without any, and that is no nil", func() {
		Expect(scope(nobody, auth.Usage)).To(And(BeEmpty(), Not(BeNil())))
	})

	It("count for a client by its id", func() {
		a, err := r.bearer(r.Token(r.Client(manager)))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Scope(auth.Read)).To(Equal([]events.Owner{prodShop}))
	})

	It("are not asked for where the token reads everything", func() {
		p.breaks(true)
		Expect(r.user(manager, "cloud_controller.global_auditor")).Error().NotTo(HaveOccurred())
		Expect(p.lists()).To(BeZero())
	})

	It("are asked for beside a scope that reads a part", func() {
		a, err := r.user(manager, "usage_service.audit")
		Expect(err).NotTo(HaveOccurred())
		Expect(a.May(prodBakery, auth.Reports)).To(BeTrue())
		Expect(a.May(prodBakery, auth.Usage)).To(BeFalse())
		Expect(a.Scope(auth.Read)).To(Equal([]events.Owner{prodShop}))
	})

	It("are of one foundation: a clone with the same guids is another tenant", func() {
		r.config.UAAs[0].Foundations = append(r.config.UAAs[0].Foundations, auth.Foundation{Name: "dev"})
		r.start()
		a, err := r.user(manager)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.May(prodShop, auth.Read)).To(BeTrue())
		Expect(a.May(devShop, auth.Usage)).To(BeFalse())
	})

	It("add up over the foundations of one issuer", func() {
		r.config.UAAs[0].Foundations = append(r.config.UAAs[0].Foundations, newPlatform().as("dev", "daybook"))
		r.start()
		Expect(scope(manager, auth.Read)).To(Equal([]events.Owner{devShop, prodShop}))
	})

	It("are remembered for a minute from the question on, and not longer because the API is down", func() {
		scope(manager, auth.Read)
		scope(manager, auth.Read)
		Expect(p.lists()).To(Equal(1))
		p.breaks(true)
		r.pass(59 * time.Second)
		Expect(scope(manager, auth.Read)).To(Equal([]events.Owner{prodShop}))
		r.pass(time.Second)
		Expect(r.user(manager)).Error().To(MatchError(auth.ErrUnavailable))
		p.breaks(false)
		Expect(scope(manager, auth.Read)).To(Equal([]events.Owner{prodShop}))
	})

	It("are asked for again after ten seconds where there are none", func() {
		scope(nobody, auth.Usage)
		r.pass(9 * time.Second)
		scope(nobody, auth.Usage)
		Expect(p.lists()).To(Equal(1))
		r.pass(time.Second)
		scope(nobody, auth.Usage)
		Expect(p.lists()).To(Equal(2))
	})

	It("are asked for once by many requests at the same time", func() {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				defer GinkgoRecover()
				Expect(r.user(manager)).Error().NotTo(HaveOccurred())
			})
		}
		all.Wait()
		Expect(p.lists()).To(Equal(1))
	})

	It("count only where the API's own token reads all of them", func() {
		r.config.UAAs[0].Foundations[0] = p.as("prod", "nobody")
		r.start()
		Expect(r.user(manager)).Error().To(And(MatchError(auth.ErrUnavailable), MatchError(cfapi.ErrNoGlobalRead)))
		Expect(p.lists()).To(BeZero())
		Expect(r.auth.Check(GinkgoT().Context())).To(MatchError(cfapi.ErrNoGlobalRead))
	})

	It("need nothing but the address of the API to find its UAA", func() {
		r.config.UAAs[0].Address = ""
		r.start()
		Expect(r.auth.Check(GinkgoT().Context())).To(Succeed())
		Expect(r.user(manager)).Error().To(MatchError(auth.ErrInvalidToken), "its issuer is that of another UAA")
	})
})
