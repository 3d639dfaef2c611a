package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// TestPathTranscripts holds the whole path to the transcripts in testdata/path: USAGE to METERED to
// BILLING to the bill, by the processors of projector and pricer and the ledger in memory, in
// order, without a server. Each begins with a rule in one line and its source in the next.
// Sections:
//
//	settings      the projector's, as words: cut=month epoch-cf=2001-01-01
//	catalogue.V   prices of version V; without, testdata/rate/catalogue.yaml as version 1
//	path          inputs and, under each, all that it changes
//	bill          the sums of the charges by month and component, and all that is open
//
// A line of path that begins with > is an input, and one with # a remark:
//
//	> 2026-01-01T09:00Z app-started         a fact (notation_test.go); follows=GUID
//	                                        makes it one that was found late, listed=TIME one that
//	                                        a rescan has found again
//	> 2026-01-02T00:00Z horizon             collected up to then; source=trove, collector=NAME;
//	                                        late facts of before settled=TIME are looked for no more
//	> 2026-01-01T11:00Z gap list=app        facts of the list may be missing up to then,
//	                                        from=TIME or since ever
//	> 2026-01-01T12:00Z release hold=1      an operator's decision, or discard, on the hold of that
//	                                        number; volume=GB, flavor=ID and so on complete it
//	> 2026-01-01T12:00Z retire              the foundation has ended then; source=trove
//	> 2026-01-01T12:00Z close month=2025-12 the month is closed, or with reopen open again;
//	                                        source=trove
//	> 2026-01-01T12:00Z mode mode=manual    how open months close: manual, automatic
//	> 2026-01-01T12:00Z grace days=2        when they do by themselves
//	> 2026-01-01T12:00Z catalogue version=2 a catalogue is published; without any, version 1 is in
//	                                        force from the beginning; reprice=MONTH,… closed months
//	> 2026-01-01T12:00Z absent kind=app     a reconciliation saw it (path_observe_test.go)
//	> 2026-01-01T12:00Z lose                messages of USAGE are gone
//
// Under it stand spans (closed, retracted, running, held) and charges (posted, reversed, unrated,
// settled). running and held list all that runs and is held under the subject after a message.
//
// `go test ./cmd/daybook -run PathTranscripts -update` writes the results anew. Check each figure
// by hand before committing it.
func TestPathTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/path/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if rule := strings.Split(string(archive.Comment), "\n"); len(rule) < 2 ||
				!strings.HasPrefix(rule[1], "Source: ") {
				t.Error("the transcript does not begin with its rule in one line and its source in the next")
			}
			want := string(txtar.Format(archive))
			playPath(t, archive)
			got := txtar.Format(archive)
			switch {
			case *update:
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			case string(got) != want:
				t.Errorf("the path gives\n%s\nthe transcript says\n%s", got, want)
			}
		})
	}
}

// TestGapTableHasTranscripts holds the table of gaps in docs/metering.md to a transcript for each
// row.
func TestGapTableHasTranscripts(t *testing.T) {
	page, err := os.ReadFile("../../docs/metering.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") || strings.HasPrefix(cells[1], " what ran") {
			continue
		}
		rows++
		name := regexp.MustCompile("^`(.+)`$").FindStringSubmatch(strings.TrimSpace(cells[4]))
		if name == nil {
			t.Errorf("the row%s names no transcript", cells[1])
			continue
		}
		if _, err := os.Stat("testdata/path/" + name[1] + ".txt"); err != nil {
			t.Errorf("the row%s: %v", cells[1], err)
		}
	}
	if rows != 9 {
		t.Errorf("found %d rows, not 9", rows)
	}
}

// pathRun is USAGE, METERED and BILLING with projector, pricer and ledger, without a server.
type pathRun struct {
	*testing.T
	archive   *txtar.Archive
	projector stage.Processor
	pricer    stage.Processor
	ledger    *memory.Ledger
	usage     uint64   // last sequence of USAGE
	metered   uint64   // last sequence of METERED
	streams   *streams // USAGE and METERED
	facts     map[string]uint64
	number    uint64 // of the last statement
	newest    uint64 // sequence of the last fact
	pathText
}

func playPath(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	r := &pathRun{
		T: t, archive: archive, ledger: memory.New(), facts: map[string]uint64{}, pathText: newPathText(),
		streams: newStreams(),
	}
	_, newProjector, err := projector.Contract(r.settings())
	if err != nil {
		t.Fatal(err)
	}
	_, newPricer := pricer.Contract(pricer.Config{})
	r.projector, r.pricer = newProjector(), newPricer()
	story := r.section("path")
	if story == nil {
		t.Fatal("there is no section path")
	}
	if !bytes.Contains(story.Data, []byte(" catalogue version=")) {
		r.publish("1", time.Time{})
		r.take()
	}
	var out strings.Builder
	for line := range strings.Lines(string(story.Data)) {
		input, isInput := strings.CutPrefix(line, "> ")
		if isInput || !strings.HasPrefix(line, "  ") {
			out.WriteString(line)
		}
		if isInput {
			if err := r.step(input); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			r.seal()
			out.WriteString(r.take())
		}
	}
	story.Data = []byte(out.String())
	bill := r.section("bill")
	if bill == nil {
		archive.Files = append(archive.Files, txtar.File{Name: "bill"})
		bill = &archive.Files[len(archive.Files)-1]
	}
	bill.Data = []byte(r.bill())
}

func (r *pathRun) section(name string) *txtar.File {
	for i := range r.archive.Files {
		if r.archive.Files[i].Name == name {
			return &r.archive.Files[i]
		}
	}
	return nil
}

func (r *pathRun) settings() projector.Config {
	cfg := projector.Config{Epoch: map[string]time.Time{}}
	section := r.section("settings")
	if section == nil {
		return cfg
	}
	for _, word := range strings.Fields(string(section.Data)) {
		key, value, _ := strings.Cut(word, "=")
		var err error
		source, isEpoch := strings.CutPrefix(key, "epoch-")
		switch {
		case isEpoch:
			cfg.Epoch[source], err = events.ParseTimeOrDate(value)
		case key == "cut":
			cfg.Cut = timeline.Cut(value)
		default:
			err = fmt.Errorf("%q is not a setting", key)
		}
		if err != nil {
			r.Fatal(err)
		}
	}
	return cfg
}

// step takes one input.
func (r *pathRun) step(input string) error {
	line, err := parseLine(input)
	if err != nil {
		return err
	}
	w := line.words
	id := fmt.Sprintf("input-%d", r.usage+1)
	switch line.verb {
	case "catalogue":
		r.publish(w["version"], line.at, strings.FieldsFunc(w["reprice"], func(c rune) bool { return c == ',' })...)
	case "close", "reopen", "mode", "grace":
		r.act(w.month(id, line))
	case "horizon":
		h := events.Horizon{
			ID: id, Source: w.or("source", events.SourceCF), Foundation: file.DefaultFoundation, Time: line.at,
			Collector: w["collector"],
		}
		if w["settled"] != "" {
			if h.Settled, err = moment(w["settled"]); err != nil {
				return err
			}
		}
		r.append(events.TypeHorizon, &h, id)
	case "gap":
		g := events.Gap{
			ID: id, Source: w.or("source", events.SourceCF), Foundation: file.DefaultFoundation, List: w["list"],
			To: line.at, Reason: w.or("reason", "pruned"),
		}
		if w["from"] != "" {
			if g.From, err = moment(w["from"]); err != nil {
				return err
			}
		}
		r.append(events.TypeGap, &g, id)
	case events.ActionRelease, events.ActionDiscard:
		h, listed := r.hold(w.number("hold", 0))
		if !listed {
			return fmt.Errorf("no hold has the number %s", w["hold"])
		}
		r.act(&events.Act{
			ID: id, Kind: events.ActDecision, Source: h.source, Foundation: file.DefaultFoundation, By: "ann",
			Time: line.at, Decision: events.Decision{
				Kind: h.kind, Resource: h.resource, Hold: h.id, Action: line.verb, Footprint: w.footprint(),
			},
		})
	case "observed", "absent", "revert":
		return r.observation(line, id)
	case "lose":
		r.streams.gone[events.StreamUsage] = true
	case "retire":
		r.act(&events.Act{
			ID: id, Kind: events.ActRetirement, Source: w.or("source", events.SourceCF),
			Foundation: file.DefaultFoundation, By: "ann", Time: line.at, Retirement: events.Retirement{At: line.at},
		})
	default:
		return r.fact(line)
	}
	return nil
}

// month is an act about months.
func (w words) month(id string, line notationLine) *events.Act {
	a := &events.Act{ID: id, Kind: line.verb, By: "ann", Time: line.at}
	switch line.verb {
	case "close":
		a.Kind = events.ActClosing
	case "reopen":
		a.Kind = events.ActReopening
	}
	if line.verb == "close" || line.verb == "reopen" {
		a.Source, a.Foundation = w.or("source", events.SourceCF), file.DefaultFoundation
	}
	a.Month = events.Month{Month: w["month"], Mode: w["mode"], GraceSeconds: uint32(24 * 60 * 60 * w.number("days", 0))}
	return a
}

// footprint is what a decision completes.
func (w words) footprint() events.Footprint {
	count := func(key string) events.Count {
		if w[key] == "" {
			return events.Count{}
		}
		return events.Some(uint32(w.number(key, 0)))
	}
	return events.Footprint{
		Instances: count("instances"), MemoryMB: count("memory"), VolumeGB: count("volume"), Flavor: w["flavor"],
		FlavorID: w["flavor"], Plan: w["plan"],
	}
}

func (r *pathRun) fact(line notationLine) error {
	guid := line.words.or("guid", fmt.Sprintf("event-%d", r.usage+1))
	raw, err := line.json(guid)
	if err != nil {
		return err
	}
	u, err := file.Normalise(file.DefaultFoundation, raw)
	if err != nil {
		return err
	}
	if after, late := line.words["follows"]; late {
		if u.AfterGUID, u.AfterSequence = after, r.facts[after]; u.AfterSequence == 0 {
			return fmt.Errorf("no fact before it has the guid %q", after)
		}
	}
	if listed, again := line.words["listed"]; again {
		if u.Listed, err = moment(listed); err != nil {
			return err
		}
		u.ID = events.ID(u.ID, "listed", listed) // one more publication, as the collector makes it
	}
	r.put(&stage.Output{
		Type: events.TypeUsage, ID: u.ID, Body: &u,
		Subject: events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource()),
	})
	r.facts[guid], r.newest = r.usage, r.usage
	return nil
}

// append puts a message into USAGE, and all that follows from it into METERED and BILLING.
func (r *pathRun) append(kind string, body stage.Body, id string) {
	r.put(&stage.Output{Type: kind, ID: id, Body: body, Subject: "usage.test.test"})
}

// act puts an act into USAGE.
func (r *pathRun) act(a *events.Act) {
	r.put(&stage.Output{
		Type: events.TypeAct, ID: a.ID, Body: a, Subject: events.ActSubject(a.Kind, a.Source, a.Foundation),
	})
}

// seal seals what is proposed, as the shell of the pricer does.
func (r *pathRun) seal() {
	for _, x := range pricer.Proposed(r.pricer) {
		r.number++
		x.Number = r.number
		r.act(&events.Act{
			ID: events.ID("seal", x.ID), Kind: events.ActSeal, Source: x.Source, Foundation: x.Foundation,
			Statement: x.AppendJSON(nil),
		})
	}
}

func (r *pathRun) put(o *stage.Output) {
	r.usage++
	in := storedInput(*o, r.usage)
	if err := r.streams.step(r.Context(), events.StreamUsage, events.StreamMetered, r.projector, &in,
		func(o stage.Output) { r.post(&o) }); err != nil {
		r.Fatal(err)
	}
	r.streams.add(events.StreamUsage, in)
}

// publish puts a catalogue in force.
func (r *pathRun) publish(version string, at time.Time, reprice ...string) {
	yaml, err := os.ReadFile("testdata/rate/catalogue.yaml")
	if err != nil {
		r.Fatal(err)
	}
	if section := r.section("catalogue." + version); section != nil {
		yaml = section.Data
	}
	r.act(&events.Act{
		ID: fmt.Sprintf("input-%d", r.usage+1), Kind: events.ActCatalogue, By: "ann", Time: at,
		Catalogue: events.Catalogue{Version: version, YAML: string(yaml), Reprice: reprice},
	})
}

// post puts a message into METERED, and all that follows from it into BILLING.
func (r *pathRun) post(o *stage.Output) {
	batch := ledger.Batch{From: ledger.Positions{Metered: r.metered}}
	r.metered++
	in := storedInput(*o, r.metered)
	batch.Positions.Metered = r.metered
	if o.Type == events.TypeMetered {
		var m events.Metered
		if err := m.DecodeJSON(in.Data); err != nil {
			r.Fatal(err)
		}
		r.spans(&m)
		batch.Running = []ledger.Running{{
			Subject: o.Subject, Source: m.Source, Foundation: m.Foundation, Tenant: m.Tenant, Spans: m.Running,
			SpansOmitted: m.RunningOmitted, Held: m.Held, HeldOmitted: m.HeldOmitted, Ended: m.Ended,
		}}
	}
	switch x := o.Body.(type) {
	case *events.AnomalyNotice:
		r.anomaly(&x.Anomaly)
	case *events.Closing:
		r.month(x)
	}
	emit := func(out stage.Output) {
		data := out.Body.AppendJSON(nil)
		switch out.Type {
		case events.TypeBilling:
			var b events.Billing
			if err := b.DecodeJSON(data); err != nil {
				r.Fatal(err)
			}
			r.charges(b.Charges)
			batch.Charges = ledger.AppendCharges(batch.Charges, &b, 0)
		case events.TypeUnrated:
			var u events.UnratedNotice
			if err := u.DecodeJSON(data); err != nil {
				r.Fatal(err)
			}
			r.unrated(&u)
			for _, part := range u.Unrated {
				batch.Unrated = append(batch.Unrated, ledger.Unrated{
					Unrated: part, Source: u.Source,
					Foundation: u.Foundation,
				})
			}
			batch.Settled = append(batch.Settled, u.Settled...)
		case events.TypeAnomaly:
			r.Fatalf("the pricer found an anomaly: %s", data)
		case statement.Type:
			var x statement.Statement
			if err := x.DecodeJSON(data); err != nil {
				r.Fatal(err)
			}
			r.issued(&x)
		}
	}
	err := r.streams.step(r.Context(), events.StreamMetered, events.StreamBilling, r.pricer, &in, emit)
	r.streams.add(events.StreamMetered, in)
	if err == nil {
		err = r.ledger.Post(r.Context(), batch)
	}
	if err != nil {
		r.Fatal(err)
	}
}

func storedInput(o stage.Output, sequence uint64) bus.Stored {
	return bus.NewStored(bus.Message{
		Subject: o.Subject, Data: o.Body.AppendJSON(nil),
		Header: []events.Header{{Key: events.HeaderID, Value: o.ID}, {Key: events.HeaderType, Value: o.Type}},
	}, sequence, time.Time{}, 0)
}
