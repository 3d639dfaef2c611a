package trove

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/internal/noise"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// databases are the instances of a foundation.
type databases struct {
	*Foundation
	sequence uint64
	all      map[string]*instance
	ch       timeline.Change
}

func newDatabases() *databases {
	rules := timeline.Rules{
		Source: events.SourceTrove, Foundation: "eu", Cut: timeline.CutDay,
		Horizon: timeline.MinMoment, Closed: timeline.MinMoment, Folded: timeline.MinMoment,
	}
	return &databases{Foundation: New(&rules, 3), all: map[string]*instance{}}
}

func (d *databases) instance(resource string) *instance {
	if d.all[resource] == nil {
		d.all[resource], _ = d.New(events.KindInstance, resource).(*instance)
	}
	return d.all[resource]
}

// step applies a fact, a decision or a horizon.
func (d *databases) step(message any) {
	d.sequence++
	switch m := message.(type) {
	case *events.Usage:
		d.Observe(m, d.sequence, false)
		d.instance(m.Resource).Add(m, d.sequence, &d.ch)
	case *events.Act:
		if in := d.all[m.Decision.Resource]; in != nil {
			in.Decide(m, &d.ch)
		}
	case time.Time:
		d.Horizon = max(d.Horizon, timeline.MomentOf(m))
		d.Advance()
		for _, in := range d.all {
			in.Expire(d.Horizon, &d.ch)
		}
	}
}

// derived is everything that follows from the facts.
func (d *databases) derived() map[string]derived {
	out := map[string]derived{}
	for resource, in := range d.all {
		out[resource] = in.derive()
	}
	return out
}

// kept counts the facts that are kept.
func (d *databases) kept() (n int) {
	for _, in := range d.all {
		n += len(in.facts) + len(in.reports)
	}
	return n
}

func (d *databases) close(month time.Time) {
	d.Closed, d.Folded = timeline.MomentOf(month), timeline.MomentOf(month)
	for _, in := range d.all {
		in.thin()
	}
}

// packed is the foundation and one of its instances as they stand in a snapshot.
func (d *databases) packed(resource string) []byte {
	p := timeline.NewPacker("", 0)
	d.Pack(p)
	d.all[resource].Pack(p)
	return p.Bytes
}

// unpacked reads what packed wrote.
func unpacked(resource string, b []byte) (*databases, error) {
	d := newDatabases()
	r := timeline.NewReader(b)
	d.Unpack(r)
	d.instance(resource).Unpack(r)
	return d, r.End()
}

// TestClosing: closing a month keeps less and changes no span, no hold and no anomaly.
func TestClosing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDatabases()
		for _, m := range noise.Databases(t) {
			d.step(m)
		}
		before, kept := d.derived(), d.kept()
		d.close(noise.Minute(rapid.IntRange(0, 4000).Draw(t, "closed")))
		if after := d.derived(); !reflect.DeepEqual(before, after) || d.kept() > kept {
			t.Fatalf("before\n%v\nafter\n%v", before, after)
		}
	})
}

// TestSnapshots: what is read from a snapshot is what was written, and a damaged one is refused or
// is one of another state, but never more than that.
func TestSnapshots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDatabases()
		for _, m := range noise.Databases(t) {
			d.step(m)
			if rapid.IntRange(0, 9).Draw(t, "horizon moves") == 0 {
				d.step(noise.Minute(rapid.IntRange(0, 4000).Draw(t, "to")))
			}
		}
		for resource, in := range d.all {
			written := d.packed(resource)
			restored, err := unpacked(resource, written)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(restored.all[resource].derive(), in.derive()) ||
				!bytes.Equal(restored.packed(resource), written) {
				t.Fatalf("restored\n%v\nwritten\n%v", restored.derived(), d.derived())
			}
			if _, err := unpacked(resource, written[:rapid.IntRange(0, len(written)-1).Draw(t,
				"cut off at")]); err == nil {
				t.Fatal("a snapshot without its end was taken for whole")
			}
			damaged := slices.Clone(written)
			at, bit := rapid.IntRange(0, len(damaged)-1).Draw(t, "byte"), rapid.IntRange(0, 7).Draw(t, "bit")
			damaged[at] ^= 1 << bit
			if restored, err := unpacked(resource, damaged); err == nil {
				restored.derived()
			}
		}
	})
}

func created() *events.Usage {
	at := noise.Minute(600)
	return &events.Usage{
		ID: "create", Source: events.SourceTrove, Foundation: "eu", Tenant: "project", Kind: events.KindInstance,
		Resource: "I", Event: events.EventTroveCreate, Time: at, Observed: at, Created: at, State: "active",
		Footprint: events.Footprint{FlavorID: "s", MemoryMB: events.Some(512), VolumeGB: events.Some(1)},
	}
}

func exists(minute int) *events.Usage {
	u := created()
	u.ID, u.Event = fmt.Sprint(minute), events.EventTroveExists
	u.Time, u.Observed = noise.Minute(minute), noise.Minute(minute)
	u.Footprint = events.Footprint{FlavorID: "s"}
	return u
}

// TestReportsAreBounded: of reports each minute, two an hour are kept while a month may be open,
// and two in all when it is folded.
func TestReportsAreBounded(t *testing.T) {
	d := newDatabases()
	d.step(created())
	for i := 10; i < 3*24*60; i++ {
		d.step(exists(600 + i))
	}
	if n := d.kept(); n != 1+3*24*2 { // 72 hours
		t.Fatalf("%d facts are kept", n)
	}
	d.close(noise.Minute(31 * 24 * 60))
	if n := d.kept(); n != 1+2 {
		t.Fatalf("%d facts are kept of a closed month", n)
	}
}

// TestReportsOfAnHour: the first and the last of the reports that agree are kept, in whatever order
// they come.
func TestReportsOfAnHour(t *testing.T) {
	for _, minutes := range [][]int{{1, 2, 3, 4}, {4, 3, 2, 1}, {2, 4, 1, 3}} {
		d := newDatabases()
		d.step(created())
		for _, m := range minutes {
			d.step(exists(660 + m))
		}
		if n := d.kept(); n != 1+2 {
			t.Fatalf("%v: %d facts are kept", minutes, n)
		}
	}
}
