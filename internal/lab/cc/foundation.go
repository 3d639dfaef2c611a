package cc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// Foundation is a running foundation. It is an http.Handler: the API below /v3, the UAA's paths,
// and /_sim for whoever turns the knobs. Safe for concurrent use.
type Foundation struct {
	config  Config
	mux     *http.ServeMux
	users   []User
	started time.Time // by its own clock

	// mu guards everything below, the world included. It is never held while a response is written.
	mu     sync.Mutex
	world  *sim.World
	knobs  Knobs
	uaa    *uaa
	tables [2]*table // by List
	limits map[string]*window
	writes *rand.Rand // for rows
	faults *rand.Rand // for requests
	drawn  map[string]int
	places map[string]place // by guid: organizations and spaces that were changed
	audits []audit          // in their order
	audit  int              // events so far
	past   []moment         // of the inventory, while Knobs.LagRate is above 0
	view   *sim.Platform    // what the present request sees; nil for the world
	asked  int              // requests with a token since the knobs were turned

	now        int64     // Unix microseconds, of the foundation's clock
	since      int64     // now at the time of realSince: Speed counts from here
	realSince  time.Time // of the real clock
	atOnce     bool      // whatever the knobs say: rows are committed when they are written, and there are no others
	lastCall   uint64    // the call of the last rows
	lastCommit int64     // of that call
}

// New makes a foundation at its world's start, with empty tables.
func New(config Config) (*Foundation, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	world, err := sim.NewWorld(c.World)
	if err != nil {
		return nil, err
	}
	f := &Foundation{
		config: c, world: world, knobs: *c.Knobs, users: c.Users,
		tables: [2]*table{newTable(AppEvents, c.DropPruned), newTable(ServiceEvents, c.DropPruned)},
		limits: map[string]*window{}, drawn: map[string]int{}, places: map[string]place{},
		writes: rand.New(rand.NewPCG(c.World.Seed, 0x726f7773)),   //nolint:gosec // the same seed gives the same rows
		faults: rand.New(rand.NewPCG(c.World.Seed, 0x6661756c74)), //nolint:gosec // and the same faults
	}
	if f.users == nil {
		f.users = standardUsers(world.Platform().Orgs)
	}
	f.uaa = newUAA(c)
	world.Platform().OnAudit(f.takeAudit)
	f.started = world.Platform().Now()
	f.now = f.started.UnixMicro()
	f.anchor()
	f.remember()
	f.routes()
	return f, nil
}

// anchor makes Speed count from now on.
func (f *Foundation) anchor() { f.since, f.realSince = f.now, f.config.Clock() }

// maxCatchUp limits how far Speed leads at once, so that a foundation answers soon after a long
// silence: it has slept.
const maxCatchUp = 366 * day

// catchUp brings the foundation to the time given by Speed.
func (f *Foundation) catchUp() {
	if f.knobs.Speed == 0 {
		return
	}
	passed := f.config.Clock().Sub(f.realSince).Seconds() * f.knobs.Speed * 1e6
	limit := f.now + maxCatchUp.Microseconds()
	if float64(f.since)+passed > float64(limit) {
		f.advance(limit)
		f.anchor()
		return
	}
	f.advance(f.since + int64(passed))
}

// date is the time by the clock of the answering API server, in Unix microseconds: one of the
// world's servers.
func (f *Foundation) date() int64 {
	clocks := f.config.World.Clocks
	if len(clocks) == 0 {
		return f.now
	}
	return f.now + clocks[f.faults.IntN(len(clocks))].Microseconds()
}

// jobs are the hours of the day (UTC) of the daily cleanup, by list. Source:
// config/cloud_controller.yml, clock.
var jobs = [2]time.Duration{18 * time.Hour, 22 * time.Hour}

// nextJob is the first daily job after a time.
func nextJob(now int64) (at int64, list List) {
	midnight := unixMicro(now).Truncate(day)
	for ; ; midnight = midnight.Add(day) {
		for l, hour := range jobs {
			if t := midnight.Add(hour).UnixMicro(); t > now {
				return t, List(l)
			}
		}
	}
}

// advance lives on to a time, with the daily jobs on the way. A past time is ignored.
func (f *Foundation) advance(to int64) {
	for f.now < to {
		job, list := nextJob(f.now)
		until := min(to, job)
		f.live(until)
		f.now = until
		if until == job {
			f.prune(list)
		}
	}
}

func (f *Foundation) prune(list List) int {
	if f.knobs.Retention == 0 {
		return 0
	}
	cutoff := f.now - time.Duration(f.knobs.Retention).Microseconds()
	return f.tables[list].prune(f.now, cutoff/1e6, f.knobs.KeepRunning)
}

// write makes a row of an event, as the world yields it.
func (f *Foundation) write(e *sim.Event) {
	list, at := listOf(e), e.At.UnixMicro()
	t := f.tables[list]
	fields := list.read(e.JSON)
	event := f.withURL(e.JSON)
	created := e.Time.Unix()
	switch {
	case !t.mayStop(&fields, f.knobs.KeepRunning):
		t.leaveOut(&fields, e, event, Unwritten)
		return
	case f.loses(list):
		t.leaveOut(&fields, e, event, Lost)
		return
	}
	commit := f.commit(e.Call, at)
	late := commit > at
	if f.atOnce || f.knobs.UnknownStateRate == 0 || f.writes.Float64() >= f.knobs.UnknownStateRate {
		t.insert(fields, event, created, commit, late)
		return
	}
	if f.writes.IntN(2) == 0 {
		event = append(slices.Clone(event[:len(event)-1]),
			`,"placement":{"cell":"z1-`+fmt.Sprint(f.writes.IntN(100))+`","since":null}}`...)
		t.insert(fields, event, created, commit, late)
		return
	}
	t.insert(fields, event, created, commit, late)
	stranger := f.stranger(list, &fields, event)
	t.insert(list.read(stranger), stranger, created, commit, late)
}

// loses reports whether the next row of a list is lost.
func (f *Foundation) loses(list List) bool {
	k := &f.knobs
	lost := f.tables[AppEvents].counts[Lost] + f.tables[ServiceEvents].counts[Lost]
	return !f.atOnce && k.LostRate > 0 && (k.LostMax == 0 || lost < k.LostMax) && len(f.tables[list].rows) > 0 &&
		f.writes.Float64() < k.LostRate
}

// commit is when the transaction of a call's rows is committed.
func (f *Foundation) commit(call uint64, at int64) int64 {
	if call == f.lastCall {
		return f.lastCommit
	}
	f.lastCall, f.lastCommit = call, at
	if !f.atOnce && f.knobs.LateCommits > 0 && f.writes.Float64() < f.knobs.LateCommits {
		f.lastCommit += int64(f.writes.Float64() * float64(time.Duration(f.knobs.LateCommitMax).Microseconds()))
	}
	return f.lastCommit
}

// stranger is an event like the given one, with a guid of its own and an unknown state.
func (f *Foundation) stranger(list List, known *fields, event []byte) []byte {
	state := []byte("EVACUATED")
	if list == ServiceEvents {
		state = []byte("SHARED")
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], f.writes.Uint64())
	binary.BigEndian.PutUint64(id[8:], f.writes.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	guid := fmt.Appendf(nil, "%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	event = bytes.ReplaceAll(event, known.guid, guid)
	was := append([]byte(nil), known.state...)
	return bytes.Replace(event, append(was, '"'), append(state, '"'), 1)
}

// withURL is the event with links to the foundation's address.
func (f *Foundation) withURL(event []byte) []byte {
	if f.config.URL == "" {
		return event
	}
	mark := []byte(`"links":{"self":{"href":"`)
	i := bytes.LastIndex(event, mark)
	if i < 0 {
		return event
	}
	rest := event[i+len(mark):]
	path := bytes.Index(rest, []byte("/v3/"))
	if path < 0 {
		return event
	}
	return slices.Concat(event[:i+len(mark)], []byte(f.config.URL), rest[path:])
}

// Now is the foundation's clock.
func (f *Foundation) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	return unixMicro(f.now)
}

// Advance lives on to a time of the foundation's clock, faster than any Speed. A past time is
// ignored.
func (f *Foundation) Advance(to time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.advance(to.UnixMicro())
	f.anchor()
}

// Knobs are the knobs as they are.
func (f *Foundation) Knobs() Knobs {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.knobs
}

// SetKnobs turns the knobs. It refuses invalid values as a whole.
func (f *Foundation) SetKnobs(k Knobs) error {
	if err := k.Validate(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setKnobs(k)
	return nil
}

func (f *Foundation) setKnobs(k Knobs) {
	f.catchUp()
	f.anchor()
	if k.LagRate == 0 && f.knobs.LagRate == 0 {
		f.past = nil
	}
	f.knobs, f.asked = k, 0
	f.remember()
}

// ResetFaults turns all faults off, and keeps retention, the lifetime of tokens and the speed.
func (f *Foundation) ResetFaults() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resetFaults()
}

func (f *Foundation) resetFaults() {
	k := StandardKnobs()
	k.Retention, k.KeepRunning, k.TokenLifetime, k.Speed = f.knobs.Retention, f.knobs.KeepRunning,
		f.knobs.TokenLifetime, f.knobs.Speed
	k.AuditRetention = f.knobs.AuditRetention
	f.setKnobs(k)
}

// Prune does the daily cleanup of a list at once, and returns how many rows went.
func (f *Foundation) Prune(list List) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	return f.prune(list)
}

// Truth lists the spans of the foundation so far, as sim.Platform.Truth does: apps, tasks, staging
// and services.
func (f *Foundation) Truth() []sim.Span {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	return slices.DeleteFunc(f.world.Truth(), func(s sim.Span) bool {
		return s.Kind == sim.KindInstance ||
			s.Kind == sim.KindVolume
	})
}

// TrueBill prices the spans of the foundation by the tariff of sim.Catalogue; running ones are
// charged up to now.
func (f *Foundation) TrueBill() sim.Bill {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	now := unixMicro(f.now)
	bill := f.world.Platform().TrueBill(now, now)
	for tenant, kinds := range bill {
		delete(kinds, sim.KindInstance)
		delete(kinds, sim.KindVolume)
		if len(kinds) == 0 {
			delete(bill, tenant)
		}
	}
	return bill
}

// Rows lists the table in the order of ids, with uncommitted rows.
func (f *Foundation) Rows(list List) []Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	t := f.tables[list]
	rows := make([]Row, len(t.rows))
	for i := range t.rows {
		rows[i] = t.public(&t.rows[i])
	}
	return rows
}

// Pruned lists the removed rows, in the order of removal.
func (f *Foundation) Pruned(list List) []Pruned {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	return slices.Clone(f.tables[list].pruned)
}

// Users lists the accounts with a password: "operator" with cloud_controller.admin_read_only, and
// for each organization, counted from 1, "manager-1" and "billing-1". All their passwords are
// "password", unless Config says otherwise.
func (f *Foundation) Users() []User { return slices.Clone(f.users) }
