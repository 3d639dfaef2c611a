package main

import (
	"fmt"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
)

// The observations of reconciliations in path transcripts, by what was seen and when:
//
//	> 2026-01-01T12:00Z observed kind=app   it runs; at=TIME from when it counts, act=settle,
//	                                        instances=2 and so on the size, plan-id=P its plan
//	> 2026-01-01T12:00Z absent kind=app     it does not run; exact=yes where the platform tells at
//	> 2026-01-01T12:00Z revert plan-id=P    the observations of the plan are taken back
//
// It is held unless act=settle. after=GUID is the newest event before the look, else the last one.

// observation takes an observation, or the reversion of a plan.
func (r *pathRun) observation(line notationLine, id string) error {
	w := line.words
	kind := w.or("kind", events.KindApp)
	plan := w.or("plan-id", "plan")
	source := events.SourceCF
	if kind == events.KindInstance || kind == events.KindVolume {
		source = events.SourceTrove
	}
	o := events.Observation{Finding: events.FindingReverted, Plan: plan}
	if line.verb != "revert" {
		at, err := moment(w.or("at", momentText(line.at)))
		if err != nil {
			return err
		}
		o = events.Observation{
			Finding: events.FindingRunning, Plan: plan, Kind: kind, Tenant: w.or("org", "O"),
			Name: w.or("name", "shop"),
			Resource: w.or("resource", map[string]string{
				events.KindApp: "A", events.KindTask: "T", events.KindService: "D", events.KindInstance: "I",
				events.KindVolume: "I",
			}[kind]),
			Footprint: w.footprint(), At: at, Seen: line.at, Exact: w["exact"] == "yes", Hold: w["act"] != "settle",
			AfterSequence: r.newest, Evidence: []byte(`{"there":null}`),
		}
		if kind == events.KindApp || kind == events.KindTask {
			o.App, o.Space, o.SpaceName = w.or("app", "A"), "S", "dev"
		}
		if source == events.SourceTrove {
			o.Tenant, o.Name = w.or("tenant", "project"), w.or("name", "db")
		}
		if o.Footprint.Plan != "" {
			o.Footprint.PlanGUID = o.Footprint.Plan + "-guid"
		}
		if line.verb == "absent" {
			o.Finding, o.Footprint = events.FindingGone, events.Footprint{}
		}
		if after := w["after"]; after != "" {
			if o.AfterSequence = r.facts[after]; o.AfterSequence == 0 {
				return fmt.Errorf("no fact before it has the guid %q", after)
			}
		}
	}
	r.act(&events.Act{
		ID: events.ID("path", id), Kind: events.ActObservation, Source: source, Foundation: file.DefaultFoundation,
		By: "daybook reconcile", Time: line.at, Observation: o,
	})
	return nil
}
