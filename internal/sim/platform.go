package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Event is one message of the platform, as a collector gets to see it.
type Event struct {
	// Time is created_at for Cloud Foundry (whole seconds), the message's timestamp for Trove.
	Time time.Time
	// Trove tells the notifications of the database cloud from the usage events of the foundation.
	Trove bool
	// JSON is one line without a line end: a v3 usage event, or a notification as a bare v1 body or in a v2 envelope.
	// It is valid until the receiver returns; copy it to keep it.
	JSON []byte
}

// Org is a Cloud Foundry organization: a tenant.
type Org struct{ GUID, Name string }

// Space belongs to an organization.
type Space struct {
	GUID, Name string
	Org        *Org
	json       string // "space" and "organization" of every event
}

// Buildpack is what an app is staged with. The zero value is a docker app; a custom one has a URL for a name and no GUID.
type Buildpack struct{ GUID, Name string }

// Platform is the state of a foundation and a database cloud, with a clock that its user sets.
type Platform struct {
	Orgs     []*Org
	Spaces   []*Space
	Apps     []*App      // living ones, in no particular order
	Services []*Service  // the same
	Database []*Instance // the same

	random *rand.Rand
	host   string
	now    int64 // Unix microseconds
	emit   func(Event)
	buffer []byte
	inner  []byte // of a v2 envelope
	stamps stamps
	truth  recorder
}

// NewPlatform makes an empty platform. The seed gives guids and message ids; emit gets every event as it happens.
// Times before the first SetTime are those of 1970.
func NewPlatform(seed uint64, emit func(Event)) *Platform {
	return &Platform{
		random: rand.New(rand.NewPCG(seed, 0x64617962_6f6f6b)), //nolint:gosec // the same seed must give the same world
		host:   "https://api.cf.example.org",
		emit:   emit,
	}
}

// SetTime moves the clock. It never goes back: a time that has passed is ignored.
func (p *Platform) SetTime(t time.Time) { p.setMicro(t.UnixMicro()) }

func (p *Platform) setMicro(micro int64) { p.now = max(p.now, micro) }

// Now is the platform's clock.
func (p *Platform) Now() time.Time { return time.UnixMicro(p.now).UTC() }

// second is the clock in whole seconds, the only precision that Cloud Foundry reports.
func (p *Platform) second() int64 { return p.now / 1e6 }

// Truth lists what ran, straight from the changes of state, by kind, resource and start.
func (p *Platform) Truth() []Span { return p.truth.truth() }

// TrueBill prices the truth by the tariff of Catalogue. What still runs is charged up to the horizon given for its
// platform.
func (p *Platform) TrueBill(cf, trove time.Time) Bill { return p.truth.trueBill(cf, trove) }

// AddOrg adds an organization. An empty guid gets a random one.
func (p *Platform) AddOrg(guid, name string) *Org {
	org := &Org{GUID: p.orNew(guid), Name: name}
	p.Orgs = append(p.Orgs, org)
	return org
}

// AddSpace adds a space. An empty guid gets a random one.
func (p *Platform) AddSpace(org *Org, guid, name string) *Space {
	space := &Space{GUID: p.orNew(guid), Name: name, Org: org}
	space.json = fmt.Sprintf(`"space":{"guid":%s,"name":%s},"organization":{"guid":%s},`, quote(space.GUID), quote(name), quote(org.GUID))
	p.Spaces = append(p.Spaces, space)
	return space
}

func (p *Platform) orNew(guid string) string {
	if guid != "" {
		return guid
	}
	return p.newGUID().String()
}
