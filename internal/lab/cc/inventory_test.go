package cc_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cloudfoundry/go-cfclient/v3/client"
	"github.com/cloudfoundry/go-cfclient/v3/config"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

var _ = Describe("the inventory", func() {
	var c *caller
	BeforeEach(func() {
		c = found(lively(1)).as("daybook")
		c.at(4 * day)
	})
	world := func(look func(p *sim.Platform)) { c.Do(look) }

	It("lists what lives, in the order in which it was made", func() {
		var expected, processes []string
		world(func(p *sim.Platform) {
			for _, a := range slices.SortedFunc(slices.Values(p.Apps), func(a,
				b *sim.App,
			) int {
				return int(a.ID - b.ID)
			}) {
				expected = append(expected, a.GUID)
				for _, process := range a.All() {
					processes = append(processes, process.GUID)
				}
			}
		})
		Expect(len(expected)).To(BeNumerically(">", 5))
		Expect(guids(c.list("/v3/apps?per_page=5000").Resources)).To(Equal(expected))
		Expect(guids(c.list("/v3/processes?per_page=5000").Resources)).To(ConsistOf(processes))
	})

	It("walks a list by pages", func() {
		all := guids(c.list("/v3/apps?per_page=5000").Resources)
		var walked []string
		next := "/v3/apps?per_page=3"
		for next != "" {
			p := c.list(next)
			Expect(p.Pagination.Total).To(Equal(len(all)))
			walked = append(walked, guids(p.Resources)...)
			next = ""
			if p.Pagination.Next != nil {
				next = strings.TrimPrefix(p.Pagination.Next.Href, c.server.URL)
			}
		}
		Expect(walked).To(Equal(all))
	})

	It("brings spaces and organizations with apps", func() {
		p := c.list("/v3/apps?per_page=5000&include=space.organization")
		spaces, orgs := guids(p.Included["spaces"]), guids(p.Included["organizations"])
		for _, a := range p.Resources {
			Expect(spaces).To(ContainElement(a.Relationships["space"].Data.GUID))
			Expect(a.State).To(BeElementOf("STARTED", "STOPPED"))
			Expect(a.Lifecycle.Type).To(BeElementOf("buildpack", "docker"))
		}
		for _, s := range p.Included["spaces"] {
			Expect(orgs).To(ContainElement(s.Relationships["organization"].Data.GUID))
		}
		Expect(c.list("/v3/apps?include=space").Included).NotTo(HaveKey("organizations"))
		Expect(c.list("/v3/apps").Included).To(BeNil())
		owners := c.list("/v3/spaces?per_page=1&include=organization")
		organization := owners.Resources[0].Relationships["organization"].Data.GUID
		Expect(guids(owners.Included["organizations"])).To(Equal([]string{organization}))
	})

	It("brings the fields of plans, spaces and organizations with service instances", func() {
		p := c.list("/v3/service_instances?per_page=5000&fields[service_plan]=guid,name,relationships.service_offering&fields[service_plan.service_offering]=name&fields[space]=guid,relationships.organization&fields[space.organization]=guid,name")
		plans := guids(p.Included["service_plans"])
		managed := 0
		for _, s := range p.Resources {
			if s.Type == "managed" {
				managed++
				Expect(plans).To(ContainElement(s.Relationships["service_plan"].Data.GUID))
			} else {
				Expect(s.Type).To(Equal("user-provided"))
			}
		}
		Expect(managed).To(BeNumerically(">", 0))
		Expect(p.Included["service_plans"][0].Relationships["service_offering"].Data.GUID).NotTo(BeEmpty())
		Expect(p.Included["service_offerings"][0].GUID).To(BeEmpty(), "the guid was not asked for")
		Expect(p.Included["spaces"][0].Relationships["organization"].Data.GUID).NotTo(BeEmpty())
		Expect(p.Included["organizations"][0].Name).NotTo(BeEmpty())
		for _, plan := range plans {
			Expect(c.get("/v3/service_plans/" + plan).status).To(Equal(200))
		}
	})

	It("lists tasks by their states", func() {
		var a *sim.App
		var running, canceling *sim.Task
		world(func(p *sim.Platform) {
			a = p.CreateApp(p.Spaces[0], "", "a", sim.Buildpack{}, sim.ProcessSpec{
				Type: "web", Instances: 1,
				MemoryMB: 64,
			})
			p.CreateTask(a, "pending", 64)
			running, canceling = p.CreateTask(a, "running", 64), p.CreateTask(a, "canceling", 64)
			p.RunTask(running)
			p.RunTask(canceling)
			p.CancelTask(canceling)
			gone := p.CreateTask(a, "gone", 64)
			p.RunTask(gone)
			p.EndTask(gone)
		})
		path := "/v3/tasks?app_guids=" + a.GUID
		Expect(states(c.list(path).Resources)).To(Equal([]string{"PENDING", "RUNNING", "CANCELING", "SUCCEEDED"}))
		Expect(guids(c.list(path + "&states=RUNNING,CANCELING").Resources)).To(Equal([]string{
			running.GUID,
			canceling.GUID,
		}))
	})

	It("lists both web processes of a rolling deployment, and forgets what is gone", func() {
		var a *sim.App
		world(func(p *sim.Platform) {
			a = p.CreateApp(p.Spaces[0], "", "a", sim.Buildpack{}, sim.ProcessSpec{
				Type: "web", Instances: 2,
				MemoryMB: 64,
			})
			p.StartApp(a)
			p.BeginDeploy(a)
		})
		Expect(c.list("/v3/processes?app_guids=" + a.GUID).Resources).To(HaveLen(2))
		world(func(p *sim.Platform) {
			for !p.ContinueDeploy(a) {
			}
			p.DeleteApp(a)
		})
		Expect(c.list("/v3/processes?app_guids=" + a.GUID).Resources).To(BeEmpty())
		r := c.get("/v3/apps/" + a.GUID)
		Expect(r.fault()).To(Equal(fault{404, 10010, "CF-ResourceNotFound", "App not found"}))
	})

	It("shows the droplet of each started app, by its guid and as the current one", func() {
		shown := 0
		for _, a := range c.list("/v3/apps?per_page=5000").Resources {
			droplet := a.Relationships["current_droplet"].Data
			if droplet == nil {
				continue
			}
			shown++
			Expect(guids(c.list("/v3/droplets?guids=" + droplet.GUID).Resources)).To(Equal([]string{droplet.GUID}))
			var current resource
			Expect(json.Unmarshal(c.get("/v3/apps/"+a.GUID+"/droplets/current").body, &current)).To(Succeed())
			Expect(current.GUID).To(Equal(droplet.GUID))
		}
		Expect(shown).To(BeNumerically(">", 5))
	})

	It("adds up the same load as the truth", func() {
		var shown struct {
			Summary struct {
				Instances int `json:"started_instances"`
				Memory    int `json:"memory_in_mb"`
				Services  int `json:"service_instances"`
			} `json:"usage_summary"`
		}
		Expect(json.Unmarshal(c.get("/v3/info/usage_summary").body, &shown)).To(Succeed())
		instances, memory, services := 0, 0, 0
		for _, s := range c.Truth() {
			switch {
			case !s.End.IsZero():
			case s.Kind == sim.KindApp:
				instances += s.Footprint.Instances
				memory += s.Footprint.Instances * s.Footprint.MemoryMB
			case s.Kind == sim.KindTask:
				memory += s.Footprint.MemoryMB
			case s.Kind == sim.KindService:
				services++
			}
		}
		canceling := 0
		world(func(p *sim.Platform) {
			for _, a := range p.Apps {
				for _, t := range a.Tasks {
					if t.State() == "CANCELING" {
						canceling += t.MemoryMB
					}
				}
			}
		})
		Expect(instances).To(BeNumerically(">", 10))
		Expect([]int{shown.Summary.Instances, shown.Summary.Memory, shown.Summary.Services}).To(Equal([]int{
			instances,
			memory - canceling, services,
		}))
		sum := 0
		for _, org := range c.list("/v3/organizations").Resources {
			Expect(json.Unmarshal(c.get("/v3/organizations/"+org.GUID+"/usage_summary").body, &shown)).To(Succeed())
			sum += shown.Summary.Instances
		}
		Expect(sum).To(Equal(instances))
	})

	It("shows managers their own organizations, and clients without roles nothing", func() {
		orgs := c.list("/v3/organizations").Resources
		manager := c.user("manager-2")
		Expect(guids(manager.list("/v3/organizations").Resources)).To(Equal([]string{orgs[1].GUID}))
		for _, s := range manager.list("/v3/spaces").Resources {
			Expect(s.Relationships["organization"].Data.GUID).To(Equal(orgs[1].GUID))
		}
		Expect(len(manager.list("/v3/apps?per_page=5000").Resources)).To(BeNumerically("<",
			len(c.list("/v3/apps?per_page=5000").Resources)))
		Expect(manager.get("/v3/organizations/" + orgs[0].GUID).status).To(Equal(404))
		for _, path := range []string{
			"/v3/organizations", "/v3/spaces", "/v3/apps", "/v3/processes", "/v3/tasks",
			"/v3/service_instances", "/v3/droplets", "/v3/roles",
		} {
			Expect(c.as("nobody").list(path).Resources).To(BeEmpty(), path)
		}
	})

	It("lists who manages an organization, as paas-billing asks", func() {
		orgs := c.list("/v3/organizations").Resources
		user := c.Users()[3] // manager-2
		path := "/v3/roles?per_page=5000&types=organization_manager,organization_billing_manager&user_guids=" +
			user.GUID
		roles := c.list(path).Resources
		Expect(roles).To(HaveLen(1))
		Expect(roles[0].Type).To(Equal("organization_manager"))
		Expect(roles[0].Relationships["user"].Data.GUID).To(Equal(user.GUID))
		Expect(roles[0].Relationships["organization"].Data.GUID).To(Equal(orgs[1].GUID))
		Expect(roles[0].Relationships["space"].Data).To(BeNil())
		Expect(c.list(path + "&organization_guids=" + orgs[0].GUID).Resources).To(BeEmpty())
		Expect(c.list("/v3/roles?types=organization_billing_manager").Resources).To(HaveLen(len(orgs)))
	})

	It("refuses unknown parameters and knows no other paths", func() {
		r := c.get("/v3/apps?colour=red")
		Expect(r.fault()).To(And(HaveField("Status", 400), HaveField("Code", 10005), HaveField("Detail",
			ContainSubstring("Unknown query parameter(s): 'colour'"))))
		r = c.get("/v3/routes")
		Expect(r.fault()).To(Equal(fault{404, 10000, "CF-NotFound", "Unknown request"}))
		r = c.request("DELETE", "/v3/apps", "")
		Expect(r.fault().Code).To(Equal(10000))
	})

	It("serves go-cfclient", func(ctx SpecContext) {
		settings, err := config.New(c.server.URL, config.ClientCredentials("daybook", "daybook-secret"))
		Expect(err).NotTo(HaveOccurred())
		cf, err := client.New(settings)
		Expect(err).NotTo(HaveOccurred())
		served(ctx, c, cf)
	})
})

// served asks go-cfclient for the whole input of a reconciliation.
func served(ctx context.Context, c *caller, cf *client.Client) {
	GinkgoHelper()
	orgs, err := cf.Organizations.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(orgs).To(HaveLen(3))
	all, spaces, owners, err := cf.Applications.ListIncludeSpacesAndOrganizationsAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(all).To(HaveLen(len(c.list("/v3/apps?per_page=5000").Resources)))
	Expect(spaces).NotTo(BeEmpty())
	Expect(owners).NotTo(BeEmpty())
	processes, err := cf.Processes.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(len(processes)).To(BeNumerically(">=", len(all)))
	_, err = cf.Tasks.ListAll(ctx, &client.TaskListOptions{
		ListOptions: client.NewListOptions(),
		States:      client.Filter{Values: []string{"RUNNING"}},
	})
	Expect(err).NotTo(HaveOccurred())
	instances, err := cf.ServiceInstances.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(instances).NotTo(BeEmpty())
	plans, err := cf.ServicePlans.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(plans).NotTo(BeEmpty())
	_, err = cf.ServiceOfferings.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	_, err = cf.ServiceBrokers.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	droplets, err := cf.Droplets.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(droplets).NotTo(BeEmpty())
	_, err = cf.Droplets.GetCurrentForApp(ctx, droplets[0].Relationships.App.Data.GUID)
	Expect(err).NotTo(HaveOccurred())
	_, err = cf.Buildpacks.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	roles, err := cf.Roles.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(roles).NotTo(BeEmpty())
	summary, err := cf.Info.GetUsageSummary(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(summary.UsageSummary.StartedInstances).To(BeNumerically(">", 0))
	usage, err := cf.AppUsageEvents.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(usage).To(HaveLen(len(c.list(apps + "?per_page=5000").Resources)))
	_, err = cf.ServiceUsageEvents.ListAll(ctx, nil)
	Expect(err).NotTo(HaveOccurred())
}
