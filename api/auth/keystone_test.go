package auth_test

import (
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/identity"
)

const (
	project    = "4e7a1100000040008000000000000001"
	tokensPath = "/v3/auth/tokens"
)

var _ = Describe("A token of Keystone", func() {
	var k *identity.Keystone
	var r *rig
	BeforeEach(func() {
		r = &rig{clock: newClock()}
		k = identity.NewKeystone(r.now)
		s := httptest.NewServer(k)
		DeferCleanup(s.Close)
		r.config = auth.Config{Keystone: &auth.Keystone{
			URL: s.URL, Username: identity.KeystoneUser, Project: "service",
			Secret:      auth.Secret{Value: identity.KeystonePassword},
			Foundations: []string{"trove-eu", "trove-us"},
		}}
		r.start()
	})
	of := func(c identity.Claims) (auth.Access, error) { return r.ask("X-Auth-Token", k.Token(c)) }
	member := func() identity.Claims { return k.Project(project, "member") }

	It("shows a project its usage and money, in every region of this Keystone", func() {
		a, err := of(member())
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(And(HaveField("Kind", auth.KindKeystone), HaveField("Subject", "user-of-"+project),
			HaveField("TokenID", "3T2dc1CGQxyJsHdDu1xkcw"), HaveField("Expires", r.now().Add(time.Hour))))
		Expect(a.Scope(auth.Read)).To(Equal([]events.Owner{
			{Foundation: "trove-eu", Tenant: project}, {Foundation: "trove-us", Tenant: project},
		}))
		Expect(a.Scope(auth.Decide)).To(BeEmpty())
	})

	It("is asked for with an application credential, too", func() {
		r.config.Keystone.Username, r.config.Keystone.CredentialID = "", identity.KeystoneUser
		r.start()
		Expect(of(member())).Error().NotTo(HaveOccurred())
	})

	DescribeTable("is refused",
		func(change func(c identity.Claims) identity.Claims, want error) {
			Expect(of(change(member()))).Error().To(MatchError(want))
		},
		Entry("when it has expired", func(c identity.Claims) identity.Claims {
			return c.With("expires_at", "2026-11-21T12:00:00.000000Z")
		}, auth.ErrInvalidToken),
		Entry("without a project", func(c identity.Claims) identity.Claims { return c.With("project", nil) },
			auth.ErrForbidden),
		Entry("of a domain", func(c identity.Claims) identity.Claims {
			return c.With("project", nil).With("domain", map[string]any{"id": "default"})
		}, auth.ErrForbidden),
		Entry("of a domain that acts as a project", func(c identity.Claims) identity.Claims {
			return c.With("is_domain", true)
		}, auth.ErrForbidden),
		Entry("with a service's role alone", func(c identity.Claims) identity.Claims {
			return c.With("roles", []map[string]any{{"id": "1", "name": "service"}})
		}, auth.ErrForbidden),
		Entry("of the system, for a part of it", func(c identity.Claims) identity.Claims {
			c = c.With("roles", []map[string]any{{"id": "1", "name": "admin"}})
			return c.With("project", nil).With("system", map[string]any{"all": false})
		}, auth.ErrForbidden),
		Entry("of an application credential for other services", func(c identity.Claims) identity.Claims {
			return c.With("application_credential", rules("compute"))
		}, auth.ErrForbidden),
		Entry("of an application credential for nothing", func(c identity.Claims) identity.Claims {
			return c.With("application_credential", rules())
		}, auth.ErrForbidden),
	)

	DescribeTable("is accepted",
		func(change func(c identity.Claims) identity.Claims) {
			a, err := of(change(member()))
			Expect(err).NotTo(HaveOccurred())
			Expect(a.Scope(auth.Read)).To(HaveLen(2))
		},
		Entry("of an application credential without limits", func(c identity.Claims) identity.Claims {
			return c.With("application_credential", map[string]any{"id": "x", "restricted": true})
		}),
		Entry("of an application credential for this service", func(c identity.Claims) identity.Claims {
			return c.With("application_credential", rules("compute", "billing"))
		}),
		Entry("of a trust", func(c identity.Claims) identity.Claims {
			return c.With("OS-TRUST:trust", map[string]any{"id": "x", "impersonation": true})
		}),
		Entry("of the project's admin, who is no operator", func(c identity.Claims) identity.Claims {
			return c.With("roles", []map[string]any{{"id": "1", "name": "admin"}})
		}),
	)

	It("is an operator's where it is of the system", func() {
		system := func(role string) identity.Claims {
			return k.Project("", role).With("project", nil).With("system", map[string]any{"all": true})
		}
		a, err := of(system("reader"))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(Equal(auth.Read))
		a, err = of(system("admin"))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(Equal(auth.Operate))
		Expect(of(system("member"))).Error().To(MatchError(auth.ErrForbidden))
	})

	It("is an operator's by a role in a project that the settings name", func() {
		r.config.Keystone.OperatorProject, r.config.Keystone.OperatorRole = project, "billing_admin"
		r.start()
		a, err := of(k.Project(project, "billing_admin"))
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(Equal(auth.Operate))
		a, err = of(member())
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(BeZero())
	})

	It("is remembered for a minute, and no longer than it lives", func() {
		token := k.Token(member())
		short := k.Token(member().With("expires_at", r.now().Add(20*time.Second).Format(time.RFC3339)))
		for _, t := range []string{token, token, short, short} {
			Expect(r.ask("X-Auth-Token", t)).Error().NotTo(HaveOccurred())
		}
		Expect(k.Asked(tokensPath)).To(Equal(1+2), "one login, and each token once")
		k.Answer(identity.Status(http.StatusBadGateway))
		r.pass(20 * time.Second)
		Expect(r.ask("X-Auth-Token", short)).Error().To(MatchError(auth.ErrUnavailable))
		r.pass(39 * time.Second)
		Expect(r.ask("X-Auth-Token", token)).Error().NotTo(HaveOccurred())
		r.pass(time.Second)
		Expect(r.ask("X-Auth-Token", token)).Error().To(MatchError(auth.ErrUnavailable))
	})

	It("that is unknown is asked about again after ten seconds", func() {
		for range 3 {
			Expect(r.ask("X-Auth-Token", "unknown")).Error().To(MatchError(auth.ErrInvalidToken))
		}
		Expect(k.Asked(tokensPath)).To(Equal(2))
		r.pass(10 * time.Second)
		Expect(r.ask("X-Auth-Token", "unknown")).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(k.Asked(tokensPath)).To(Equal(3))
	})

	It("that is taken back is refused after a minute", func() {
		token := k.Token(member())
		Expect(r.ask("X-Auth-Token", token)).Error().NotTo(HaveOccurred())
		k.Revoke(token)
		r.pass(time.Minute)
		Expect(r.ask("X-Auth-Token", token)).Error().To(MatchError(auth.ErrInvalidToken))
	})

	It("is asked about with a new login where Keystone has ended the old one", func() {
		Expect(of(member())).Error().NotTo(HaveOccurred())
		k.RevokeOwn()
		Expect(of(member())).Error().NotTo(HaveOccurred())
	})

	It("is asked about no more than twice", func() {
		k.Answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Subject-Token", "gAAAA-own")
			w.Header().Set("Content-Type", "application/json")
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusCreated)
			} else {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		Expect(r.ask("X-Auth-Token", "gAAAA")).Error().To(MatchError(auth.ErrUnavailable))
		Expect(k.Asked(tokensPath)).To(Equal(4), "with a login before each")
	})

	It("cannot be asked about where Keystone refuses the API itself", func() {
		r.config.Keystone.Secret.Value = "wrong"
		r.start()
		Expect(of(member())).Error().To(And(MatchError(auth.ErrUnavailable), MatchError(auth.ErrMayNotValidate)))
		Expect(r.auth.Check(GinkgoT().Context())).To(MatchError(auth.ErrMayNotValidate))
		r.config.Keystone.Secret.Value = identity.KeystonePassword
		r.start()
		Expect(r.auth.Check(GinkgoT().Context())).To(Succeed())
		k.Answer(identity.Status(http.StatusForbidden))
		Expect(of(member())).Error().To(And(MatchError(auth.ErrUnavailable), MatchError(auth.ErrMayNotValidate)))
	})

	It("is refused without a question where it cannot be one", func() {
		Expect(r.ask("X-Auth-Token", "")).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.ask("X-Auth-Token", string(make([]byte, 8<<10+1)))).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.ask("Authorization", "Bearer "+k.Token(member()))).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(k.Asked(tokensPath)).To(BeZero())
	})
})

// rules is an application credential with access rules.
func rules(services ...string) map[string]any {
	all := []map[string]any{}
	for _, s := range services {
		all = append(all, map[string]any{"id": s, "service": s, "path": "/**", "method": "GET"})
	}
	return map[string]any{"id": "x", "restricted": true, "access_rules": all}
}
