package billing

import (
	"fmt"
	"io"
	"os"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/pricer/catalogue/paas"
)

// importCmd groups the price lists of other programs.
type importCmd struct {
	PaasBilling importPaasCmd `cmd:"" name:"paas-billing" help:"Write the prices of alphagov/paas-billing as a catalogue."`
}

type importPaasCmd struct {
	File     string   `arg:"" help:"The config.json."`
	Plans    []string `sep:"none" placeholder:"FILE" help:"Pages of /v3/service_plans, which join the ids of brokers' catalogues, by which paas-billing names service plans, to the guids of events. May be given several times: of several foundations, too."`
	Currency string   `placeholder:"CODE" help:"Currency of the bills (default: the one with the rate 1, GBP first)."`
}

// Help is shown with --help.
func (importPaasCmd) Help() string {
	return "The catalogue goes to standard output. Standard error says, plan by plan, what is read otherwise than " +
		"it looks, and what differs from paas-billing. Nothing is published."
}

// Run writes the catalogue.
func (c *importPaasCmd) Run(e *shell.Env) error {
	var pages []paas.ServicePlan
	for _, name := range c.Plans {
		text, err := readAtMost(name, paas.MaxPages)
		if err != nil {
			return fmt.Errorf("cannot read the service plans: %w", err)
		}
		plans, notes, err := paas.ReadPages(name, text)
		if err != nil {
			return err
		}
		say(e.Stderr, notes)
		pages = append(pages, plans...)
	}
	text, err := readAtMost(c.File, paas.MaxConfig)
	if err != nil {
		return fmt.Errorf("cannot read the prices: %w", err)
	}
	prices, err := paas.Convert(c.File, text, pages, c.Currency)
	if err != nil {
		return err
	}
	say(e.Stderr, prices.Notes)
	_, err = e.Stdout.Write(prices.Catalogue)
	return err
}

func say(w io.Writer, notes []paas.Note) {
	for i := range notes {
		fmt.Fprintf(w, "daybook: %s\n", &notes[i])
	}
}

// readAtMost reads a file, and no more than a byte beyond the limit of its reader.
func readAtMost(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was read only
	return io.ReadAll(io.LimitReader(file, limit+1))
}
