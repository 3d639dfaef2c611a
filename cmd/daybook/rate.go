package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/redact"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/projector"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// rateCmd is the offline face: the functions of collector, projector and pricer over files.
type rateCmd struct {
	Files     []string `arg:"" name:"file" help:"Files with one usage event or notification a line; - is standard input."`
	Catalogue string   `help:"Price catalogue (YAML). Required without --spans." placeholder:"FILE"`
	Now       instant  `help:"Horizon: running resources accrue up to it (default: the newest time in the input)." placeholder:"TIME"`
	Epoch     instant  `help:"Nothing before it is billed." placeholder:"TIME"`
	From      instant  `help:"Crop the spans: nothing before it is priced." placeholder:"TIME"`
	To        instant  `help:"Crop the spans: nothing from it on is priced." placeholder:"TIME"`
	Spans     bool     `help:"Print what ran instead of what it costs."`
	Format    string   `enum:"json,table,csv" default:"table" help:"Output: json (an object a line), table or csv."`
}

// foundationOfFiles is the foundation that the lines of files are taken to come from.
const foundationOfFiles = "file"

// Run prints spans or charges of the files.
func (c *rateCmd) Run(e *env) error {
	if !c.To.IsZero() && !c.From.Before(c.To.Time) {
		return fmt.Errorf("--from %s is not before --to %s: nothing would be left", events.FormatTime(c.From.Time),
			events.FormatTime(c.To.Time))
	}
	var prices *catalogue.Catalogue
	if !c.Spans {
		if c.Catalogue == "" {
			return errors.New("--catalogue FILE is missing: charges need prices. --spans prints what ran without them")
		}
		var err error
		if prices, _, err = loadCatalogue(c.Catalogue); err != nil {
			return err
		}
	}
	in := input{seen: map[string]bool{}, stderr: e.stderr}
	for _, name := range c.Files {
		if err := in.read(e, name); err != nil {
			return err
		}
	}
	spans, anomalies := c.meter(&in)
	for _, a := range anomalies {
		fmt.Fprintf(e.stderr, "daybook: anomaly: %s of %s at %s: %s\n", a.Code, a.Resource, events.FormatTime(a.Time),
			a.Message)
	}
	spans = rating.Join(rating.Crop(spans, c.From.Time, c.To.Time))
	var err error
	if c.Spans {
		err = c.printSpans(e.stdout, spans)
	} else {
		total := rating.Price(prices, foundationOfFiles, spans)
		err = c.printCharges(e, spans, totalJSON{
			total.Amount.String(), total.VAT.String(), prices.Currency, total.Charges, total.Unrated, in.quarantined,
		})
	}
	if err == nil && in.quarantined > 0 {
		return errReported
	}
	return err
}

// instant is a time on the command line: RFC 3339, or a date.
type instant struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *instant) UnmarshalText(text []byte) (err error) {
	i.Time, err = events.ParseTimeOrDate(string(text))
	if err == nil && (i.Year() < 2000 || i.Year() >= 2200) {
		err = fmt.Errorf("%s is not between the years 2000 and 2199", text)
	}
	return err
}

// input collects the facts of files, each once.
type input struct {
	facts       []events.Usage
	seen        map[string]bool
	newest      time.Time
	quarantined int
	stderr      io.Writer
}

// read adds the facts of a file. What is not understood is said with file and line, and counted;
// the rest goes on.
func (in *input) read(e *env, name string) error {
	empty := true
	for line, err := range file.Lines(e.ctx, name, e.stdin) {
		var wrong *collector.InputError
		if err != nil && !errors.As(err, &wrong) {
			return err
		}
		var u events.Usage
		if err == nil {
			u, err = file.Normalise(foundationOfFiles, line.Data)
		}
		empty = false
		switch {
		case errors.Is(err, collector.ErrIgnored):
		case err != nil:
			in.quarantined++
			fmt.Fprintf(in.stderr, "daybook: %s:%d: %s; the line was left out: correct it, or remove it\n", name,
				line.Number, redact.Text(err.Error()))
		case !in.seen[u.ID]:
			in.seen[u.ID] = true
			u.Raw = nil
			in.newest = latest(in.newest, u.Time, u.Observed)
			in.facts = append(in.facts, u)
		}
	}
	if empty {
		fmt.Fprintf(in.stderr, "daybook: %s is empty: expected usage events or notifications, one JSON object a line\n",
			name)
	}
	return nil
}

func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}

// noMonthCloses is longer than what lies between any two times of files. A meter forgets what is
// over in a closed month, and its anomalies with it; nothing comes after the files, so that there
// is no reason to.
const noMonthCloses = 250 * 365 * 24 * time.Hour

// meter runs the facts through the projector's functions up to the horizon. It also returns the
// anomalies that the whole input leaves.
func (c *rateCmd) meter(in *input) ([]rating.Span, []events.Anomaly) {
	now := c.Now.Time
	if now.IsZero() {
		now = in.newest
	}
	meter := projector.NewMeter(projector.Settings{
		Cut: timeline.CutNone, Grace: noMonthCloses, Epoch: map[string]time.Time{
			events.SourceCF:    c.Epoch.Time,
			events.SourceTrove: c.Epoch.Time,
		},
	})
	var order []string
	closed := map[string]events.Span{}
	var anomalies []events.Anomaly
	collect := func(m *events.Metered) {
		for _, s := range m.Retracted {
			delete(closed, s.ID)
		}
		for _, s := range m.Closed {
			if _, again := closed[s.ID]; !again {
				order = append(order, s.ID)
			}
			closed[s.ID] = s
		}
		if m.Kind != events.KindInstance { // which later facts may put right: see Meter.Anomalies
			anomalies = append(anomalies, m.Anomalies...)
		}
	}
	for i := range in.facts {
		if u := &in.facts[i]; !u.Time.After(now) {
			meter.Fact(u, uint64(i)+1, collect)
		}
	}
	var spans []rating.Span
	for _, source := range []string{events.SourceCF, events.SourceTrove} {
		meter.Horizon(&events.Horizon{Source: source, Foundation: foundationOfFiles, Time: now},
			uint64(len(in.facts))+1, collect)
		for _, s := range meter.Accrued(source, foundationOfFiles) {
			spans = append(spans, rating.Span{Span: s, Running: true})
		}
	}
	for _, id := range order {
		if s, ok := closed[id]; ok {
			spans = append(spans, rating.Span{Span: s})
			delete(closed, id)
		}
	}
	return spans, append(anomalies, meter.Anomalies(events.SourceTrove, foundationOfFiles)...)
}

// spanJSON is a span as it is printed.
type spanJSON struct {
	Kind      string   `json:"kind"`
	Resource  string   `json:"resource"`
	Tenant    string   `json:"tenant"`
	Space     string   `json:"space"`
	Name      string   `json:"name"`
	Start     string   `json:"start"`
	End       string   `json:"end"`
	Seconds   string   `json:"seconds"`
	Footprint print.Fields   `json:"footprint"`
	Running   bool     `json:"running"`
	Flags     []string `json:"flags"`
}

func spanOut(s *rating.Span) spanJSON {
	return spanJSON{
		Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Space: s.Space, Name: s.Name,
		Start: events.FormatTime(s.Start), End: events.FormatTime(s.End), Seconds: events.SecondsBetween(s.Start,
			s.End).String(),
		Footprint: print.Footprint(s.Kind, s.Footprint), Running: s.Running, Flags: append([]string{},
			s.Flags.Names()...),
	}
}

func (c *rateCmd) printSpans(w io.Writer, spans []rating.Span) error {
	rows := [][]string{{
		"KIND", "RESOURCE", "TENANT", "SPACE", "NAME", "START", "END", "SECONDS", "FOOTPRINT",
		"RUNNING", "FLAGS",
	}}
	for i := range spans {
		s := spanOut(&spans[i])
		if c.Format == "json" {
			if err := print.JSON(w, s); err != nil {
				return err
			}
			continue
		}
		footprint, flags := "", ""
		for _, f := range s.Footprint {
			footprint = print.Join(footprint, fmt.Sprintf("%s=%v", f.Key, f.Value))
		}
		for _, f := range s.Flags {
			flags = print.Join(flags, f)
		}
		rows = append(rows, []string{
			s.Kind, s.Resource, s.Tenant, s.Space, s.Name, s.Start, s.End, s.Seconds,
			footprint, strconv.FormatBool(s.Running), flags,
		})
	}
	return c.printRows(w, rows)
}

// chargeJSON is a charge as it is printed.
type chargeJSON struct {
	Kind      string `json:"kind"`
	Resource  string `json:"resource"`
	Tenant    string `json:"tenant"`
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Start     string `json:"start"`
	End       string `json:"end"`
	Seconds   string `json:"seconds"`
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

type totalJSON struct {
	Amount      string `json:"amount"`
	VAT         string `json:"vat"`
	Currency    string `json:"currency"`
	Charges     int    `json:"charges"`
	Unrated     int    `json:"unrated"`
	Quarantined int    `json:"quarantined"`
}

func (c *rateCmd) printCharges(e *env, spans []rating.Span, total totalJSON) error {
	w := e.stdout
	rows := [][]string{{
		"KIND", "RESOURCE", "TENANT", "PLAN", "COMPONENT", "START", "END", "SECONDS", "QUANTITY",
		"UNIT", "AMOUNT", "VAT", "CURRENCY",
	}}
	var unrated []string
	for i := range spans {
		s := &spans[i]
		for _, l := range s.Lines {
			o := chargeJSON{
				Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Plan: l.Plan.Name, Component: l.Component.Name,
				Start: events.FormatTime(l.Start),
				End:   events.FormatTime(l.End), Seconds: l.Seconds.String(),
				Quantity: l.Quantity.String(), Unit: l.Unit,
				Amount: l.Amount.String(), VAT: l.VAT.String(), Currency: l.Currency,
			}
			if c.Format == "json" {
				if err := print.JSON(w, o); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{
				o.Kind, o.Resource, o.Tenant, o.Plan, o.Component, o.Start, o.End, o.Seconds,
				o.Quantity, o.Unit, o.Amount, o.VAT, o.Currency,
			})
		}
		for _, u := range s.Unrated {
			unrated = append(unrated, fmt.Sprintf("unrated: %s %s from %s to %s: %s", s.Kind, s.Resource,
				events.FormatTime(u.Start), events.FormatTime(u.End), u.Reason))
		}
	}
	if c.Format != "table" { // whose lines are all of one form
		for _, line := range unrated {
			fmt.Fprintln(e.stderr, "daybook:", line)
		}
	}
	if c.Format == "json" {
		return print.JSON(w, map[string]totalJSON{"total": total})
	}
	rows = append(rows, []string{"total", "", "", "", "", "", "", "", "", "", total.Amount, total.VAT, total.Currency})
	if err := c.printRows(w, rows); err != nil || c.Format == "csv" {
		return err
	}
	for _, line := range unrated {
		fmt.Fprintln(w, line)
	}
	_, err := fmt.Fprintf(w, "charges: %d, unrated: %d, lines quarantined: %d\n", total.Charges, total.Unrated,
		total.Quarantined)
	return err
}

// printRows prints rows, a header first, as csv or as a table. For json there is nothing left to
// print.
func (c *rateCmd) printRows(w io.Writer, rows [][]string) error {
	switch c.Format {
	case "csv":
		out := csv.NewWriter(w)
		for i := range rows[0] {
			rows[0][i] = strings.ToLower(rows[0][i])
		}
		if err := out.WriteAll(rows); err != nil {
			return err
		}
		return out.Error()
	case "table":
		return print.Table(w, rows)
	}
	return nil
}
