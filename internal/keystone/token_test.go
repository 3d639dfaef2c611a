package keystone_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/lab/identity"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Keystone")
}

var _ = Describe("A token of a project", func() {
	var fake *identity.Keystone
	var settings keystone.Config
	BeforeEach(func() {
		fake = identity.NewKeystone(time.Now)
		server := httptest.NewServer(fake)
		DeferCleanup(server.Close)
		settings = keystone.Config{
			URL: server.URL, User: identity.KeystoneUser, UserDomain: "Default", Secret: identity.KeystonePassword,
		}
	})
	ask := func(ctx context.Context, project string) (*keystone.Token, error) {
		GinkgoHelper()
		c, err := keystone.New(settings, "os")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c.ProjectToken(ctx, project)
	}

	It("is of the project that was asked for, and has the catalogue", func(ctx SpecContext) {
		fake.Grant("p1", "admin")
		fake.Grant("p2", "member")
		fake.SetDatabase("http://trove.example.org:8779")
		t, err := ask(ctx, "p2")
		Expect(err).NotTo(HaveOccurred())
		Expect(t.Project).To(Equal("p2"))
		Expect(t.Expires).To(BeTemporally("~", time.Now().Add(time.Hour), time.Minute))
		Expect(t.Endpoint("database", "")).To(Equal("http://trove.example.org:8779/v1.0/p2"))
		Expect(t.Endpoint("database", "RegionOne")).To(Equal("http://trove.example.org:8779/v1.0/p2"))
		Expect(t.Endpoint("database", "RegionTwo")).To(BeEmpty())
		project, roles, good := fake.Who(t.ID)
		Expect([]any{project, roles, good}).To(Equal([]any{"p2", []string{"member"}, true}))
	})

	It("is refused where the user has no role in it", func(ctx SpecContext) {
		fake.Grant("p1", "admin")
		_, err := ask(ctx, "p2")
		refused := (*keystone.StatusError)(nil)
		Expect(err).To(BeAssignableToTypeOf(refused))
		Expect(err).To(MatchError(ContainSubstring("status 401")))
	})

	It("of an application credential is of its own project only", func(ctx SpecContext) {
		fake.Grant("p1", "admin")
		settings.CredentialID, settings.User = identity.KeystoneUser, ""
		t, err := ask(ctx, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(t.Project).To(Equal("p1"))
		_, err = ask(ctx, "p2")
		Expect(err).To(MatchError(ContainSubstring("belongs to one project")))
	})

	It("is none where the answer has none", func(ctx SpecContext) {
		for _, answer := range []http.HandlerFunc{identity.Maintenance, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"token": {}}`))
		}} {
			fake.Answer(answer)
			_, err := ask(ctx, "p1")
			Expect(err).To(HaveOccurred())
		}
	})
})
