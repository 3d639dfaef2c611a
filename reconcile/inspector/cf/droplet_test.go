package cf_test

import (
	"context"
	"maps"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile/inspector/cf"
)

// shelf lists droplets each time, and keeps what is put into it.
type shelf struct{ packs cf.Packs }

func (s shelf) Take(context.Context) (cf.Packs, bool, error) { return maps.Clone(s.packs), true, nil }

func (s shelf) Put(_ context.Context, current cf.Packs) error {
	clear(s.packs)
	maps.Copy(s.packs, current)
	return nil
}

var _ = Describe("A floorplan with buildpacks", func() {
	It("is whole where droplets are not listed to their end: what the shelf has is known, and nothing else", func() {
		r := found(lively())
		r.at(5 * day)
		known, unknown := r.started("known"), r.started("unknown")
		kept := shelf{cf.Packs{known.Droplet.GUID: {Name: "ruby", GUID: "r"}, "another": {Name: "go"}}}
		ask := cf.Ask{Droplets: kept}
		r.before = func(q *http.Request) {
			if q.URL.Path == "/v3/droplets" {
				q.URL.Path = "/v3/nothing"
			}
		}
		f := r.inspects(ask)
		Expect(listing(f, events.KindApp).Complete).To(BeTrue())
		Expect(listing(f, events.KindApp).Note).To(ContainSubstring("the buildpacks were not listed"))
		Expect(material(f, known.GUID).Footprint.Buildpack).To(Equal("ruby"))
		Expect(material(f, unknown.GUID).Footprint.Buildpack).To(BeEmpty())
		Expect(kept.packs).To(HaveLen(2), "nothing was put")

		r.before = nil
		r.rewrite = func(path, body string) string {
			if path == "/v3/droplets" {
				return strings.ReplaceAll(body, known.Droplet.GUID, "hidden")
			}
			return body
		}
		f = r.inspects(ask)
		Expect(listing(f, events.KindApp).Note).To(BeEmpty())
		Expect(material(f, known.GUID).Footprint.Buildpack).To(Equal("ruby"))
		Expect(material(f, unknown.GUID).Footprint.Buildpack).To(Equal(unknown.Buildpack.Name))
		Expect(kept.packs).To(HaveKey(unknown.Droplet.GUID))
		Expect(kept.packs).To(HaveKey(known.Droplet.GUID))
		Expect(kept.packs).NotTo(HaveKey("another"))
	})
})
