package cc_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

const (
	apps     = "/v3/app_usage_events"
	services = "/v3/service_usage_events"
)

var _ = Describe("the lists of usage events", func() {
	var c *caller
	BeforeEach(func() {
		c = found(lively(1)).as("daybook")
		c.Advance(start.Add(3 * day))
	})

	It("hold every event of the world, in the order of ids", func() {
		world, err := sim.NewWorld(lively(1))
		Expect(err).NotTo(HaveOccurred())
		expected := map[string][]string{}
		world.Advance(start.Add(3*day), func(e sim.Event) { expected[e.List] = append(expected[e.List], e.GUID) })
		Expect(len(expected[sim.ListApp])).To(BeNumerically(">", 200))
		Expect(guids(c.list(apps + "?per_page=5000").Resources)).To(Equal(expected[sim.ListApp]))
		Expect(guids(c.list(services + "?per_page=5000").Resources)).To(Equal(expected[sim.ListService]))
	})

	It("are walked by after_guid, whose event is not listed again (app_usage_events_spec.rb:93-100)", func() {
		all := guids(c.list(apps + "?per_page=5000").Resources)
		var walked []string
		path := apps + "?per_page=37"
		for {
			p := c.list(path)
			Expect(p.Pagination.Total).To(Equal(len(all) - len(walked)))
			if len(p.Resources) == 0 {
				break
			}
			walked = append(walked, guids(p.Resources)...)
			path = apps + "?per_page=37&after_guid=" + walked[len(walked)-1]
		}
		Expect(walked).To(Equal(all))
	})

	It("are walked by pages, too, with links to the others", func() {
		all := guids(c.list(apps + "?per_page=5000").Resources)
		var walked []string
		next := apps + "?per_page=50"
		for {
			p := c.list(next)
			Expect(p.Pagination.Total).To(Equal(len(all)))
			Expect(p.Pagination.Pages).To(Equal((len(all) + 49) / 50))
			walked = append(walked, guids(p.Resources)...)
			if p.Pagination.Next == nil {
				Expect(p.Pagination.Previous).NotTo(BeNil())
				break
			}
			next = strings.TrimPrefix(p.Pagination.Next.Href, c.server.URL)
		}
		Expect(walked).To(Equal(all))
		Expect(c.list(apps + "?page=1000").Resources).To(BeEmpty())
		Expect(c.list(apps).Pagination.First.Href).To(Equal(c.server.URL + apps + "?page=1&per_page=50"))
		Expect(c.list(apps + "?after_guid=" + all[0]).Pagination.First.Href).To(Equal(c.server.URL + apps +
			"?after_guid=" + all[0] + "&page=1&per_page=50"))
	})

	It("show one event by its guid", func() {
		one := c.list(apps + "?per_page=1").Resources[0]
		r := c.get(apps + "/" + one.GUID)
		Expect(r.status).To(Equal(http.StatusOK))
		Expect(string(r.body)).To(Equal(string(c.Rows(cc.AppEvents)[0].JSON)))
		r = c.get(apps + "/none")
		Expect(r.fault()).To(Equal(fault{404, 10010, "CF-ResourceNotFound", "App usage event not found"}))
		r = c.get(services + "/" + one.GUID)
		Expect(r.fault()).To(Equal(fault{404, 10010, "CF-ResourceNotFound", "Service usage event not found"}))
	})

	It("filter by guid and time, and order by time", func() {
		all := c.list(apps + "?per_page=5000").Resources
		Expect(guids(c.list(apps + "?guids=" + all[3].GUID + "," + all[5].GUID +
			",none").Resources)).To(Equal([]string{all[3].GUID, all[5].GUID}))
		middle := all[len(all)/2].Created
		stamp := middle.Format(time.RFC3339)
		for filter, admits := range map[string]func(time.Time) bool{
			"created_ats[lt]=" + stamp:  middle.After,
			"created_ats[gt]=" + stamp:  middle.Before,
			"created_ats[lte]=" + stamp: func(t time.Time) bool { return !t.After(middle) },
			"created_ats[gte]=" + stamp: func(t time.Time) bool { return !t.Before(middle) },
			"created_ats=" + stamp:      middle.Equal,
		} {
			expected := slices.DeleteFunc(slices.Clone(all), func(r resource) bool { return !admits(r.Created) })
			Expect(expected).NotTo(BeEmpty())
			p := c.list(apps + "?per_page=5000&" + filter)
			Expect(guids(p.Resources)).To(Equal(guids(expected)), filter)
			Expect(p.Pagination.Total).To(Equal(len(expected)))
		}
		newest := c.list(apps + "?order_by=-created_at&per_page=10").Resources
		Expect(newest[0].Created).To(Equal(all[len(all)-1].Created))
		Expect(slices.IsSortedFunc(newest,
			func(a, b resource) int { return b.Created.Compare(a.Created) })).To(BeTrue())
	})

	It("filter service events by the kind of the instance and by the offering", func() {
		all := c.list(services + "?per_page=5000").Resources
		managed := c.list(services + "?per_page=5000&service_instance_types=managed_service_instance").Resources
		provided := c.list(services + "?per_page=5000&service_instance_types=user_provided_service_instance").Resources
		Expect(len(managed) + len(provided)).To(Equal(len(all)))
		for _, r := range provided {
			Expect(r.Instance.Type).To(Equal("user_provided_service_instance"))
		}
		Expect(c.list(services + "?service_offering_guids=none").Resources).To(BeEmpty())
	})

	DescribeTable("refuse what they do not know, as Cloud Controller does",
		func(query, detail string) {
			r := c.get(apps + query)
			Expect(r.fault()).To(Equal(fault{422, 10008, "CF-UnprocessableEntity", detail}))
		},
		Entry("an unknown parameter (:132-137)", "?colour=red",
			"Unknown query parameter(s): 'colour'. Valid parameters are: 'page', 'per_page', 'order_by', "+
				"'created_ats', 'updated_ats', 'guids', 'after_guid'"),
		Entry("updated_ats (:124-129)", "?updated_ats=2026-10-01T00:00:00Z", "Filtering by 'updated_ats' is not "+
			"allowed on this resource."),
		Entry("an unknown cursor (app_usage_event_list_fetcher_spec.rb:34-41)", "?after_guid=none",
			"After guid filter must be a valid app usage event guid."),
		Entry("two cursors (app_usage_events_list_message_spec.rb:48-55)", "?after_guid=a,b", "After guid filter "+
			"accepts only one guid"),
		Entry("no cursor", "?after_guid=", "After guid filter accepts only one guid"),
		Entry("an order by updated_at (:81-88)", "?order_by=updated_at", "Order by can only be: 'created_at'"),
		Entry("page 0", "?page=0", "Page must be a positive integer"),
		Entry("no rows a page", "?per_page=0", "Per page must be a positive integer"),
		Entry("too many rows a page", "?per_page=5001", "Per page must be between 1 and 5000"),
		Entry("a time that is none", "?created_ats[gt]=yesterday",
			"Created ats has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'"),
	)

	It("name the list in the error of an unknown cursor", func() {
		r := c.get(services + "?after_guid=none")
		Expect(r.fault().Detail).To(Equal("After guid filter must be a valid service usage event guid."))
	})

	It("refuse pages beyond cc.renderer.max_total_results where there is one", func() {
		c.tell(`{"max_total_results": 100}`)
		r := c.get(apps + "?per_page=50&page=3")
		Expect(r.status).To(Equal(422))
		Expect(c.list(apps + "?per_page=50&page=2").Resources).To(HaveLen(50))
	})

	It("are empty for a token without global read, and hide single events from it (:17-37, :64-84)", func() {
		nobody := c.as("nobody")
		one := c.list(apps + "?per_page=1").Resources[0]
		for _, path := range []string{apps, services, apps + "?after_guid=none"} {
			p := nobody.list(path)
			Expect(p.Resources).To(BeEmpty())
			Expect(p.Pagination.Total).To(BeZero())
			Expect(p.Pagination.Pages).To(Equal(1))
		}
		r := nobody.get(apps + "/" + one.GUID)
		Expect(r.fault().Code).To(Equal(10010))
		r = nobody.get(apps + "?updated_ats=1")
		Expect(r.status).To(Equal(422))
	})

	It("show the foundation's time in Date", func() {
		r := c.get(apps)
		Expect(r.header.Get("Date")).To(Equal(c.Now().Format(http.TimeFormat)))
	})

	It("link to the foundation's own address where it is known", func() {
		f, err := cc.New(cc.Config{World: lively(1), URL: "http://cf.test:8181", Key: key()})
		Expect(err).NotTo(HaveOccurred())
		f.Advance(start.Add(day))
		row := f.Rows(cc.AppEvents)[0]
		Expect(string(row.JSON)).To(HaveSuffix(fmt.Sprintf(`"links":{"self":{"href":"http://cf.test:8181/v3/app_usage_events/%s"}}}`, row.GUID)))
	})
})

const day = 24 * time.Hour
