package sim_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// replay is a plain reading of a world's events, to hold its truth against: the beginnings, changes
// and ends by resource. It trusts order and completeness, guaranteed by a simulated world, and
// nothing else here may use it.
type replay struct {
	open   map[[2]string]sim.Span
	latest map[[2]string]time.Time
	spans  []sim.Span
	// backward counts the reports older than the former one of their resource.
	backward int
}

// set ends the resource's span and begins the next; a nil footprint only ends.
func (r *replay) set(kind, resource string, at time.Time, f *sim.Footprint) {
	key := [2]string{kind, resource}
	if at.Before(r.latest[key]) {
		r.backward++
		at = r.latest[key]
	}
	r.latest[key] = at
	if s, ok := r.open[key]; ok && at.After(s.Start) {
		s.End = at
		r.spans = append(r.spans, s)
	}
	delete(r.open, key)
	if f != nil {
		r.open[key] = sim.Span{Kind: kind, Resource: resource, Start: at, Footprint: *f}
	}
}

type pair struct{ GUID, Name, Type string }

type usageEvent struct {
	CreatedAt                     time.Time `json:"created_at"`
	State                         json.RawMessage
	App, Process, Task, Buildpack pair
	Memory                        struct{ Current int } `json:"memory_in_mb_per_instance"`
	Count                         struct{ Current int } `json:"instance_count"`
	Service                       pair                  `json:"service_instance"`
	Plan                          pair                  `json:"service_plan"`
	Offering                      pair                  `json:"service_offering"`
	Broker                        pair                  `json:"service_broker"`
}

func (r *replay) usage(line []byte, builds map[string]int) {
	var e usageEvent
	Expect(json.Unmarshal(line, &e)).To(Succeed())
	var state struct{ Current string }
	if json.Unmarshal(e.State, &state) != nil {
		Expect(json.Unmarshal(e.State, &state.Current)).To(Succeed())
	}
	f := sim.Footprint{Instances: e.Count.Current, MemoryMB: e.Memory.Current, Buildpack: e.Buildpack.Name}
	switch state.Current {
	case "STARTED":
		f.ProcessType, f.BuildpackGUID = e.Process.Type, e.Buildpack.GUID
		r.set(sim.KindApp, e.Process.GUID, e.CreatedAt, &f)
	case "STOPPED":
		r.set(sim.KindApp, e.Process.GUID, e.CreatedAt, nil)
	case "TASK_STARTED":
		r.set(sim.KindTask, e.Task.GUID, e.CreatedAt, &f)
	case "TASK_STOPPED":
		r.set(sim.KindTask, e.Task.GUID, e.CreatedAt, nil)
	case "STAGING_STARTED", "STAGING_STOPPED":
		if builds[e.App.GUID]++; state.Current == "STAGING_STOPPED" {
			builds[e.App.GUID] -= 2
		}
		if f.Instances = builds[e.App.GUID]; f.Instances == 0 {
			r.set(sim.KindStaging, e.App.GUID, e.CreatedAt, nil)
		} else {
			r.set(sim.KindStaging, e.App.GUID, e.CreatedAt, &f)
		}
	case "CREATED", "UPDATED":
		if e.Plan.GUID == "" {
			return // user-provided
		}
		r.set(sim.KindService, e.Service.GUID, e.CreatedAt, &sim.Footprint{
			Plan: e.Plan.Name, PlanGUID: e.Plan.GUID, Offering: e.Offering.Name, OfferingGUID: e.Offering.GUID,
			Broker: e.Broker.Name, BrokerGUID: e.Broker.GUID,
		})
	case "DELETED":
		r.set(sim.KindService, e.Service.GUID, e.CreatedAt, nil)
	default:
		Expect(state.Current).To(Equal("BUILDPACK_SET"))
	}
}

func (r *replay) notification(line []byte) {
	var envelope struct {
		Message string `json:"oslo.message"`
	}
	if Expect(json.Unmarshal(line, &envelope)).To(Succeed()); envelope.Message != "" {
		line = []byte(envelope.Message)
	}
	var n struct {
		Type    string `json:"event_type"`
		Payload struct {
			ID      string `json:"instance_id"`
			Created string `json:"created_at"`
			Modify  string `json:"modify_at"`
			Deleted string `json:"deleted_at"`
			Flavor  string `json:"instance_type"`
			Type    string `json:"instance_type_id"`
			Memory  int    `json:"instance_size"`
			Volume  int    `json:"volume_size"`
			Service string `json:"service_id"`
			Region  string `json:"region"`
			Zone    string `json:"availability_zone"`
		}
	}
	Expect(json.Unmarshal(line, &n)).To(Succeed())
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339, s)
		Expect(err).NotTo(HaveOccurred())
		return t
	}
	p := &n.Payload
	flavor := &sim.Footprint{
		Flavor: p.Flavor, FlavorID: p.Type, MemoryMB: p.Memory, DatastoreID: p.Service, Region: p.Region,
		AvailabilityZone: p.Zone, Datastore: map[string]string{
			"2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b": "mysql", "ac277e0d-4f21-40aa-b347-1ea31e571720": "postgresql",
		}[p.Service],
	}
	volume := *flavor
	volume.Flavor, volume.FlavorID, volume.MemoryMB, volume.VolumeGB = "", "", 0, p.Volume
	switch n.Type {
	case "trove.instance.create":
		r.set(sim.KindInstance, p.ID, at(p.Created), flavor)
		r.set(sim.KindVolume, p.ID, at(p.Created), &volume)
	case "trove.instance.modify_flavor":
		r.set(sim.KindInstance, p.ID, at(p.Modify), flavor)
		r.set(sim.KindVolume, p.ID, at(p.Modify), &volume)
	case "trove.instance.modify_volume":
		r.set(sim.KindVolume, p.ID, at(p.Modify), &volume)
	case "trove.instance.delete":
		r.set(sim.KindInstance, p.ID, at(p.Deleted), nil)
		r.set(sim.KindVolume, p.ID, at(p.Deleted), nil)
	default:
		Expect(n.Type).To(Equal("trove.instance.exists"))
	}
}

var _ = Describe("a world's truth", func() {
	DescribeTable("is what a plain reading of all its events finds", func(clocks ...time.Duration) {
		c := small(11)
		c.Drain, c.Clocks = true, clocks
		world, err := sim.NewWorld(c)
		Expect(err).NotTo(HaveOccurred())
		read, builds := replay{open: map[[2]string]sim.Span{}, latest: map[[2]string]time.Time{}}, map[string]int{}
		for e := range world.Events {
			if e.Trove {
				read.notification(e.JSON)
			} else {
				read.usage(e.JSON, builds)
			}
		}
		Expect(read.open).To(BeEmpty())
		Expect(read.backward > 0).To(Equal(len(clocks) > 1))
		truth := sim.Merge(world.Truth())
		for i := range truth { // compare resource, times and footprint
			s := &truth[i]
			*s = sim.Span{Kind: s.Kind, Resource: s.Resource, Start: s.Start, End: s.End, Footprint: s.Footprint}
		}
		found := sim.Merge(sim.Sort(read.spans))
		Expect(len(found)).To(BeNumerically(">", 1000))
		Expect(found).To(HaveLen(len(truth)))
		for i := range found {
			if found[i] != truth[i] {
				Expect(found[i]).To(Equal(truth[i]))
			}
		}
	},
		Entry("with one clock"),
		Entry("with clocks that differ", time.Duration(0), 45*time.Second, -2*time.Minute),
	)
})
