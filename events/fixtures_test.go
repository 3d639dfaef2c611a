package events_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/effect"
	"github.com/daybook-billing/daybook/events/statement"
)

const (
	org      = "5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59"
	app      = "1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3"
	space    = "c3d4e5f6-0718-4293-a4b5-c6d7e8f90a1b"
	fact     = "d7609089-6039-5fb6-8c4f-87b78bc7b183"
	instance = "6a0541e4-807e-4e9f-8cc1-44e3a36a6e1c"
	project  = "1bd558252da84dbf91bd50e379680b7a"
)

// TestReleasedFixtures holds what every released version wrote: it must be read as what it meant
// then, and written as it was. Files and rows are only ever added: streams keep these messages for
// years. A row never changes, for a field that is added later is absent in it.
func TestReleasedFixtures(t *testing.T) {
	fixtures := releasedFixtures()
	files, err := filepath.Glob("testdata/v1/*.json")
	if err != nil || len(files) != len(fixtures) {
		t.Fatalf("%d files in testdata/v1 for %d rows: %v", len(files), len(fixtures), err)
	}
	for name, want := range fixtures {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/v1/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			text = bytes.TrimSuffix(text, []byte("\n"))
			got := fresh(want)
			if err := got.DecodeJSON(text); err != nil {
				t.Fatal(err)
			}
			if u, ok := got.(*events.Usage); ok {
				checkRaw(t, u, text)
			}
			if d := difference(want, got); d != "" {
				t.Errorf("read as something else (-then +now):\n%s", d)
			}
			again := fresh(want)
			if err := again.DecodeJSON(text); err != nil {
				t.Fatal(err)
			}
			if wrote := again.AppendJSON(nil); !bytes.Equal(wrote, text) {
				t.Errorf("written now as\n%s\nand then as\n%s", wrote, text)
			}
		})
	}
}

// checkRaw compares Raw with the end of the message and takes it away: the rows do not repeat it.
func checkRaw(t *testing.T, u *events.Usage, text []byte) {
	t.Helper()
	_, raw, found := strings.Cut(string(text), `,"raw":`)
	if !found || string(u.Raw)+"}" != raw {
		t.Errorf("raw was read as\n%s\nfrom\n%s", u.Raw, raw)
	}
	u.Raw = nil
}

// at is a time of the fixtures.
func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func releasedFixtures() map[string]message {
	return map[string]message{
		"usage_cf_app": &events.Usage{
			ID: fact, Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app", Resource: app, App: app,
			Event: "STARTED", Previous: "STOPPED", Time: at("2026-11-01T08:15:30Z"),
			Space: space, SpaceName: "production", Name: "checkout", Footprint: webFootprint(),
		},
		"usage_cf_service": &events.Usage{
			ID: "b4f8e6eb-d26f-569c-ab63-e8958a9025ea", Source: "cf", Foundation: "cf-eu-1", Tenant: org,
			Kind:     "service",
			Resource: "9d8c7b6a-5f4e-4d3c-8b2a-190817263544", Event: "CREATED", Time: at("2026-11-03T10:00:00Z"),
			Space: space, SpaceName: "production", Name: "orders „db“",
			Footprint: events.Footprint{
				Plan: "small", PlanGUID: "11111111-2222-4333-8444-555555555555",
				Offering: "postgres", OfferingGUID: "22222222-3333-4444-8555-666666666666",
				Broker: "a9s", BrokerGUID: "33333333-4444-4555-8666-777777777777",
			},
		},
		"usage_trove_create": &events.Usage{
			ID: "d691a09e-219a-5b86-b350-f4a1efeabbe5", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind:     "instance",
			Resource: instance, Event: "create", Time: at("2015-06-28T05:54:52Z"),
			Observed: at("2015-06-28T05:54:57.725572Z"),
			Created:  at("2015-06-28T05:54:52Z"), Name: "test", State: "build",
			Footprint: events.Footprint{
				MemoryMB: events.Some(512), VolumeGB: events.Some(1), Flavor: "m1.rd-tiny",
				FlavorID: "10",
			},
		},
		"usage_trove_modify_volume": &events.Usage{
			ID: "0a1b2c3d-4e5f-5061-8273-8495a6b7c8d9", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind:     "instance",
			Resource: instance, Event: "modify_volume", Time: at("2015-06-28T05:58:25Z"),
			Observed: at("2015-06-28T05:58:25.827067Z"),
			Created:  at("2015-06-28T05:54:52Z"), Name: "test", State: "active",
			Footprint: events.Footprint{VolumeGB: events.Some(3)}, OldVolumeGB: events.Some(1),
		},
		"usage_trove_volume_unknown": &events.Usage{
			ID: "7a6b5c4d-3e2f-5a1b-8c0d-9e8f7a6b5c4d", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind:     "instance",
			Resource: instance, Event: "create", Time: at("2026-11-21T05:54:52Z"),
			Observed: at("2026-11-21T05:54:57.725572Z"),
			Created:  at("2026-11-21T05:54:52Z"), Name: "test", State: "active",
			Footprint:     events.Footprint{MemoryMB: events.Some(512), Flavor: "m1.rd-tiny", FlavorID: "10"},
			VolumeUnknown: true,
		},
		"horizon": &events.Horizon{
			ID: "3c2b1a09-1827-5364-9546-72839405a6b7", Source: "cf", Foundation: "cf-eu-1",
			Time: at("2026-11-30T23:59:59.999Z"),
		},
		"gap": &events.Gap{
			ID: "4d3c2b1a-2938-5475-a657-8394a5b6c7d8", Source: "cf", Foundation: "cf-eu-1",
			From: at("2026-11-05T00:00:00Z"),
			To:   at("2026-11-06T12:30:00Z"), Reason: "the platform had purged events younger than the cursor",
		},
		"gap_open": &events.Gap{
			ID: "4d3c2b1a-2938-5475-a657-8394a5b6c7d9", Source: "trove", Foundation: "os-1",
			To: at("2026-11-06T12:30:00Z"), Reason: "first message after an outage",
		},
		"quarantined": &events.Quarantined{
			ID: "5e4d3c2b-3a49-5586-b768-94a5b6c7d8e9", Source: "unknown", Foundation: "cf-eu-1",
			File: "november.jsonl", Line: 17,
			Reason: "byte 12: a string without an end", Input: "{\"guid\": \"a1b2\n\t<&>",
		},
		"quarantined_after": &events.Quarantined{
			ID: "6f5e4d3c-4b5a-5697-8879-a5b6c7d8e9fa", Source: "cf", Foundation: "cf-eu-1",
			Reason: "state: found the string \"PAUSED\"", Input: "{}", AfterID: "1b0a9f8e-5c4d-5e6f-8a7b-9c0d1e2f3a4b",
		},
		"usage_cf_late": &events.Usage{
			ID: "1b0a9f8e-5c4d-5e6f-8a7b-9c0d1e2f3a4b", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
			Resource: app, App: app,
			Event: "STARTED", Previous: "STARTED", Time: at("2026-11-01T09:15:30Z"), Listed: at("2026-11-20T00:00:00Z"),
			Space: space, SpaceName: "production", Name: "checkout", Footprint: webFootprint(),
			AfterGUID: "b32241a5-1f0c-4b7e-8f65-0d2f1c3b4a59", AfterSequence: 2077,
			Publisher:         "RegionOne/taskmanager.db1",
			PreviousInstances: events.Some(0), PreviousMemoryMB: events.Some(1024),
		},
		"horizon_collector": &events.Horizon{
			ID: "2c1b0a9f-6d5e-5f70-9b8c-0d1e2f3a4b5c", Source: "trove", Foundation: "os-1",
			Time:      at("2026-11-02T09:00:00Z"),
			Collector: "region-1",
		},
		"usage_cf_reseeded": &events.Usage{
			ID: "2c1b0a9f-5d4c-5f6e-8b7a-0d1e2f3a4b5d", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
			Resource: app, App: app,
			Event: "STARTED", Previous: "STARTED", Time: at("2026-11-01T09:15:30Z"),
			Space: space, SpaceName: "production", Name: "checkout", Footprint: webFootprint(),
			NoPreviousInstances: true, NoPreviousMemory: true, Reseeded: true,
		},
		"horizon_settled": &events.Horizon{
			ID: "2c1b0a9f-6d5e-5f70-9b8c-0d1e2f3a4b5e", Source: "cf", Foundation: "cf-eu-1",
			Time:      at("2026-11-02T09:00:00Z"),
			Collector: "eu", Settled: at("2026-11-02T08:30:00Z"),
		},
		"horizon_ended": &events.Horizon{
			ID: "2c1b0a9f-6d5e-5f70-9b8c-0d1e2f3a4b5f", Source: "cf", Foundation: "cf-eu-1",
			Time: at("2026-11-19T18:00:00Z"), Ended: at("2026-11-19T18:00:00Z"),
		},
		"metered_bounds": &events.Metered{
			ID: "605f4e3d-a192-53b4-9fc0-4b5c6d7e8f91", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
			Resource: app,
			Cause:    cause("STARTED"), Held: []events.Hold{{
				ID: "71605f4e-b2a3-54c5-a0d1-5c6d7e8f90a2", Kind: "app", Resource: app, Code: events.AnomalyLostChange,
				Start: at("2026-11-01T08:15:30Z"),
				End:   at("2026-11-02T09:00:00Z"), Footprint: webFootprint(), Reason: "a STOPPED is missing",
				Lower: events.Footprint{Instances: events.Some(0), MemoryMB: events.Some(1024)},
			}},
		},
		"gap_list": &events.Gap{
			ID: "3d2c1b0a-7e6f-5081-ac9d-1e2f3a4b5c6d", Source: "cf", Foundation: "cf-eu-1",
			From: at("2026-10-01T00:00:00Z"),
			To:   at("2026-10-21T12:00:00Z"), Reason: "the cursor was pruned", List: events.ListService,
			Cursor: "c9976002-1f0c-4b7e-8f65-0d2f1c3b4a59",
		},
		"act_decision": &events.Act{
			ID: "4e3d2c1b-8f70-5192-bdae-2f3a4b5c6d7e", Kind: events.ActDecision, Source: "trove", Foundation: "os-1",
			By: "ann", Note: "ticket 4711", Time: at("2026-11-20T10:00:00Z"), Expectation: 1042,
			Decision: events.Decision{
				Kind: "instance", Resource: instance, Hold: "5f4e3d2c-9081-52a3-8ebf-3a4b5c6d7e8f",
				Action: events.ActionRelease, Footprint: events.Footprint{VolumeGB: events.Some(5)},
			},
		},
		"act_retirement": &events.Act{
			ID: "503f2e1d-9081-52a3-8ebf-3a4b5c6d7e8f", Kind: events.ActRetirement, Source: "cf",
			Foundation: "cf-eu-1", By: "ann", Time: at("2026-11-20T10:00:00Z"), Expectation: 1043,
			Retirement: events.Retirement{Collector: "region-1"},
		},
		"act_retirement_foundation": &events.Act{
			ID: "503f2e1d-9081-52a3-8ebf-3a4b5c6d7e91", Kind: events.ActRetirement, Source: "cf",
			Foundation: "cf-eu-1", By: "ann", Time: at("2026-11-20T10:00:00Z"), Expectation: 1043,
			Retirement: events.Retirement{At: at("2026-11-19T18:00:00Z")},
		},
		"act_catalogue": &events.Act{
			ID: "51403f2e-a192-53b4-9fc0-4b5c6d7e8f90", Kind: events.ActCatalogue, By: "ann", Note: "ticket 4712",
			Time:      at("2026-11-20T10:00:00Z"),
			Catalogue: events.Catalogue{Version: "2026-11", YAML: "currency: EUR\n"},
		},
		"act_replay": &events.Act{
			ID: "4f3e2d1c-8f70-5192-bdae-2f3a4b5c6d7e", Kind: events.ActReplay, By: "ann", Note: "cut by hour",
			Time: at("2026-11-20T10:00:00Z"), Expectation: 17, Replay: events.Replay{Projection: "projector"},
		},
		"act_discard": &events.Act{
			ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a2", Kind: events.ActDiscard, Source: "unknown", Foundation: "file",
			By: "ann", Note: "a test event", Time: at("2026-11-20T10:00:00Z"), Expectation: 21,
			Input: events.Input{ID: "503f2e1d-9081-52a3-8ebf-3a4b5c6d7e90", Outcome: "discarded"},
		},
		"act_replay_limits": &events.Act{
			ID: "4f3e2d1c-8f70-5192-bdae-2f3a4b5c6d7e", Kind: events.ActReplay, By: "ann",
			Time: at("2026-11-30T10:00:00Z"), Expectation: 17, Replay: events.Replay{
				Projection: "projector", Logic: "projector/5 cut=hour", Input: 1043, Output: 998,
			},
		},
		"metered_held": &events.Metered{
			ID: "605f4e3d-a192-53b4-9fc0-4b5c6d7e8f90", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
			Resource: app,
			Cause:    cause("gap"), Held: []events.Hold{{
				ID: "71605f4e-b2a3-54c5-a0d1-5c6d7e8f90a1", Kind: "app", Resource: app, Code: events.HoldGap,
				Start: at("2026-11-01T08:15:30Z"),
				End:   at("2026-11-02T09:00:00Z"), Footprint: webFootprint(), Reason: "facts may be missing",
			}},
			HeldOmitted: 1, Ended: []string{"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d4"}, ListedFrom: 1977,
			Correction: "2026-11",
		},
		"metered": meteredFixture(),
		"anomaly": &events.AnomalyNotice{
			ID: "9c8b7a6f-7e8d-59ca-bbac-d8e9fa0b1c2d", Source: "trove", Foundation: "os-1", Cause: cause("exists"),
			Anomaly: events.Anomaly{
				Code: events.AnomalyUnreadable, Time: at("2026-11-02T09:00:00Z"),
				Message: "usage.footprint.memory_mb, byte 312: want a whole number",
			},
		},
		"catalogue": &events.Catalogue{Version: "2026-11", YAML: "version: 2026-11\ncurrency: EUR\nplans:\n  - name: " +
			"\"app\"\n"},
		"closing": &events.Closing{
			ID: "7d6c5b4a-3f2e-5a1d-9c8b-0f1e2d3c4b5a", Source: "cf", Foundation: "cf-eu-1", Month: "2026-11",
			Reopened: true,
			Cause: events.Cause{
				ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a4", Sequence: 1044, Event: "reopening",
				Time: at("2026-12-07T10:00:00Z"),
			},
			By: "ann", Note: "ticket 4713", Time: at("2026-12-07T10:00:00Z"),
		},
		"act_closing": &events.Act{
			ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a3", Kind: events.ActClosing, Source: "cf", Foundation: "cf-eu-1",
			By: "ann", Note: "ticket 4713", Time: at("2026-12-07T10:00:00Z"), Expectation: 1043,
			Month: events.Month{Month: "2026-11"},
		},
		"act_seal": &events.Act{
			ID: "503f2e1d-9081-52a3-8ebf-3a4b5c6d7e92", Kind: events.ActSeal, Source: "cf", Foundation: "cf-eu-1",
			By: "daybook pricer", Time: at("2026-12-06T00:00:01Z"), Expectation: 1050,
			Statement: []byte(`{"number":"7","month":"2026-11"}`),
		},
		"act_erasure": &events.Act{
			ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a6", Kind: events.ActErasure, Source: "cf", Foundation: "cf-eu-1",
			By: "ann", Note: "the contract has ended", Time: at("2026-12-07T10:00:00Z"), Expectation: 1043,
			Erasure: events.Erasure{Tenant: org},
		},
		"act_observation": &events.Act{
			ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a7", Kind: events.ActObservation, Source: "cf",
			Foundation: "cf-eu-1",
			By:         "daybook reconcile", Note: "missing_stop", Time: at("2026-12-07T10:00:00Z"), Expectation: 1043,
			Observation: events.Observation{
				Finding: events.FindingGone, Plan: "p1", Remodel: "missing_stop", Kind: "app", Resource: app, App: app,
				Tenant: org, Space: space, SpaceName: "dev", Name: "shop", Footprint: webFootprint(),
				At: at("2026-12-07T09:00:00Z"), Exact: true, NotBefore: at("2026-12-07T08:00:00Z"),
				NotAfter: at("2026-12-07T09:30:00Z"), Seen: at("2026-12-07T09:30:00Z"), AfterSequence: 1042, Hold: true,
				Evidence: []byte(`{"billed":{"instances":1},"there":null}`),
			},
		},
		"act_grace": &events.Act{
			ID: "62513f4e-b2a3-54c5-a0d1-5c6d7e8f90a5", Kind: events.ActGrace, By: "ann",
			Time: at("2026-12-07T10:00:00Z"), Month: events.Month{GraceSeconds: 864000},
		},
		"marker":  &events.Marker{InputSequence: 123456},
		"billing": billingFixture(),
		"usage_trove_place": &events.Usage{
			ID: "8b7c6d5e-4f3a-5b2c-8d1e-0f9a8b7c6d5e", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind: "instance", Resource: instance, Event: "modify_flavor", Time: at("2026-11-21T06:20:04Z"),
			Observed: at("2026-11-21T06:20:04.786973Z"), Created: at("2026-11-21T06:19:44Z"), Name: "test",
			Footprint: events.Footprint{
				MemoryMB: events.Some(768), VolumeGB: events.Some(3), Flavor: "m1.rd-smaller", FlavorID: "8",
				Datastore: "mysql", DatastoreID: "2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b", Region: "RegionOne",
				AvailabilityZone: "nova",
			},
			PreviousMemoryMB: events.Some(512),
		},
		"billing_database": &events.Billing{
			ID: "e2e1d0cf-c3d2-5e1f-80f1-2d3e4f506172", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind: "instance", Resource: instance, Cause: cause("delete"),
			Charges: []events.Charge{{
				ID: "f3e2d1c0-d4e3-5f20-9102-3e4f50617283", Entry: events.EntryCharge, Period: "2026-11",
				Span: "03f2e1d0-e5f4-5031-a213-4f5061728394", Kind: "instance", Resource: instance, Tenant: project,
				Name: "test", Datastore: "mysql", Region: "RegionOne", AvailabilityZone: "nova", Plan: "mysql",
				Catalogue: "2026-11", Component: "server", Start: at("2026-11-01T08:00:00Z"),
				End: at("2026-11-01T09:00:00Z"), Seconds: events.NewDecimal(3600, 0),
				Quantity: events.NewDecimal(1, 0), Unit: "hour", Amount: events.NewDecimal(5, -2), Currency: "EUR",
			}},
		},
		"unrated": &events.UnratedNotice{
			ID: "e1d0cfbe-c3d2-5e1f-80f1-2d3e4f506172", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind:     "instance",
			Resource: instance, Cause: cause("create"),
			Unrated: []events.Unrated{{
				ID: "f2e1d0cf-d4e3-5f20-9102-3e4f50617283", Span: "03f2e1d0-e5f4-5031-a213-4f5061728394",
				Kind:     "volume",
				Resource: instance, Tenant: project, Name: "test", Start: at("2015-06-28T05:54:52Z"),
				End:       at("2015-06-28T05:58:25Z"),
				Footprint: events.Footprint{VolumeGB: events.Some(1)}, Reason: "no plan of catalogue 2026-11 matches " +
					"a volume",
			}},
			Settled: []string{"1403f2e1-f605-5142-b324-5061728394a5"},
		},
		"effect":    effectFixture(),
		"statement": statementFixture(),
		"unrated_correction": &events.UnratedNotice{
			ID: "e1d0cfbe-c3d2-5e1f-80f1-2d3e4f506172", Source: "trove", Foundation: "os-1", Tenant: project,
			Kind:     "instance",
			Resource: instance, Cause: cause("create"),
			Unrated: []events.Unrated{{
				ID: "f2e1d0cf-d4e3-5f20-9102-3e4f50617283", Span: "03f2e1d0-e5f4-5031-a213-4f5061728394",
				Kind:     "volume",
				Resource: instance, Tenant: project, Start: at("2026-09-28T05:54:52Z"), End: at("2026-09-28T05:58:25Z"),
				Reason: "no plan of catalogue 2026-11 matches a volume", Period: "2026-11",
			}},
		},
	}
}

func effectFixture() *effect.Effect {
	side := func(currency string, cents int64, unrated uint32) effect.Side {
		return effect.Side{
			Currency: currency, Amount: events.NewDecimal(cents, -2), VAT: events.NewDecimal(cents, -3),
			Unrated: unrated, UnratedSeconds: events.NewDecimal(int64(unrated)*1800, 0),
		}
	}
	return &effect.Effect{
		ID: "e1d0cfbe-c3d2-5e1f-80f1-2d3e4f506172", Cause: events.Cause{ID: fact, Sequence: 2077, Event: "catalogue"},
		Version: "2027", Former: "2026-11", Part: 1, Parts: 2,
		Rows: []effect.Row{
			{
				Month: "2026-11", Tenant: org, Before: side("GBP", 84401, 0), After: side("EUR", 121354, 2),
				NewlyUnrated: 2, NewlyUnratedSeconds: events.NewDecimal(3600, 0), Appearing: []string{"app-2027"},
				Disappearing: []string{"app", "task"}, PlansOmitted: 3,
			},
			{Month: "2026-11", Tenant: project, Before: side("GBP", 500, 0), After: side("EUR", 500, 0)},
		},
	}
}

func statementFixture() *statement.Statement {
	x := &statement.Statement{
		ID: "e1d0cfbe-c3d2-5e1f-80f1-2d3e4f506172", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Month: "2026-11",
		Number: 7, Revision: 1, Parts: 1, Closed: at("2026-12-06T00:00:00Z"), Horizon: at("2026-12-06T00:00:00Z"),
		Entries: 4, Digest: strings.Repeat("0f", 32), Catalogues: []string{"2026-11"},
		Lines: []statement.Line{
			{
				Plan: "app", Component: "memory", Unit: "GiB-hour", UnitPrice: "0.004", PriceCurrency: "GBP",
				VATRate: "0.2", Currency: "GBP", Entries: 3, Quantity: events.NewDecimal(720, 0),
				Amount: events.NewDecimal(288, -2), VAT: events.NewDecimal(576, -3),
			},
			{
				Plan: "app", Component: "memory", Month: "2026-10", Unit: "GiB-hour", VATRate: "0.2", Currency: "GBP",
				Entries: 1, Quantity: events.NewDecimal(-288, 0), Amount: events.NewDecimal(-1152, -3),
				VAT: events.NewDecimal(-2304, -4),
			},
		},
		Held: []statement.Unbilled{{
			Kind: "app", Resource: app, Start: at("2026-11-01T08:15:30Z"), End: at("2026-11-02T08:59:00Z"),
			Reason: "gap",
		}},
		Unrated: []statement.Unbilled{{
			Kind: "app", Resource: app, Start: at("2026-11-01T08:15:30Z"), Reason: "no plan matches",
		}},
		Gaps: []statement.Gap{{List: "app", To: at("2026-11-02T08:59:00Z"), Reason: "pruned"}},
	}
	x.Settle()
	return x
}

func webFootprint() events.Footprint {
	return events.Footprint{
		Instances: events.Some(3), MemoryMB: events.Some(512), ProcessType: "web",
		Buildpack: "java_buildpack", BuildpackGUID: "77aa88bb-99cc-4ddd-8eee-ff0011223344",
	}
}

func cause(event string) events.Cause {
	return events.Cause{ID: fact, Sequence: 2077, Event: event, Time: at("2026-11-02T09:00:00Z")}
}

func meteredFixture() *events.Metered {
	closed := events.Span{
		ID: "6f5e4d3c-4b5a-5697-8879-a5b6c7d8e9fa", Kind: "app", Resource: app, App: app, Tenant: org, Space: space,
		SpaceName: "production", Name: "checkout", Start: at("2026-11-01T08:15:30Z"), End: at("2026-11-02T09:00:00Z"),
		Since: at("2026-11-01T08:15:30Z"), Footprint: webFootprint(),
		Flags:    events.InferredStart | events.ProvisionalEnd,
		Evidence: []uint64{1042, 1<<64 - 1},
	}
	running := events.Span{
		Kind: "app", Resource: app, App: app, Tenant: org, Space: space, SpaceName: "production", Name: "checkout",
		Start: at("2026-11-02T09:00:00Z"), Since: at("2026-11-02T09:00:00Z"), Evidence: []uint64{2077},
		Footprint: events.Footprint{Instances: events.Some(0), MemoryMB: events.Some(512), ProcessType: "web"},
	}
	return &events.Metered{
		ID: "7a6f5e4d-5c6b-57a8-998a-b6c7d8e9fa0b", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
		Resource: app,
		Cause:    cause("STARTED"),
		Retracted: []events.Span{{
			ID: "8b7a6f5e-6d7c-58b9-aa9b-c7d8e9fa0b1c", Kind: "app", Resource: app, App: app, Tenant: org, Space: space,
			Start: at("2026-11-01T08:15:30Z"), End: at("2026-11-02T08:59:00Z"),
			Footprint:   events.Footprint{Instances: events.Some(3), MemoryMB: events.Some(512)},
			Publication: "9c8b7a6f-7e8d-59ca-bbac-d8e9fa0b1c2d", Correction: "2026-12",
		}},
		Closed: []events.Span{closed}, Running: []events.Span{running}, RunningOmitted: 2,
		Anomalies: []events.Anomaly{{
			Code: events.AnomalyLostChange, Resource: app, Time: at("2026-11-02T09:00:00Z"),
			Message: "3 instances were reported as 2 before",
		}},
	}
}

func billingFixture() *events.Billing {
	charge := events.Charge{
		ID: "ad9c8b7a-8f9e-5adb-8cbd-e9fa0b1c2d3e", Entry: events.EntryCharge, Period: "2026-11",
		Span: "6f5e4d3c-4b5a-5697-8879-a5b6c7d8e9fa", Kind: "app", Resource: app, App: app, Tenant: org, Space: space,
		Name: "checkout", Plan: "app", Catalogue: "2026-11", Component: "memory",
		Start: at("2026-11-01T08:15:30Z"), End: at("2026-11-02T09:00:00Z"), Seconds: events.NewDecimal(89070, 0),
		Quantity: events.NewDecimal(371125, -4), Unit: "GiB-hour", Amount: events.NewDecimal(371125, -6),
		VATCode: "standard", VAT: events.NewDecimal(2, -1), Currency: "EUR", Flags: events.InferredEnd,
	}
	reversal := charge
	reversal.ID, reversal.Entry = "bead9c8b-90af-5bec-9dce-fa0b1c2d3e4f", events.EntryReversal
	reversal.Reverses, reversal.Flags = "cfbead9c-a1b0-5cfd-aedf-0b1c2d3e4f50", 0
	reversal.Seconds, reversal.Quantity = events.NewDecimal(-890105, -1), events.NewDecimal(-3708770833, -8)
	reversal.Amount, reversal.VAT = events.NewDecimal(-370877083333, -12), events.Decimal{}
	return &events.Billing{
		ID: "d0cfbead-b2c1-5d0e-bfe0-1c2d3e4f5061", Source: "cf", Foundation: "cf-eu-1", Tenant: org, Kind: "app",
		Resource: app,
		Cause:    cause("STARTED"), Charges: []events.Charge{reversal, charge},
	}
}
