package auth_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("The open mode", func() {
	open := func(host string, headers ...string) (auth.Access, error) {
		GinkgoHelper()
		a, err := auth.New(auth.Config{Listen: "127.0.0.1:8080"}, auth.Deps{})
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Open()).To(BeTrue())
		r := request(headers...)
		r.Host = host
		return a.Authenticate(GinkgoT().Context(), r)
	}

	DescribeTable("answers on this machine",
		func(host string, headers ...string) {
			a, err := open(host, headers...)
			Expect(err).NotTo(HaveOccurred())
			Expect(a).To(Equal(auth.Access{Kind: auth.KindOpen, All: auth.Read}))
		},
		Entry("by its name", "localhost:8080"),
		Entry("by its address", "127.0.0.1:8080"),
		Entry("by another one of its addresses", "127.1.2.3"),
		Entry("by its address of version 6", "[::1]:8080"),
		Entry("by that without a port", "[::1]"),
		Entry("to its own pages", "localhost:8080", "Origin", "http://localhost:8080"),
		Entry("whatever token is sent", "localhost:8080", "Authorization", "Bearer x"),
	)

	DescribeTable("answers nobody else",
		func(host string, headers ...string) {
			_, err := open(host, headers...)
			Expect(err).To(MatchError(auth.ErrForbidden))
		},
		Entry("by a name that somebody made lead here", "attacker.example:8080"),
		Entry("by a name that begins like it", "localhost.attacker.example"),
		Entry("by an address in the network", "192.168.1.2:8080"),
		Entry("by no name", ""),
		Entry("to a page of another site", "localhost:8080", "Origin", "https://attacker.example"),
		Entry("to a page of another port", "localhost:8080", "Origin", "http://localhost:3000"),
		Entry("to a page without an origin", "localhost:8080", "Origin", "null"),
	)

	It("takes no decisions", func() {
		a, err := open("localhost")
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Global()).To(BeTrue())
		Expect(a.May(prodShop, auth.Decide)).To(BeFalse())
	})

	DescribeTable("is refused where others reach the API",
		func(listen string) {
			_, err := auth.New(auth.Config{Listen: listen}, auth.Deps{})
			Expect(err).To(MatchError(ContainSubstring("can be reached from other machines")))
		},
		Entry("on every address", ":8080"),
		Entry("on every address, in words", "0.0.0.0:8080"),
		Entry("in the network", "192.168.1.2:8080"),
		Entry("by a name", "billing.example.org:8080"),
		Entry("on no address", ""),
	)

	It("ends with the first setting", func() {
		r := newRig(func(c *auth.Config) { c.Listen = "127.0.0.1:8080" })
		Expect(r.ask()).Error().To(MatchError(auth.ErrNoToken))
	})
})

var _ = Describe("An Access", func() {
	It("may nothing by itself", func() {
		var a auth.Access
		Expect(a.May(prodShop, auth.Reports)).To(BeFalse())
		Expect(a.Global()).To(BeFalse())
		Expect(a.Scope(auth.Usage)).To(And(BeEmpty(), Not(BeNil())))
	})

	It("has rights over a tenant by the tenant, its foundation, or all of them", func() {
		a := auth.Access{All: auth.Reports, Tenants: map[events.Owner]auth.Rights{
			allOfProd: auth.Usage, prodShop: auth.Money,
		}}
		Expect(a.May(prodShop, auth.Read)).To(BeTrue())
		Expect(a.May(prodBakery, auth.Usage)).To(BeTrue())
		Expect(a.May(prodBakery, auth.Money)).To(BeFalse())
		Expect(a.May(allOfProd, auth.Usage)).To(BeTrue())
		Expect(a.May(devShop, auth.Reports)).To(BeTrue())
		Expect(a.May(devShop, auth.Usage)).To(BeFalse())
		Expect(a.May(events.Owner{}, auth.Reports)).To(BeTrue())
		Expect(a.May(events.Owner{}, auth.Usage)).To(BeFalse())
		Expect(a.Scope(auth.Usage)).To(Equal([]events.Owner{allOfProd, prodShop}))
		Expect(a.Scope(auth.Read)).To(Equal([]events.Owner{prodShop}))
		Expect(a.Scope(auth.Reports)).To(BeNil())
	})

	It("is logged by its subject, client and token's id", func() {
		var b strings.Builder
		a := auth.Access{Kind: auth.KindUAA, Subject: "s", Name: "ann", Client: "c", TokenID: "t"}
		slog.New(slog.NewTextHandler(&b, nil)).Info("asked", slog.Any("who", &a))
		Expect(b.String()).To(HaveSuffix("who.kind=uaa who.subject=s who.client=c who.token_id=t\n"))
	})
})

var _ = DescribeTable("A refusal",
	func(err error, status int, name, value, detail string) {
		h := http.Header{}
		got, text := auth.Refuse(h, err)
		Expect(got).To(Equal(status))
		Expect(text).To(ContainSubstring(detail))
		if name == "" {
			Expect(h).To(BeEmpty())
		} else {
			Expect(h).To(Equal(http.Header{name: {value}}))
		}
	},
	Entry("without a token", auth.ErrNoToken, 401, "Www-Authenticate", `Bearer error="invalid_token"`, "a token is needed"),
	Entry("of a bad token", fmt.Errorf("%w: it has expired", auth.ErrInvalidToken), 401, "Www-Authenticate",
		`Bearer error="invalid_token"`, "it has expired"),
	Entry("of two tokens", auth.ErrBadRequest, 400, "", "", "several tokens"),
	Entry("of an act", fmt.Errorf("%w: it reads only", auth.ErrForbidden), 403, "", "", "it reads only"),
	Entry("where nobody can be asked", fmt.Errorf("%w: secret-host", auth.ErrUnavailable), 503, "Retry-After", "10",
		"try again later"),
	Entry("of anything else", errors.New("secret-host"), 503, "Retry-After", "10", "try again later"),
)

var _ = DescribeTable("Settings are refused",
	func(change func(*auth.Config), complaint string) {
		c := auth.Config{UAAs: []auth.UAA{{
			Address: "https://uaa.example.org",
			Foundations: []auth.Foundation{{
				Name: "prod", API: "https://api.example.org", ClientID: "daybook", Secret: auth.Secret{Value: "x"},
			}},
		}}}
		_, err := auth.New(c, auth.Deps{})
		Expect(err).NotTo(HaveOccurred())
		change(&c)
		_, err = auth.New(c, auth.Deps{})
		Expect(err).To(MatchError(ContainSubstring(complaint)))
	},
	Entry("with the own client as audience", func(c *auth.Config) { c.UAAs[0].Resources = []string{"daybook"} },
		"ID tokens would pass"),
	Entry("with a symmetric algorithm", func(c *auth.Config) { c.UAAs[0].Algorithms = []string{"RS256", "HS256"} },
		`"HS256" is no algorithm of public keys`),
	Entry("without a signature", func(c *auth.Config) { c.UAAs[0].Algorithms = []string{"none"} },
		`"none" is no algorithm of public keys`),
	Entry("with a long leeway", func(c *auth.Config) { c.Leeway = time.Minute + 1 }, "the leeway is"),
	Entry("with keys that end at once", func(c *auth.Config) { c.MaxAge = time.Minute }, "give 10m0s or more"),
	Entry("without a foundation", func(c *auth.Config) { c.UAAs[0].Foundations = nil }, "has no foundation"),
	Entry("with a foundation without a name", func(c *auth.Config) { c.UAAs[0].Foundations[0].Name = "" },
		"has no name"),
	Entry("with a foundation of two issuers", func(c *auth.Config) { c.UAAs = append(c.UAAs, c.UAAs[0]) },
		"the foundation prod has two issuers"),
	Entry("with an API without credentials", func(c *auth.Config) { c.UAAs[0].Foundations[0].Secret.Value = "" },
		"cloud_controller.global_auditor"),
	Entry("with a UAA that has no address", func(c *auth.Config) { c.UAAs[0].Address = "uaa" },
		"is no address of a UAA"),
	Entry("with a Keystone without credentials", func(c *auth.Config) {
		c.Keystone = &auth.Keystone{URL: "http://127.0.0.1:5000", Foundations: []string{"trove"}}
	}, "that may validate tokens"),
	Entry("with a Keystone for a foundation of a UAA", func(c *auth.Config) {
		c.Keystone = &auth.Keystone{
			URL: "http://127.0.0.1:5000", Username: "x", Secret: auth.Secret{Value: "x"}, Foundations: []string{"prod"},
		}
	}, "the foundation prod has two issuers"),
	Entry("with half an operator of Keystone", func(c *auth.Config) {
		c.Keystone = &auth.Keystone{
			URL: "http://127.0.0.1:5000", Username: "x", Secret: auth.Secret{Value: "x"},
			Foundations: []string{"trove"}, OperatorRole: "x",
		}
	}, "give both, or neither"),
)
