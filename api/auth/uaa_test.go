package auth_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/identity"
)

var _ = Describe("An access token of a UAA", func() {
	It("says who asks, and until when", func() {
		r := newRig()
		a, err := r.user(manager, "cloud_controller.read", "cloud_controller.admin_read_only")
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(And(
			HaveField("Kind", auth.KindUAA), HaveField("Subject", manager), HaveField("Name", "user-"+manager),
			HaveField("Client", "cf"), HaveField("Issuer", r.Issuer()), HaveField("TokenID", HaveLen(32)),
			HaveField("Expires", r.now().Add(10*time.Minute)),
		))
	})

	It("is good up to the leeway behind its end, and for the leeway before its beginning", func() {
		r := newRig()
		token := r.Token(r.User(nobody).With("iat", r.now().Add(30*time.Second).Unix()))
		Expect(r.bearer(token)).Error().NotTo(HaveOccurred())
		r.pass(10*time.Minute + 29*time.Second)
		Expect(r.bearer(token)).Error().NotTo(HaveOccurred())
		r.pass(time.Second)
		Expect(r.bearer(token)).Error().To(MatchError(ContainSubstring("it has expired")))
	})

	It("may be for Cloud Controller, the Usage Service, or the API's own name", func() {
		r := newRig(func(c *auth.Config) { c.UAAs[0].Resources = []string{"daybook"} })
		for _, audience := range []string{"cloud_controller", "usage_service", "daybook"} {
			Expect(r.bearer(r.Token(r.User(nobody).With("aud", []string{"openid", audience})))).Error().
				NotTo(HaveOccurred(), audience)
		}
	})

	It("may lack the zone, which its issuer tells as well", func() {
		r := newRig()
		Expect(r.bearer(r.Token(r.User(nobody).With("zid", nil)))).Error().NotTo(HaveOccurred())
	})

	for _, f := range identity.Forgeries() {
		It("is not "+f.Name, func() {
			r := newRig()
			_, err := r.bearer(f.Make(r.UAA))
			Expect(err).To(MatchError(auth.ErrInvalidToken))
		})
	}

	It("is not signed with a symmetric key, though the UAA publishes that", func() {
		r := newRig()
		secret := []byte("a secret that the whole site shares")
		for _, kind := range []string{"MAC", "oct"} {
			r.PublishBeside(map[string]string{
				"kty": kind, "alg": "HS256", "use": "sig", "kid": "mac", "value": string(secret),
				"k": "YSBzZWNyZXQgdGhhdCB0aGUgd2hvbGUgc2l0ZSBzaGFyZXM",
			})
			Expect(r.bearer(identity.HS256("mac", secret, r.User(nobody, "cloud_controller.admin")))).Error().
				To(MatchError(auth.ErrInvalidToken))
			r.pass(time.Minute)
		}
	})

	It("does not say where its key is: jku is not followed", func() {
		var asked atomic.Int32
		attacker := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		DeferCleanup(attacker.Close)
		r := newRig()
		for _, id := range []string{"key-1", "key-2"} {
			token := identity.Key{ID: id, Private: newKey().Private}.Sign(map[string]any{
				"jku": attacker.URL + "/token_keys", "x5u": attacker.URL, "jwk": newKey().JWK(),
			}, r.User(nobody, "cloud_controller.admin"))
			Expect(r.bearer(token)).Error().To(MatchError(auth.ErrInvalidToken))
		}
		Expect(asked.Load()).To(BeZero())
	})

	It("has no subject that the API would take for several users", func() {
		r := newRig()
		Expect(r.user(nobody + "," + manager)).Error().To(MatchError(auth.ErrInvalidToken))
	})

	It("is not longer than 16 KiB", func() {
		r := newRig()
		long := make([]string, 2000)
		for i := range long {
			long[i] = "cloud_controller.admin"
		}
		Expect(r.user(nobody, long...)).Error().To(MatchError(ContainSubstring("it is too long")))
	})

	It("is one token in one header", func() {
		r := newRig()
		token := "Bearer " + r.Token(r.User(nobody))
		Expect(r.ask()).Error().To(MatchError(auth.ErrNoToken))
		Expect(r.ask("Authorization", token, "X-Auth-Token", "gAAAA")).Error().To(MatchError(auth.ErrBadRequest))
		Expect(r.ask("Authorization", token, "Authorization", token)).Error().To(MatchError(auth.ErrBadRequest))
		Expect(r.ask("Authorization", "Basic ZGF5Ym9vazo=")).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.ask("Authorization", "bearer"+token[len("Bearer"):])).Error().NotTo(HaveOccurred())
		Expect(r.ask("X-Auth-Token", "gAAAA")).Error().To(MatchError(auth.ErrInvalidToken), "no Keystone is configured")
	})
})

var _ = DescribeTable("A scope",
	func(scope string, rights auth.Rights) {
		r := newRig()
		a, err := r.bearer(r.Token(r.Client("robot", scope)))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(Equal(rights))
	},
	Entry("decides about everything", "cloud_controller.admin", auth.Operate),
	Entry("of our own does so, too", "daybook.admin", auth.Operate),
	Entry("reads everything", "cloud_controller.admin_read_only", auth.Read),
	Entry("of an auditor of everything, too", "cloud_controller.global_auditor", auth.Read),
	Entry("of the Usage Service reads its routes", "usage_service.audit", auth.Reports),
	Entry("of a user reads nothing", "cloud_controller.read", auth.Rights(0)),
	Entry("of an admin of the UAA reads nothing", "uaa.admin", auth.Rights(0)),
)

var _ = Describe("Several issuers", func() {
	var r *rig
	var other *identity.UAA
	BeforeEach(func() {
		r = newRig(func(c *auth.Config) {
			other = identity.NewUAA(newKey(), newClock().now)
			s := httptest.NewServer(other)
			DeferCleanup(s.Close)
			other.At(s.URL)
			c.UAAs = append(c.UAAs, auth.UAA{
				Address: s.URL, Foundations: []auth.Foundation{{Name: "dev"}, {Name: "test"}},
			})
		})
	})
	admin := []string{"cloud_controller.admin"}

	It("have each a say about their own foundations only", func() {
		a, err := r.user(nobody, admin...)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Global()).To(BeFalse())
		Expect(a.Scope(auth.Operate)).To(Equal([]events.Owner{allOfProd}))
		a, err = r.bearer(other.Token(other.User(nobody, admin...)))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Scope(auth.Operate)).To(Equal([]events.Owner{{Foundation: "dev"}, {Foundation: "test"}}))
		Expect(a.May(prodShop, auth.Usage)).To(BeFalse())
		Expect(a.May(devShop, auth.Operate)).To(BeTrue())
	})

	It("may be given a say about all of them", func() {
		r.config.UAAs[0].Everywhere = true
		r.start()
		a, err := r.user(nobody, admin...)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Global()).To(BeTrue())
		Expect(a.Scope(auth.Read)).To(BeNil())
	})

	It("do not sign for each other", func() {
		Expect(r.bearer(newKey().Sign(nil, r.User(nobody, admin...)))).Error().To(MatchError(auth.ErrInvalidToken))
	})

	It("do not hinder each other, and an issuer that nobody knows may be that of a silent UAA", func() {
		other.Answer(identity.Status(http.StatusBadGateway))
		Expect(r.user(nobody)).Error().NotTo(HaveOccurred())
		Expect(r.bearer(other.Token(other.User(nobody)))).Error().To(MatchError(auth.ErrUnavailable))
	})

	It("have different names", func() {
		other.At(addressOf(r.UAA)) // a cloned foundation
		Expect(r.user(nobody)).Error().To(And(MatchError(auth.ErrUnavailable),
			MatchError(ContainSubstring("two UAAs have the issuer"))))
	})
})
