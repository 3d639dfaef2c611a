package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
)

type billCmd struct {
	natsFlags
	Tenant string `help:"Only this tenant (organization guid, tenant id)."`
	Month  string `placeholder:"YYYY-MM" help:"Only this month."`
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}."`
}

var monthForm = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])$`)

// Validate checks the command line.
func (c *billCmd) Validate() error {
	if c.Month != "" && !monthForm.MatchString(c.Month) {
		return fmt.Errorf("--month %q is not a month such as 2026-11", c.Month)
	}
	return nil
}

// Run prints the bill as BILLING has it now.
func (c *billCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "bill", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	// posting is tried again and again: it must not fail in silence
	log, err := service.NewLogger(e.stderr, "text", "warn")
	if err != nil {
		return err
	}
	bill, err := readBill(e.ctx, b, log, ledger.Query{Tenant: c.Tenant, Period: c.Month})
	if err != nil {
		return err
	}
	refused, err := b.Stream(e.ctx, events.StreamQuarantine)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(e.stdout, billOut(&bill, refused.Messages))
	}
	return printBill(e.stdout, &bill, refused.Messages)
}

// readBill posts both streams to a ledger in memory, up to where they end now, and asks it.
func readBill(ctx context.Context, b *bus.Bus, log *slog.Logger, q ledger.Query) (ledger.Bill, error) {
	var at ledger.Positions
	for stream, end := range map[string]*uint64{events.StreamMetered: &at.Metered, events.StreamBilling: &at.Billing} {
		state, err := b.Stream(ctx, stream)
		if err != nil {
			return ledger.Bill{}, err
		}
		if state.Messages > 0 {
			*end = state.Last
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	book := memory.New()
	poster := ledger.NewPoster(b, book, log)
	posted := make(chan error, 1)
	go func() {
		defer cancel() // Wait would wait in vain
		posted <- poster.Run(ctx)
	}()
	err := poster.Wait(ctx, at)
	cancel()
	if failed := <-posted; err != nil {
		return ledger.Bill{}, cmp.Or(failed, err)
	}
	return book.Bill(context.WithoutCancel(ctx), q)
}

// lineJSON is a line of the bill as it is printed.
type lineJSON struct {
	Month     string `json:"month"`
	Tenant    string `json:"tenant"`
	Kind      string `json:"kind"`
	Plan      string `json:"plan"`
	Component string `json:"component"`
	Charges   int    `json:"charges"`
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit"`
	Amount    string `json:"amount"`
	VAT       string `json:"vat"`
	Currency  string `json:"currency"`
}

// tenantJSON is the total of a tenant's month. Net and VAT are rounded once to the currency's minor
// unit, and Total is the sum of the two as rounded, so that the paper adds up.
type tenantJSON struct {
	Month    string `json:"month"`
	Tenant   string `json:"tenant"`
	Amount   string `json:"amount"`
	VAT      string `json:"vat"`
	Total    string `json:"total"`
	Currency string `json:"currency"`
}

type horizonJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Metered    string `json:"metered"`
	Charged    string `json:"charged"`
}

type gapJSON struct {
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	From       string `json:"from,omitempty"`
	To         string `json:"to,omitempty"`
	Reason     string `json:"reason"`
}

type billJSON struct {
	Lines       []lineJSON     `json:"lines"`
	Totals      []tenantJSON   `json:"totals"`
	Running     int            `json:"running"`
	Held        int            `json:"held"`
	Unrated     int            `json:"unrated"`
	Quarantined uint64         `json:"quarantined"`
	Anomalies   map[string]int `json:"anomalies"`
	Gaps        []gapJSON      `json:"gaps"`
	Horizons    []horizonJSON  `json:"horizons"`
}

func billOut(bill *ledger.Bill, quarantined uint64) billJSON {
	out := billJSON{Running: bill.Running, Held: bill.Held, Quarantined: quarantined, Lines: []lineJSON{},
		Totals: []tenantJSON{}, Gaps: []gapJSON{}, Horizons: []horizonJSON{}, Unrated: bill.Unrated,
		Anomalies: bill.Anomalies}
	var amount, vat events.Decimal
	for i, l := range bill.Lines {
		out.Lines = append(out.Lines, lineJSON{
			l.Period, l.Tenant, l.Kind, l.Plan, l.Component, l.Charges, l.Quantity.String(), l.Unit, l.Amount.String(),
			l.VAT.String(), l.Currency,
		})
		amount, vat = amount.Add(l.Amount), vat.Add(l.VAT)
		if i+1 < len(bill.Lines) {
			if n := bill.Lines[i+1]; n.Period == l.Period && n.Tenant == l.Tenant && n.Currency == l.Currency {
				continue
			}
		}
		out.Totals = append(out.Totals, tenantJSON{
			l.Period, l.Tenant, money(amount, l.Currency), money(vat, l.Currency),
			money(toMinorUnit(amount, l.Currency).Add(toMinorUnit(vat, l.Currency)), l.Currency), l.Currency,
		})
		amount, vat = events.Decimal{}, events.Decimal{}
	}
	for _, g := range bill.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.Source, g.Foundation, timeOrEmpty(g.From), timeOrEmpty(g.To), g.Reason})
	}
	for _, h := range bill.Horizons {
		out.Horizons = append(out.Horizons, horizonJSON{h.Source, h.Foundation, timeOrEmpty(h.Metered),
			timeOrEmpty(h.Billed)})
	}
	return out
}

func printBill(w io.Writer, bill *ledger.Bill, quarantined uint64) error {
	out := billOut(bill, quarantined)
	if len(out.Lines) == 0 {
		fmt.Fprintln(w, "No charges.")
	}
	rows := [][]string{{"MONTH", "TENANT", "KIND", "PLAN", "COMPONENT", "QUANTITY", "UNIT", "AMOUNT", "VAT",
		"CURRENCY"}}
	total := 0
	for i, l := range out.Lines {
		rows = append(rows, []string{l.Month, l.Tenant, l.Kind, l.Plan, l.Component, short(l.Quantity, l.Unit), l.Unit,
			l.Amount, l.VAT, l.Currency})
		if i+1 == len(out.Lines) || out.Lines[i+1].Month != l.Month || out.Lines[i+1].Tenant != l.Tenant ||
			out.Lines[i+1].Currency != l.Currency {
			t := out.Totals[total]
			total++
			rows = append(rows, []string{t.Month, t.Tenant, "total", "", "", "", "", t.Amount, t.VAT, t.Currency +
				" (with VAT " + t.Total + ")"})
		}
	}
	if len(out.Lines) > 0 {
		if err := printTable(w, rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, h := range out.Horizons {
		fmt.Fprintf(w, "%s %s: metered through %s, charged through %s\n", h.Source, h.Foundation, orNever(h.Metered),
			orNever(h.Charged))
	}
	for _, g := range out.Gaps {
		fmt.Fprintf(w, "gap: %s %s, from %s to %s: %s\n", g.Source, g.Foundation, orUnknown(g.From), orUnknown(g.To),
			g.Reason)
	}
	if len(out.Gaps) == 0 {
		fmt.Fprintln(w, "no gaps")
	}
	if out.Running > 0 {
		fmt.Fprintf(w, "running: %d, charged up to their last cut\n", out.Running)
	}
	if out.Held > 0 {
		fmt.Fprintf(w, "held: %d, not billed until a later event or an operator settles it; daybook holds list shows "+
			"what\n", out.Held)
	}
	if out.Unrated > 0 {
		fmt.Fprintf(w, "unrated: %d parts of spans that no plan prices; nats sub --stream BILLING "+
			"'billing.unrated.>' --all lists them\n", out.Unrated)
	}
	if out.Quarantined > 0 {
		fmt.Fprintf(w, "quarantined: %d inputs that were not understood; daybook quarantine list shows them\n",
			out.Quarantined)
	}
	codes := ""
	for _, code := range slices.Sorted(maps.Keys(out.Anomalies)) {
		codes = join(codes, fmt.Sprintf("%s %d", code, out.Anomalies[code]))
	}
	if codes == "" {
		_, err := fmt.Fprintln(w, "no anomalies")
		return err
	}
	_, err := fmt.Fprintf(w, "anomalies: %s; the messages of METERED list them\n", codes)
	return err
}
