package billing

import (
	"fmt"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

type publishCmd struct {
	putFlags
	// Reprice are closed months.
	Reprice []string `name:"reprice-closed" sep:"," placeholder:"YYYY-MM,…" help:"Price these closed months with it, too: the difference is posted as corrections in the first open month."`
	File    string   `arg:"" help:"Catalogue file (YAML)."`
	Name    string   `placeholder:"VERSION" help:"Name of the version (default: a digest of the file)."`
}

// Validate checks the command line.
func (c *publishCmd) Validate() error {
	for _, month := range c.Reprice {
		if !shell.IsMonth(month) {
			return fmt.Errorf("--reprice-closed %q is not a month such as 2026-11", month)
		}
	}
	return c.putFlags.Validate()
}

// Run publishes a file.
func (c *publishCmd) Run(e *shell.Env) error {
	parsed, text, err := shell.LoadCatalogue(c.File)
	if err != nil {
		return err
	}
	if c.Name == "" {
		c.Name = parsed.Digest()
	}
	return c.run(e, c.Reprice, func(*bus.Bus) (string, string, *catalogue.Catalogue, error) {
		return c.Name, string(text), parsed, nil
	})
}
