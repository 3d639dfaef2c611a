package cc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// adminRoutes are the paths below /_sim: for whoever turns the knobs, without tokens and without
// faults.
func (f *Foundation) adminRoutes() {
	handle := func(pattern string, e func(w http.ResponseWriter, r *http.Request) error) {
		f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", f.Now().Format(http.TimeFormat))
			if err := e(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	status := func(w http.ResponseWriter, _ *http.Request) error { return writeJSON(w, f.Status()) }
	then := func(do func(r *http.Request) error) func(w http.ResponseWriter, r *http.Request) error {
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := do(r); err != nil {
				return err
			}
			return status(w, r)
		}
	}
	lists := func(do func(List)) func(w http.ResponseWriter, r *http.Request) error {
		return then(func(r *http.Request) error { return eachList(r, do) })
	}
	handle("GET /_sim/status", status)
	handle("GET /_sim/knobs", func(w http.ResponseWriter, _ *http.Request) error { return writeJSON(w, f.Knobs()) })
	handle("POST /_sim/knobs", f.turnKnobs)
	handle("POST /_sim/reset_faults", then(func(*http.Request) error { f.ResetFaults(); return nil }))
	handle("POST /_sim/advance", then(f.advanceBy))
	handle("POST /_sim/purge", lists(f.Purge))
	handle("POST /_sim/prune", lists(func(l List) { f.Prune(l) }))
	handle("POST /_sim/backfill", then(f.backfillFor))
	handle("POST /_sim/repair", then(func(*http.Request) error { f.Repair(); return nil }))
	handle("POST /_sim/rotate_key", then(func(*http.Request) error { f.RotateKey(); return nil }))
	handle("GET /_sim/truth", f.writeTruth)
	handle("GET /_sim/bill", f.writeBill)
	handle("/_sim/", func(http.ResponseWriter, *http.Request) error {
		return errors.New("no such action: GET /_sim/{status,knobs,truth,bill}, POST " +
			"/_sim/{knobs,reset_faults,advance,purge,prune,backfill,repair,rotate_key}")
	})
}

// eachList calls do for the query's list (app or service), or for both.
func eachList(r *http.Request, do func(List)) error {
	switch name := r.URL.Query().Get("list"); name {
	case "":
		do(AppEvents)
		do(ServiceEvents)
	case sim.ListApp:
		do(AppEvents)
	case sim.ListService:
		do(ServiceEvents)
	default:
		return fmt.Errorf("there is no list %q: give list=app or list=service, or none for both", name)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", jsonType)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	encoder.Encode(value) //nolint:errcheck // the client has gone
	return nil
}

// turnKnobs sets the knobs of the body and leaves the others.
func (f *Foundation) turnKnobs(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the knobs: %w", err)
	}
	f.mu.Lock()
	k := f.knobs
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(&k); err == nil {
		if err = k.Validate(); err == nil {
			f.setKnobs(k)
		}
	}
	f.mu.Unlock()
	if err != nil {
		return fmt.Errorf("the knobs stay as they are: %w", err)
	}
	return writeJSON(w, k)
}

// backfillFor is POST /_sim/backfill, with takes=5m for a slow one, during its run the foundation
// lives on.
func (f *Foundation) backfillFor(r *http.Request) error {
	var takes time.Duration
	if text := r.URL.Query().Get("takes"); text != "" {
		var err error
		if takes, err = ParseDuration(text); err != nil || takes < 0 || takes > day {
			return fmt.Errorf("takes: %q is not a duration from 0s to 1d", text)
		}
	}
	f.SlowBackfill(Duration(takes))
	return nil
}

// maxAdvance keeps a slip of the finger from taking hours.
const maxAdvance = 10 * 366 * day

// advanceBy is POST /_sim/advance?by=1h or ?to=2026-11-01T00:00:00Z.
func (f *Foundation) advanceBy(r *http.Request) error {
	query := r.URL.Query()
	now := f.Now()
	var to time.Time
	switch by, until := query.Get("by"), query.Get("to"); {
	case by != "" && until == "":
		d, err := ParseDuration(by)
		if err != nil {
			return fmt.Errorf("by: %w", err)
		}
		to = now.Add(d)
	case until != "" && by == "":
		var err error
		if to, err = time.Parse(time.RFC3339, until); err != nil {
			return fmt.Errorf("to: %q is not a time such as 2026-11-01T00:00:00Z", until)
		}
	default:
		return errors.New("give one of by=1h and to=2026-11-01T00:00:00Z")
	}
	if to.Before(now) || to.Sub(now) > maxAdvance {
		return fmt.Errorf("it is %s here: time goes forward, by %s at most", now.Format(time.RFC3339),
			Duration(maxAdvance))
	}
	f.Advance(to)
	return nil
}

// Status is where a foundation stands.
type Status struct {
	Now    time.Time              `json:"now"`
	Seed   uint64                 `json:"seed"`
	Tables map[string]TableStatus `json:"tables"`
	// Faults counts the faults so far, by kind.
	Faults map[string]int `json:"faults"`
	Tokens int            `json:"tokens"` // given out
	Apps   int            `json:"apps"`
	// Services counts service instances, user-provided ones included.
	Services int `json:"service_instances"`
}

// TableStatus is where a table stands.
type TableStatus struct {
	Rows    int           `json:"rows"`
	Pending int           `json:"pending"` // of them, not committed yet
	NextID  int64         `json:"next_id"`
	Oldest  *time.Time    `json:"oldest"` // created_at of the first and the last row, in the order of ids
	Newest  *time.Time    `json:"newest"`
	Gone    map[Cause]int `json:"gone"`
}

// Status tells where the foundation stands.
func (f *Foundation) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	p := f.world.Platform()
	s := Status{
		Now: unixMicro(f.now), Seed: f.config.World.Seed, Tables: map[string]TableStatus{}, Faults: maps.Clone(f.drawn),
		Tokens: f.uaa.given,
		Apps:   len(p.Apps), Services: len(p.Services),
	}
	for _, t := range f.tables {
		t.forgetCommitted(f.now)
		one := TableStatus{Rows: len(t.rows), Pending: len(t.pending), NextID: t.next, Gone: maps.Clone(t.counts)}
		if len(t.rows) > 0 {
			oldest, newest := time.Unix(t.rows[0].created, 0).UTC(), time.Unix(t.rows[len(t.rows)-1].created, 0).UTC()
			one.Oldest, one.Newest = &oldest, &newest
		}
		s.Tables[t.list.String()] = one
	}
	return s
}

// trueSpan is a line of /_sim/truth.
type trueSpan struct {
	Kind      string     `json:"kind"`
	Resource  string     `json:"resource"`
	App       string     `json:"app,omitempty"`
	Tenant    string     `json:"tenant"`
	Space     string     `json:"space"`
	SpaceName string     `json:"space_name"`
	Name      string     `json:"name"`
	Start     time.Time  `json:"start"`
	End       *time.Time `json:"end,omitempty"` // none while it runs
	Footprint object     `json:"footprint"`
}

// writeTruth is GET /_sim/truth: the true spans as lines of JSON. merge=1 joins adjacent equal
// ones.
func (f *Foundation) writeTruth(w http.ResponseWriter, r *http.Request) error {
	spans := f.Truth()
	if r.URL.Query().Get("merge") == "1" {
		spans = sim.Merge(spans)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for i := range spans {
		s := &spans[i]
		line := trueSpan{
			Kind: s.Kind, Resource: s.Resource, App: s.App, Tenant: s.Tenant, Space: s.Space, SpaceName: s.SpaceName,
			Name: s.Name, Start: s.Start,
			Footprint: footprint(s),
		}
		if !s.End.IsZero() {
			line.End = &s.End
		}
		encoder.Encode(line) //nolint:errcheck // a client that has gone needs no answer
	}
	return nil
}

// footprint is the size of a span, with the fields of its kind.
func footprint(s *sim.Span) object {
	size := object{}
	texts := map[string]string{
		"process_type": s.Footprint.ProcessType, "buildpack": s.Footprint.Buildpack,
		"buildpack_guid": s.Footprint.BuildpackGUID,
		"plan":           s.Footprint.Plan, "plan_guid": s.Footprint.PlanGUID, "offering": s.Footprint.Offering,
		"offering_guid": s.Footprint.OfferingGUID,
		"broker":        s.Footprint.Broker, "broker_guid": s.Footprint.BrokerGUID,
	}
	for name, text := range texts {
		if text != "" {
			size[name] = text
		}
	}
	if s.Kind != sim.KindService {
		size["instances"], size["memory_mb"] = s.Footprint.Instances, s.Footprint.MemoryMB
	}
	return size
}

// writeBill is GET /_sim/bill: the true bill so far, a line for each tenant and kind: tenant, kind,
// amount in GBP net of VAT.
func (f *Foundation) writeBill(w http.ResponseWriter, _ *http.Request) error {
	bill := f.TrueBill()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, tenant := range slices.Sorted(maps.Keys(bill)) {
		for _, kind := range slices.Sorted(maps.Keys(bill[tenant])) {
			fmt.Fprintf(w, "%s %s %s\n", tenant, kind, bill[tenant][kind].FloatString(12))
		}
	}
	return nil
}
