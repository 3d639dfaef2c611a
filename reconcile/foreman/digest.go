package foreman

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// This file has the digests that a plan's id is made of.

// identify gives the plan and its remodels their ids.
func (w *work) identify() {
	p := &w.plan
	p.Floorplan, p.Rules = w.floorplanDigest(), w.rulesDigest()
	p.ID = ID(p)
	for i := range p.Remodels {
		r := &p.Remodels[i]
		r.ID = events.ID("remodel", p.ID, r.Key.Kind, r.Key.Resource)
	}
}

// ID is the id of a plan as it stands. Beside the position, the floorplan and the rules it has what
// they came to: proofs of life and limitations that ended count, too.
func ID(p *reconcile.Plan) string {
	h := sha256.New()
	for i := range p.Remodels {
		r := &p.Remodels[i]
		write(h, r.Key, r.Type, r.Act, r.At.UTC(), r.NotBefore.UTC(), r.NotAfter.UTC())
	}
	return events.ID("plan", p.Source, p.Foundation, fmt.Sprint(p.Usage, p.Metered), p.Floorplan, p.Rules,
		hex.EncodeToString(h.Sum(nil)))
}

// floorplanDigest is the digest of everything that was seen.
func (in *Input) floorplanDigest() string {
	h := sha256.New()
	var b []byte
	for _, f := range []*reconcile.Floorplan{in.Former, in.Floorplan} {
		if f == nil {
			f = &reconcile.Floorplan{}
		}
		write(h, f.Begun, f.Seen, f.AfterSequence, f.Listings)
		for i := range f.Materials {
			b = appendMaterial(b[:0], &f.Materials[i])
			h.Write(b)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(in.Sights), reconcile.Key.Compare) {
		write(h, in.Sights[key])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// appendMaterial appends everything of a material, each text with its length.
func appendMaterial(b []byte, m *reconcile.Material) []byte {
	for _, text := range []string{
		m.Kind, m.Resource, m.App, m.Tenant, m.Space, m.SpaceName, m.Name, m.Doubt, m.Held, string(m.Evidence),
	} {
		b = append(strconv.AppendInt(b, int64(len(text)), 10), ':')
		b = append(b, text...)
	}
	b = reconcile.AppendFootprint(b, &m.Footprint)
	b = m.Since.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(m.Proof.UTC().AppendFormat(b, time.RFC3339Nano), '\n')
}

// rulesDigest is the digest of the rules.
func (in *Input) rulesDigest() string {
	h := sha256.New()
	write(h, in.Rules)
	return hex.EncodeToString(h.Sum(nil))
}

// write adds values as JSON, each with a line end. They are structs without maps and interfaces,
// which have one JSON.
func write(h hash.Hash, values ...any) {
	for _, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // such values have a JSON
		}
		h.Write(append(text, '\n'))
	}
}
