package projector

import (
	"cmp"
	"slices"
	"time"
)

// Databases are the instances of a foundation, for tests.
type Databases struct {
	rules *troveRules
	all   []*instance
}

// Databases gives tests the databases of a meter.
func (m *Meter) Databases(foundation string) Databases {
	f := m.foundation("trove", foundation)
	d := Databases{rules: f.rules.trove()}
	for _, t := range f.tracks {
		if t.trove != nil {
			d.all = append(d.all, t.trove)
		}
	}
	slices.SortFunc(d.all, func(a, b *instance) int { return cmp.Compare(a.resource, b.resource) })
	return d
}

// Tracks are what is derived of the databases.
func (d Databases) Tracks() (out []troveTracks) {
	for _, in := range d.all {
		out = append(out, in.derive(d.rules))
	}
	return out
}

// Facts counts what is kept.
func (d Databases) Facts() (n int) {
	for _, in := range d.all {
		n += len(in.facts) + len(in.signs)
	}
	return n
}

// Settle closes the months before a time.
func (d Databases) Settle(closed time.Time) {
	d.rules.Closed = closed
	for _, in := range d.all {
		in.settle(d.rules)
	}
}

// Snapshots are the databases as they stand in a snapshot, and who reports them.
func (d Databases) Snapshots() (out [][]byte) {
	for _, in := range d.all {
		b, _ := in.AppendBinary(nil)
		out = append(out, b)
	}
	b, _ := d.rules.Groups.AppendBinary(nil)
	return append(out, b)
}

// Restore is the opposite of Snapshots.
func (d Databases) Restore(snapshots [][]byte) (Databases, error) {
	rules := *d.rules
	rules.Groups = &groups{}
	restored := Databases{rules: &rules}
	last := len(snapshots) - 1
	for _, b := range snapshots[:last] {
		in := &instance{}
		if err := in.UnmarshalBinary(b); err != nil {
			return restored, err
		}
		restored.all = append(restored.all, in)
	}
	return restored, rules.Groups.UnmarshalBinary(snapshots[last])
}
