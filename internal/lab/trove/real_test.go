package trove_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/lab/identity"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/internal/lab/trove"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
	"github.com/daybook-billing/daybook/reconcile/inspector/exists"
	inspector "github.com/daybook-billing/daybook/reconcile/inspector/trove"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Trove's API")
}

// command is a command to the real Trove.
type command = map[string]any

// rig is a real Trove behind a Keystone.
type rig struct {
	real     *trove.Real
	keystone *identity.Keystone
	address  string
	client   keystone.Config
}

func start() *rig {
	GinkgoHelper()
	scale.Long(Skip)
	r := &rig{keystone: identity.NewKeystone(time.Now)}
	// No spec's context: it would end the process between two specs.
	var err error
	r.real, err = trove.Start(context.Background(), GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(r.real.Close()).To(Succeed()) })
	issuer, server := httptest.NewServer(r.keystone), httptest.NewServer(trove.Behind(r.keystone, r.real))
	DeferCleanup(issuer.Close)
	DeferCleanup(server.Close)
	r.address = server.URL
	r.client = keystone.Config{
		URL: issuer.URL, User: identity.KeystoneUser, UserDomain: "Default", Secret: identity.KeystonePassword,
	}
	return r
}

// do does a command, and returns its result with the facts of the notifications, as the collector
// reads them.
func (r *rig) do(name string, arguments command) (result string, facts []events.Usage) {
	GinkgoHelper()
	result, sent, err := r.real.Do(name, arguments)
	Expect(err).NotTo(HaveOccurred())
	for _, message := range sent {
		u, err := notification.NormaliseText(nil, "os", message)
		if errors.Is(err, collector.ErrIgnored) {
			continue
		}
		Expect(err).NotTo(HaveOccurred())
		facts = append(facts, u)
	}
	return result, facts
}

// active makes a database that has become active, and returns its create.
func (r *rig) active(tenant, name, flavor string, gb int) events.Usage {
	GinkgoHelper()
	id, _ := r.do("build", command{"tenant": tenant, "name": name, "flavor": flavor, "volume": gb})
	_, facts := r.do("activate", command{"id": id})
	Expect(facts).To(HaveExactElements(HaveField("Event", events.EventTroveCreate)))
	return facts[0]
}

// inspector is one with the rights of the user now.
func (r *rig) inspector(project string, tenants map[string]string) *inspector.Inspector {
	GinkgoHelper()
	r.keystone.RevokeOwn()
	client, err := troveapi.New(troveapi.Config{
		Foundation: "os", URL: r.address, Keystone: r.client, Projects: []string{project},
		RetryWait: time.Millisecond,
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(client.Close)
	return inspector.New(inspector.Config{Foundation: "os"}, client, inspector.Deps{
		Tenant: func(k reconcile.Key) string { return tenants[k.Resource] },
	})
}

func numbered(facts []events.Usage) iter.Seq2[uint64, *events.Usage] {
	return func(yield func(uint64, *events.Usage) bool) {
		for i := range facts {
			if !yield(uint64(i)+1, &facts[i]) {
				return
			}
		}
	}
}

var _ = Describe("Trove 18's own code", Ordered, func() {
	var r *rig
	BeforeAll(func() { r = start() })

	It("loses a delete: the windows say nothing, and its API has the true end", func(ctx SpecContext) {
		lost, other := r.active("t1", "lost", "10", 1), r.active("t2", "other", "2", 3)
		near := r.active("t1", "near", "2", 5)
		tenants := map[string]string{lost.Resource: "t1", other.Resource: "t2", near.Resource: "t1"}
		keys := []reconcile.Key{
			{Kind: events.KindInstance, Resource: lost.Resource}, {Kind: events.KindVolume, Resource: lost.Resource},
		}
		r.keystone.Grant("t1", "admin")
		_, before := r.do("exists", nil)
		plan, err := r.inspector("t1", tenants).Inspect(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(plan.Complete(events.KindInstance) && plan.Complete(events.KindVolume)).To(BeTrue())
		Expect(plan.Materials).To(HaveLen(6))
		billed := map[string]*events.Footprint{
			lost.Resource: &lost.Footprint, other.Resource: &other.Footprint, near.Resource: &near.Footprint,
		}
		for i := range plan.Materials {
			m := &plan.Materials[i]
			Expect(reconcile.SameSize(m.Kind, billed[m.Resource], &m.Footprint)).To(BeTrue(), "%+v", m.Footprint)
			Expect(m.Tenant).To(Equal(tenants[m.Resource]))
			if m.Kind == events.KindInstance {
				Expect(m.Footprint.MemoryMB).To(Equal(billed[m.Resource].MemoryMB))
				Expect(m.Footprint.Flavor).To(Equal(billed[m.Resource].Flavor))
			}
		}

		_, dropped := r.do("delete", command{"id": lost.Resource})
		Expect(dropped).To(HaveExactElements(HaveField("Event", events.EventTroveDelete)))
		facts := append([]events.Usage{lost, other, near}, before...)
		from := before[len(before)-1].Observed
		for range 2 {
			_, windows := r.do("exists", nil)
			facts = append(facts, windows...)
		}
		said := exists.Floorplan("os", numbered(facts), from, from.Add(time.Hour))
		Expect(said.Materials).To(HaveLen(2))
		Expect(said.Materials).NotTo(ContainElement(HaveField("Resource", lost.Resource)))
		Expect(said.CompleteFor(events.KindInstance, "t1")).To(BeFalse(), "silence is no deletion")

		x := r.inspector("t1", tenants)
		plan, err = x.Inspect(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(plan.Complete(events.KindInstance)).To(BeTrue())
		Expect(plan.Materials).To(HaveLen(4))
		Expect(plan.Materials).NotTo(ContainElement(HaveField("Resource", lost.Resource)))
		sights, err := x.Look(ctx, append(keys, reconcile.Key{Kind: events.KindVolume, Resource: other.Resource}))
		Expect(err).NotTo(HaveOccurred())
		Expect(sights).To(HaveLen(3))
		for i := range keys {
			Expect(sights[i].Key).To(Equal(keys[i]))
			Expect(sights[i].There).To(BeFalse())
			Expect(sights[i].Ended).To(Equal(dropped[0].Time), "the time of the message that was lost")
		}
		Expect(sights[2].There).To(BeTrue())
		Expect(sights[2].Material.Footprint.VolumeGB).To(Equal(events.Some(3)))

		r.keystone.Grant("t1", "member")
		sights, err = r.inspector("t1", tenants).Look(ctx, keys)
		Expect(err).NotTo(HaveOccurred())
		Expect(sights).To(HaveEach(SatisfyAll(HaveField("There", false), HaveField("Ended", BeZero()))))
		Expect(sights).To(HaveLen(2))
	})

	It("answers as the made-up API does", func(ctx SpecContext) {
		platform := sim.NewPlatform(3, func(sim.Event) {})
		platform.SetTime(time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC))
		made := trove.New(platform, platform.Now)
		project := &sim.Project{ID: "p", UserID: "u", Region: "LOCAL_DEV"}
		var living, gone, failed, building *sim.Instance
		made.Do(func(p *sim.Platform) {
			create := func(name string) *sim.Instance {
				return p.CreateInstance(project, name, sim.Flavor{ID: "10", Name: "m1.rd-tiny", MemoryMB: 512}, 1)
			}
			living, gone, failed, building = create("living"), create("gone"), create("failed"), create("building")
			p.Activate(living)
			p.Activate(gone)
			p.DeleteInstance(gone)
		})
		made.Set(failed.ID, trove.More{Failed: "Build error: Server."})
		ids := map[string][2]string{} // by name: the real one's, and the made-up one's
		for name, i := range map[string]*sim.Instance{
			"living": living, "gone": gone, "failed": failed, "building": building,
		} {
			id, _ := r.do("build", command{"tenant": "p", "name": name, "flavor": "10", "volume": 1})
			ids[name] = [2]string{id, i.ID}
		}
		r.do("activate", command{"id": ids["living"][0]})
		r.do("activate", command{"id": ids["gone"][0]})
		r.do("delete", command{"id": ids["gone"][0]})
		r.do("fail", command{"id": ids["failed"][0]})

		var different []string
		for _, role := range []string{"admin", "member"} {
			for _, path := range []string{
				"/v1.0/p/instances?include_clustered=true", "/v1.0/p/instances?include_clustered=true&limit=2",
				"/v1.0/other/instances", "/v1.0/p/instances/nobody", "/v1.0/p/instances/{living}",
				"/v1.0/p/instances/{building}", "/v1.0/p/instances/{failed}", "/v1.0/p/instances/{gone}",
				"/v1.0/p/mgmt/instances/nobody", "/v1.0/p/mgmt/instances/{living}?deleted=true",
				"/v1.0/p/mgmt/instances/{gone}", "/v1.0/p/mgmt/instances/{gone}?deleted=true",
				"/v1.0/p/mgmt/instances?include_clustered=true&deleted=false",
				"/v1.0/p/mgmt/instances?include_clustered=true&deleted=true",
				"/v1.0/p/mgmt/instances?include_clustered=true", "/v1.0/p/nothing/at/all",
			} {
				var said [2]string
				for which, api := range []http.Handler{r.real, made} {
					said[which] = shape(ctx, api, role, path, ids, which)
				}
				if said[0] != said[1] {
					different = append(different, role+" GET "+path+" is by Trove "+said[0]+", and made up "+said[1])
				}
			}
		}
		Expect(different).To(BeEmpty())
	})
})

// shape is an answer without what differs between two clouds: its status, the message of a refusal,
// and of each instance of project p the members that billing reads.
func shape(ctx context.Context, api http.Handler, role, path string, ids map[string][2]string, which int) string {
	GinkgoHelper()
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id[which])
	}
	server := httptest.NewServer(api)
	defer server.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("X-Auth-Token", "t")
	request.Header.Set("X-Tenant-Id", "p")
	request.Header.Set("X-Role", role)
	answer, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(answer.Header.Get("Date")).NotTo(BeEmpty())
	text := string(body)
	for name, id := range ids {
		text = strings.ReplaceAll(text, id[which], "{"+name+"}")
	}
	var in command
	Expect(json.Unmarshal([]byte(text), &in)).To(Succeed(), text)
	if answer.StatusCode != http.StatusOK {
		b, err := json.Marshal(in)
		Expect(err).NotTo(HaveOccurred())
		return answer.Status + " " + string(b)
	}
	out := command{}
	for key, value := range in {
		switch v := value.(type) {
		case command:
			out[key] = row(v)
		case []any:
			var rows []string
			for _, one := range v {
				if m, ok := one.(command); ok && (m["tenant_id"] == nil || m["tenant_id"] == "p") && m["id"] != nil {
					rows = append(rows, row(m))
				}
			}
			slices.Sort(rows)
			if strings.Contains(path, "limit=") { // by id, and ids are made up
				rows = rows[:0]
				for range v {
					rows = append(rows, "one")
				}
			}
			out[key] = rows
		}
	}
	b, err := json.Marshal(out)
	Expect(err).NotTo(HaveOccurred())
	return answer.Status + " " + string(b)
}

// row is an instance's members: with their values where billing reads them, else by their names.
func row(m command) string {
	GinkgoHelper()
	store, _ := m["datastore"].(command)
	flavor, _ := m["flavor"].(command)
	out := command{
		"id": m["id"], "name": m["name"], "status": m["status"], "tenant": m["tenant_id"], "flavor": flavor["id"],
		"datastore": store["type"] != nil, "region": m["region"], "deleted": m["deleted"],
		"task": m["task_description"],
	}
	if volume, ok := m["volume"].(command); ok && m["deleted"] != true {
		out["volume"] = volume["size"]
	}
	members := slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(key string) bool {
		switch key { // of Neutron, of the guest agent, and of the deleted row's volume
		case "ip", "addresses", "fault", "guest_status", "volume":
			return true
		}
		return false
	})
	out["members"] = members
	for _, key := range []string{"created", "updated", "deleted_at"} {
		if text, ok := m[key].(string); ok {
			_, err := time.Parse("2006-01-02T15:04:05", text)
			Expect(err).NotTo(HaveOccurred())
			out[key] = true
		}
	}
	b, err := json.Marshal(out)
	Expect(err).NotTo(HaveOccurred())
	return string(b)
}
