package sim

import (
	"fmt"
	"slices"
)

// The parts of a world's names. A few are awkward on purpose: names are foreign text.
var (
	orgNames   = []string{"retail", "logistics", "payments", "research", "public-sector", "media", "health", "energy"}
	spaceNames = []string{"dev", "staging", "production", "sandbox", "ACC-nightly", "Zoë's space"}
	appNames   = []string{
		"checkout", "basket", "search", "tracking", "invoices", "gateway", "reports",
		`"quoted" app`, "наклад", "a.b>c*",
	}
	taskNames    = []string{"migrate", "nightly-report", "reindex", "cleanup"}
	serviceNames = []string{"db", "cache", "queue", "archive", "orders db"}
	memories     = []int{64, 128, 256, 512, 1024, 2048, 4096}
)

// found makes the beginning of a world: orgs, spaces, projects, buildpacks, plans and flavours.
// Nothing of it is metered.
func (w *World) found() {
	p := w.platform
	for i := range w.config.Orgs {
		p.AddOrg("", fmt.Sprintf("%s-%d", orgNames[i%len(orgNames)], i+1))
		w.projects = append(w.projects, &Project{
			ID: p.newGUID().plain(), UserID: p.newGUID().plain(),
			Region: "RegionOne",
		})
	}
	for i := range w.config.Spaces {
		p.AddSpace(p.Orgs[i%len(p.Orgs)], "", spaceNames[i/len(p.Orgs)%len(spaceNames)])
	}
	for _, name := range []string{
		"java_buildpack", "java_buildpack_offline", "ruby_buildpack", "nodejs_buildpack",
		"python_buildpack", "go_buildpack", "staticfile_buildpack",
	} {
		p.Buildpacks = append(p.Buildpacks, Buildpack{GUID: p.newGUID().String(), Name: name})
	}
	ruby := p.Buildpacks[2]
	w.buildpacks = append(slices.Clone(p.Buildpacks),
		// as Cloud Controller redacts it
		Buildpack{Name: "https://***:***@git.example.com/team/buildpack.git"},
		// left as it is by Cloud Controller
		Buildpack{Name: "https://git.example.com/team/buildpack.git?access_token=unhidden"},
		Buildpack{Name: "https://github.com/cloudfoundry/java-buildpack.git"},
		Buildpack{Name: "https://github.com/cloudfoundry/apt-buildpack.git", GUID: ruby.GUID, Final: ruby.Name},
		Buildpack{}) // docker
	broker := p.newGUID().String()
	for _, o := range []struct {
		offering string
		plans    []string
	}{
		{"postgres", []string{"small", "medium", "large"}},
		{"redis", []string{"small", "large"}},
		{"rabbitmq", []string{"shared", "dedicated"}},
	} {
		offering := p.newGUID().String()
		var plans []*Plan
		for _, name := range o.plans {
			plans = append(plans, &Plan{
				GUID: p.newGUID().String(), Name: name, OfferingGUID: offering, Offering: o.offering,
				BrokerGUID: broker, Broker: "data-broker",
			})
		}
		w.plans = append(w.plans, plans)
		p.Plans = append(p.Plans, plans...)
	}
	w.flavours = []Flavor{{"1", "m1.tiny", 512}, {"2", "m1.small", 2048}, {"3", "m1.medium", 4096}, {
		"4", "m1.large",
		8192,
	}}
}
