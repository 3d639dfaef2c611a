package directory_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/directory"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/names"
)

var _ = Describe("The names of projects", func() {
	var fake *identity.Keystone
	var b *bus.Bus
	var log bytes.Buffer
	var settings keystone.Config
	BeforeEach(func(ctx SpecContext) {
		fake = identity.NewKeystone(time.Now)
		server := httptest.NewServer(fake)
		DeferCleanup(server.Close)
		b = newBus(ctx)
		log.Reset()
		settings = keystone.Config{
			URL: server.URL + "/v3/", User: identity.KeystoneUser, UserDomain: "Default",
			Secret: identity.KeystonePassword,
		}
	})
	follow := func(k keystone.Config) *directory.Directory {
		GinkgoHelper()
		d, err := directory.NewKeystone(k, directory.Config{Foundation: "os"},
			directory.Deps{Bus: b, Log: slog.New(slog.NewTextHandler(&log, nil))})
		Expect(err).NotTo(HaveOccurred())
		return d
	}

	It("come from Keystone, page by page, and end with the project", func(ctx SpecContext) {
		fake.SetProjects([2]string{"p1", "shop"}, [2]string{"p2", "blog"}, [2]string{"p3", "wiki"})
		d := follow(settings)
		Expect(d.Look(ctx)).To(Succeed())
		fake.SetProjects([2]string{"p1", "shop"}, [2]string{"p3", "docs"})
		fake.RevokeOwn()
		Expect(d.Look(ctx)).To(Succeed())
		got := map[string]string{}
		ended := map[string]bool{}
		Expect(names.History(ctx, b, func(k names.Key, l names.List) {
			Expect(k.Source + k.Foundation).To(Equal(events.SourceTrove + "os"))
			got[k.GUID], ended[k.GUID] = l.Latest(), !l[len(l)-1].Until.IsZero()
		})).To(Succeed())
		Expect(got).To(Equal(map[string]string{"p1": "shop", "p2": "blog", "p3": "docs"}))
		Expect(ended).To(Equal(map[string]bool{"p1": false, "p2": true, "p3": false}))
	})

	It("come with an application credential, too", func(ctx SpecContext) {
		fake.SetProjects([2]string{"p1", "shop"})
		settings.CredentialID, settings.User = identity.KeystoneUser, ""
		Expect(follow(settings).Look(ctx)).To(Succeed())
	})

	It("stay as they are where Keystone refuses, is away, or says something else", func(ctx SpecContext) {
		fake.SetProjects([2]string{"p1", "shop"})
		Expect(follow(settings).Look(ctx)).To(Succeed())
		for _, answer := range []http.HandlerFunc{
			identity.Status(http.StatusForbidden), identity.Status(http.StatusServiceUnavailable), identity.Maintenance,
		} {
			fake.Answer(answer)
			Expect(follow(settings).Look(ctx)).NotTo(Succeed())
		}
		fake.Answer(nil)
		settings.Secret = "wrong"
		Expect(follow(settings).Look(ctx)).To(MatchError(ContainSubstring("status 401")))
		d, err := names.Load(ctx, b)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Tenant("shop", "os")).To(Equal("p1"))
	})

	DescribeTable("need whole settings", func(turn func(k *keystone.Config), problem string) {
		turn(&settings)
		_, err := directory.NewKeystone(settings, directory.Config{}, directory.Deps{Bus: b})
		Expect(err).To(MatchError(ContainSubstring(problem)))
	},
		Entry(nil, func(k *keystone.Config) { k.URL = "keystone" }, "the address of Keystone is wrong"),
		Entry(nil, func(k *keystone.Config) { k.User = "" }, "Keystone asks for credentials"),
		Entry(nil, func(k *keystone.Config) { k.CredentialID = "both" }, "Keystone asks for credentials"),
		Entry(nil, func(k *keystone.Config) { k.Secret = "" }, "Keystone asks for credentials"),
	)
})
