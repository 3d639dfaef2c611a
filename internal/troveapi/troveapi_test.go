package troveapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/troveapi"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Trove's API")
}

// client asks a Trove that answers by a handler; the Keystone has any project.
func client(handler http.HandlerFunc) *troveapi.Client {
	GinkgoHelper()
	issuer, server := httptest.NewServer(identity.NewKeystone(time.Now)), httptest.NewServer(handler)
	DeferCleanup(issuer.Close)
	DeferCleanup(server.Close)
	c, err := troveapi.New(troveapi.Config{
		URL: server.URL + "/v1.0/", Projects: []string{"p"}, Retries: 1, RetryWait: time.Millisecond,
		Keystone: keystone.Config{
			URL: issuer.URL, User: identity.KeystoneUser, UserDomain: "Default", Secret: identity.KeystonePassword,
		},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

var _ = DescribeTable("The management is refused for lack of rights", func(ctx SpecContext, status int, body string,
	lack bool,
) {
	_, err := client(says(status, body)).Manage(ctx, "p")
	Expect(err).To(HaveOccurred())
	if lack {
		Expect(err).To(MatchError(troveapi.ErrUnmanaged))
	} else {
		Expect(err).NotTo(MatchError(troveapi.ErrUnmanaged))
	}
},
	Entry("by Trove 18", 400, `{"badRequest": {"code": 400, "message": "User does not have admin privileges."}}`, true),
	Entry("by a Trove that maps its errors", 401, `{"unauthorized": {"code": 401, "message": "no"}}`, true),
	Entry("by a policy", 403, `{"forbidden": {"code": 403, "message": "Access was denied to this resource."}}`, true),
	Entry("and not where Nova fails", 403, `"Not found (HTTP 404)"`, false),
	Entry("and not for a wrong request", 400, `{"badRequest": {"code": 400, "message": "limit"}}`, false),
	Entry("and not by a server that is down", 503, `{}`, false),
	Entry("and not by a page of HTML", 403, `<html></html>`, false),
)

var _ = DescribeTable("A database is not found", func(ctx SpecContext, managed bool, status int,
	body string, found bool,
) {
	c := client(says(status, body))
	ask := c.Instance
	if managed {
		ask = c.Deleted
	}
	_, _, err := ask(ctx, "p", "i")
	Expect(err).To(HaveOccurred())
	if found {
		Expect(err).NotTo(MatchError(troveapi.ErrNotFound))
	} else {
		Expect(err).To(MatchError(troveapi.ErrNotFound))
	}
},
	Entry("by Trove's document", false, 404, `{"itemNotFound": {"code": 404, "message": "Resource i cannot be found."}}`,
		false),
	Entry("by the management of Trove 18", true, 400,
		`{"badRequest": {"code": 400, "message": "Resource i cannot be found."}}`, false),
	Entry("and not by a router", false, 404, `404 page not found`, true),
	Entry("and not by another document", false, 404, `{"error": {"code": 404}}`, true),
	Entry("and not by a refusal", false, 400, `{"badRequest": {"code": 400, "message": "Resource i cannot be found."}}`,
		true),
	Entry("and not by another database", false, 200, `{"instance": {"id": "j", "status": "ACTIVE"}}`, true),
)

var _ = DescribeTable("A list is refused", func(ctx SpecContext, body, problem string) {
	_, err := client(says(200, body)).List(ctx, "p")
	Expect(err).To(MatchError(ContainSubstring(problem)))
},
	Entry("that is none", `{"error": "maintenance"}`, "no list of instances"),
	Entry("that is no JSON", `<html>`, "the answer is damaged"),
	Entry("that was cut off", `{"instances": [{"id": "a"`, "the answer is damaged"),
	Entry("with a row without a status", `{"instances": [{"id": "a"}]}`, "instance 1 of 1"),
	Entry("with a time that is none", `{"instances": [{"id": "a", "status": "ACTIVE", "updated": "now"}]}`, "updated"),
	Entry("with a link without a marker", `{"instances": [], "links": [{"rel": "next", "href": "http://x/"}]}`,
		"no marker"),
	Entry("that goes round in circles", `{"instances": [], "links": [{"rel": "next", "href": "http://x/?marker=a"}]}`,
		"round in circles"),
)

var _ = Describe("A list", func() {
	It("goes on behind an empty page, by its own address", func(ctx SpecContext) {
		page, err := client(func(w http.ResponseWriter, r *http.Request) {
			Expect(r.URL.Path).To(Equal("/v1.0/p/instances"))
			Expect(r.URL.Query().Get("include_clustered")).To(Equal("true"))
			if r.URL.Query().Get("marker") == "" {
				says(200, `{"instances": [], "links": [{"rel": "next", "href": "https://elsewhere/?marker=a"}]}`)(w, r)
				return
			}
			says(200, `{"instances": [{"id": "a", "status": "SHUTDOWN", "deleted": true}, {"id": "b", "status": "ACTIVE", "flavor": {"id": 10}, "volume": {"size": 3},
				"links": [], "password": "hush", "name": "db"}]}`)(w, r)
		}).List(ctx, "p")
		Expect(err).NotTo(HaveOccurred())
		Expect(page.Instances).To(HaveLen(1))
		Expect(page.Instances[0].FlavorID).To(Equal("10"))
		Expect(page.Instances[0].VolumeGB).To(Equal(events.Some(3)))
		Expect(string(page.Instances[0].Raw)).NotTo(ContainSubstring("hush"))
	})
})
