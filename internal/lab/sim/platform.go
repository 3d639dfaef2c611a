package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A foundation's lists of usage events.
const (
	ListApp     = "app"     // /v3/app_usage_events
	ListService = "service" // /v3/service_usage_events
)

// Event is one message of the platform, as a collector gets to see it.
type Event struct {
	// Time is created_at for Cloud Foundry (whole seconds), the message's timestamp for Trove.
	Time time.Time
	// At is when it happened, by the world's own clock.
	At time.Time
	// Call numbers the event's verb: the events of one verb are of one API call, in one
	// transaction.
	Call uint64
	// Trove tells the notifications of the database cloud from the usage events of the foundation.
	Trove bool
	// List is ListApp or ListService for Cloud Foundry.
	List string
	// GUID is the usage event's guid, or the notification's message_id.
	GUID string
	// State is the reported state of a usage event, such as STARTED (state.current of an app usage
	// event); empty for Trove.
	State string
	// Resource is the guid of the event's subject: the process, the task, the app for staging and
	// BUILDPACK_SET without a process, the service instance, the Trove instance.
	Resource string
	// JSON is one line without a line end: a v3 usage event, or a notification as a bare v1 body or
	// in a v2 envelope. It is valid until the receiver returns; copy it to keep it.
	JSON []byte
}

// Record has the columns of every row of Cloud Controller's tables: a growing id, and created_at
// and updated_at by the clock of its API server, in whole seconds. Updated is zero for a row that
// never changed.
type Record struct {
	ID      int64
	Created time.Time
	Updated time.Time
}

// LastChange is updated_at as the API shows it.
func (r *Record) LastChange() time.Time {
	if r.Updated.IsZero() {
		return r.Created
	}
	return r.Updated
}

// Org is a Cloud Foundry organization: a tenant.
type Org struct {
	Record
	GUID, Name string
}

// Space belongs to an organization.
type Space struct {
	Record
	GUID, Name string
	Org        *Org
	json       string // "space" and "organization" of every event
}

// Buildpack stages an app. The zero value is a docker app; a custom one has a URL for a name and no
// GUID. Where there are several, Name is the URL of the first custom one, GUID is the final one's
// and Final its name: Cloud Controller reports name and guid of different buildpacks.
type Buildpack struct{ GUID, Name, Final string }

// Custom reports whether Name is the URL of a custom buildpack, as Cloud Controller shows it:
// without user and password, but with its query.
func (b Buildpack) Custom() bool { return b.Name != "" && (b.GUID == "" || b.Final != "") }

// Platform is the state of a foundation and a database cloud, with a clock set by its user.
type Platform struct {
	Orgs     []*Org
	Spaces   []*Space
	Apps     []*App      // living ones, in no particular order
	Services []*Service  // the same
	Database []*Instance // the same

	// Gone are the deleted database instances, kept as Trove keeps their rows, where KeepDeleted is
	// set.
	Gone        []*Instance
	KeepDeleted bool

	// The foundation's offer. Nothing of it is metered by itself.
	Plans      []*Plan
	Buildpacks []Buildpack // without the custom ones

	random *rand.Rand // for events: guids, message ids
	aside  *rand.Rand // for everything outside of events
	clocks []int64    // skews of the API servers' clocks in microseconds; none stands for one right clock
	skew   int64      // of the present call's server
	calls  uint64
	lastID int64
	stale  []*baseline // of ended resources
	host   string
	now    int64 // Unix microseconds
	emit   func(Event)
	audits func(Audit) // nil for nobody
	buffer []byte
	inner  []byte // of a v2 envelope
	stamps stamps
	truth  recorder
}

// NewPlatform makes an empty platform. The seed gives guids and message ids; emit gets every event
// as it happens. Times before the first SetTime are in 1970.
func NewPlatform(seed uint64, emit func(Event)) *Platform {
	return &Platform{
		random: rand.New(rand.NewPCG(seed, 0x64617962_6f6f6b)), //nolint:gosec // the same seed must give the same world
		aside:  rand.New(rand.NewPCG(seed, 0x6173696465)),      //nolint:gosec // the same
		host:   "https://api.cf.example.org",
		emit:   emit,
	}
}

// SetTime moves the clock. It never goes back: a past time is ignored.
func (p *Platform) SetTime(t time.Time) { p.setMicro(t.UnixMicro()) }

func (p *Platform) setMicro(micro int64) { p.now = max(p.now, micro) }

// Now is the platform's clock.
func (p *Platform) Now() time.Time { return time.UnixMicro(p.now).UTC() }

// SetClocks gives the foundation API servers with clocks off by these amounts. Each verb is a call
// to one of them, by chance, and created_at is its clock. The truth goes by the same times, but
// never backward for one resource: a report from before the resource's former report counts at the
// former's time.
func (p *Platform) SetClocks(skews ...time.Duration) {
	p.clocks = nil
	for _, skew := range skews {
		p.clocks = append(p.clocks, skew.Microseconds())
	}
}

// call begins a verb of the foundation.
func (p *Platform) call() {
	p.calls++
	switch len(p.clocks) {
	case 0:
		p.skew = 0
	case 1:
		p.skew = p.clocks[0]
	default:
		p.skew = p.clocks[p.aside.IntN(len(p.clocks))]
	}
}

// database begins a call by the clock of the foundation's database.
func (p *Platform) database() {
	p.calls++
	p.skew = 0
}

// second is the time of the present call in whole seconds, Cloud Foundry's precision.
func (p *Platform) second() int64 { return (p.now + p.skew) / 1e6 }

// touch notes a change to a row.
func (p *Platform) touch(r *Record) { r.Updated = unixUTC(p.second()) }

func (p *Platform) record() Record {
	p.lastID++
	return Record{ID: p.lastID, Created: unixUTC(p.second())}
}

// Truth lists the true spans, straight from the changes of state, by kind, resource and start.
func (p *Platform) Truth() []Span { return p.truth.truth() }

// TrueBill prices the truth by the tariff of Catalogue. Running resources are charged up to the
// horizon given for their platform.
func (p *Platform) TrueBill(cf, trove time.Time) Bill { return p.truth.trueBill(cf, trove) }

// AddOrg adds an organization. An empty guid gets a random one.
func (p *Platform) AddOrg(guid, name string) *Org {
	org := &Org{Record: p.record(), GUID: p.orNew(guid), Name: name}
	p.Orgs = append(p.Orgs, org)
	return org
}

// AddSpace adds a space. An empty guid gets a random one.
func (p *Platform) AddSpace(org *Org, guid, name string) *Space {
	space := &Space{Record: p.record(), GUID: p.orNew(guid), Org: org}
	space.rename(name)
	p.Spaces = append(p.Spaces, space)
	return space
}

func (s *Space) rename(name string) {
	s.Name = name
	s.json = fmt.Sprintf(`"space":{"guid":%s,"name":%s},"organization":{"guid":%s},`, quote(s.GUID), quote(name),
		quote(s.Org.GUID))
}

// RenameSpace changes the name: no event. The next event in the space has it.
func (p *Platform) RenameSpace(s *Space, name string) {
	p.call()
	s.rename(name)
}

// RenameOrg changes the name, absent from all events.
func (p *Platform) RenameOrg(org *Org, name string) {
	p.call()
	org.Name = name
}

// DeleteSpace deletes a space with its apps and service instances, in one call after the other. No
// app of it may have an open build.
func (p *Platform) DeleteSpace(s *Space) {
	for _, a := range slices.Clone(p.Apps) {
		if a.Space == s {
			p.DeleteApp(a)
		}
	}
	for _, service := range slices.Clone(p.Services) {
		if service.Space == s {
			p.DeleteService(service)
		}
	}
	p.call()
	p.Spaces = slices.DeleteFunc(p.Spaces, func(other *Space) bool { return other == s })
}

// DeleteOrg deletes an organization with its spaces: see DeleteSpace.
func (p *Platform) DeleteOrg(org *Org) {
	for _, s := range slices.Clone(p.Spaces) {
		if s.Org == org {
			p.DeleteSpace(s)
		}
	}
	p.call()
	p.Orgs = slices.DeleteFunc(p.Orgs, func(other *Org) bool { return other == org })
}

func (p *Platform) orNew(guid string) string {
	if guid != "" {
		return guid
	}
	return p.newGUID().String()
}

func (p *Platform) newGUID() guid { return newGUID(p.random) }
