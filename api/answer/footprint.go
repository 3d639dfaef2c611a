package answer

import "github.com/daybook-billing/daybook/events"

// Footprint is the size of a resource; each kind has some of the fields.
type Footprint struct {
	Instances        *uint32 `json:"instances,omitempty"`
	MemoryMB         *uint32 `json:"memory_mb,omitempty" doc:"MiB an instance."`
	VolumeGB         *uint32 `json:"volume_gb,omitempty" doc:"GiB."`
	ProcessType      string  `json:"process_type,omitempty" maxLength:"1024"`
	Buildpack        string  `json:"buildpack,omitempty" maxLength:"1024"`
	BuildpackGUID    string  `json:"buildpack_guid,omitempty" maxLength:"1024"`
	Plan             string  `json:"plan,omitempty" maxLength:"1024"`
	PlanGUID         string  `json:"plan_guid,omitempty" maxLength:"1024"`
	Offering         string  `json:"offering,omitempty" maxLength:"1024"`
	OfferingGUID     string  `json:"offering_guid,omitempty" maxLength:"1024"`
	Broker           string  `json:"broker,omitempty" maxLength:"1024"`
	BrokerGUID       string  `json:"broker_guid,omitempty" maxLength:"1024"`
	Flavor           string  `json:"flavor,omitempty" maxLength:"1024"`
	FlavorID         string  `json:"flavor_id,omitempty" maxLength:"1024"`
	Datastore        string  `json:"datastore,omitempty" maxLength:"1024"`
	DatastoreID      string  `json:"datastore_id,omitempty" maxLength:"1024"`
	Region           string  `json:"region,omitempty" maxLength:"1024"`
	AvailabilityZone string  `json:"availability_zone,omitempty" maxLength:"1024"`
}

// NewFootprint is the form of a footprint.
func NewFootprint(f *events.Footprint) Footprint {
	number := func(c events.Count) *uint32 {
		if n, known := c.Get(); known {
			return &n
		}
		return nil
	}
	return Footprint{
		Instances: number(f.Instances), MemoryMB: number(f.MemoryMB), VolumeGB: number(f.VolumeGB),
		ProcessType: f.ProcessType, Buildpack: f.Buildpack, BuildpackGUID: f.BuildpackGUID,
		Plan: f.Plan, PlanGUID: f.PlanGUID, Offering: f.Offering, OfferingGUID: f.OfferingGUID,
		Broker: f.Broker, BrokerGUID: f.BrokerGUID, Flavor: f.Flavor, FlavorID: f.FlavorID,
		Datastore: f.Datastore, DatastoreID: f.DatastoreID, Region: f.Region, AvailabilityZone: f.AvailabilityZone,
	}
}

// Footprint is the footprint of a form.
func (f *Footprint) Footprint() events.Footprint {
	count := func(n *uint32) events.Count {
		if n == nil {
			return events.Count{}
		}
		return events.Some(*n)
	}
	return events.Footprint{
		Instances: count(f.Instances), MemoryMB: count(f.MemoryMB), VolumeGB: count(f.VolumeGB),
		ProcessType: f.ProcessType, Buildpack: f.Buildpack, BuildpackGUID: f.BuildpackGUID,
		Plan: f.Plan, PlanGUID: f.PlanGUID, Offering: f.Offering, OfferingGUID: f.OfferingGUID,
		Broker: f.Broker, BrokerGUID: f.BrokerGUID, Flavor: f.Flavor, FlavorID: f.FlavorID,
		Datastore: f.Datastore, DatastoreID: f.DatastoreID, Region: f.Region, AvailabilityZone: f.AvailabilityZone,
	}
}
