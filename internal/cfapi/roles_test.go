package cfapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// client is a client without retries.
func client(api string, change ...func(*cfapi.Config)) *cfapi.Client {
	GinkgoHelper()
	cfg := cfapi.Config{
		Foundation: "prod", API: api, ClientID: "daybook", ClientSecret: "daybook-secret",
		RetryWait: time.Millisecond, Retries: -1,
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := cfapi.New(cfg, cfapi.Deps{})
	Expect(err).NotTo(HaveOccurred())
	return c
}

var _ = Describe("The roles of a user", func() {
	const shop, bakery, user, other = "org-1", "org-2", "user-1", "user-2"
	var url string
	BeforeEach(func() {
		f, err := cc.New(cc.Config{
			World: sim.Config{Seed: 1, Orgs: 1, Spaces: 1, Apps: 1, Services: 1, Instances: 1, Events: 1},
			Users: []cc.User{
				{GUID: user, Manages: []string{shop}, Bills: []string{shop}, Audits: []string{bakery}},
				{GUID: other, Manages: []string{bakery}},
			},
		})
		Expect(err).NotTo(HaveOccurred())
		s := httptest.NewServer(f)
		DeferCleanup(s.Close)
		url = s.URL
	})
	all := ConsistOf(cfapi.Role{Type: cfapi.RoleManager, Organization: shop},
		cfapi.Role{Type: cfapi.RoleBillingManager, Organization: shop},
		cfapi.Role{Type: cfapi.RoleAuditor, Organization: bakery})

	It("are those in organizations, and nobody else's", func(ctx SpecContext) {
		Expect(client(url).OrganizationRoles(ctx, user)).To(all)
		Expect(client(url).OrganizationRoles(ctx, "stranger")).To(BeEmpty())
	})

	It("are read from all pages", func(ctx SpecContext) {
		one := client(url, func(c *cfapi.Config) { c.PageSize = 1 })
		Expect(one.OrganizationRoles(ctx, user)).To(all)
	})

	It("are not asked for by a name that stands for several users", func(ctx SpecContext) {
		for _, name := range []string{user + "," + other, ""} {
			Expect(client(url).OrganizationRoles(ctx, name)).Error().To(MatchError(ContainSubstring("is no user")))
		}
	})

	role := func(guid, user string) string {
		return fmt.Sprintf(`{"guid":%q,"type":"organization_manager","relationships":{"user":{"data":{"guid":%q}},`+
			`"space":{"data":null},"organization":{"data":{"guid":"org-1"}}}}`, guid, user)
	}
	page := func(total int, next string, roles ...string) string {
		return fmt.Sprintf(`{"pagination":{"total_results":%d,"next":%s},"resources":[%s]}`, total, next,
			strings.Join(roles, ","))
	}
	const more = `{"href":"/v3/roles?page=2"}`

	DescribeTable("are all of them, or none",
		func(complaint string, pages ...string) {
			a := newAPI()
			a.instead = func(w http.ResponseWriter, path string, n int) bool {
				if path != "/v3/roles" {
					return false
				}
				w.Header().Set("Date", noon.Format(http.TimeFormat))
				fmt.Fprint(w, pages[n-1])
				return true
			}
			roles, err := client(a.url).OrganizationRoles(context.Background(), user)
			if complaint == "" {
				Expect(err).NotTo(HaveOccurred())
				Expect(roles).To(HaveLen(2))
				return
			}
			Expect(err).To(MatchError(ContainSubstring(complaint)))
			Expect(cfapi.Transient(err)).To(BeTrue())
			Expect(roles).To(BeNil())
		},
		Entry("on two pages", "", page(2, more, role("a", user)), page(2, "null", role("b", user))),
		Entry("when one went while they were read", "2 of 3 roles were read", page(4, more, role("a", user)),
			page(3, "null", role("c", user))),
		Entry("when a page is repeated", "says that there are more", page(3, more, role("a", user)),
			page(3, more, role("a", user))),
		Entry("when another user's is among them", "a role of another user", page(2, "null", role("a", user),
			role("b", other))),
		Entry("when the answer is no list", "it is no list", `{"resources":[]}`),
		Entry("when the answer is cut", "the answer is damaged", `{"pagination":`),
	)
})

var _ = Describe("The address of the UAA", func() {
	It("stands in the API's root document", func(ctx SpecContext) {
		a := newAPI()
		c := client(a.url)
		Expect(c.UAA(ctx)).To(Equal(a.url))
		a.answers("/", 9, http.StatusOK, `{"links":{"self":{"href":"http://api.example.org"}}}`)
		Expect(c.UAA(ctx)).Error().To(MatchError(ContainSubstring("has no address of a UAA")))
	})
})
