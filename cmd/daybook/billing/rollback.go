package billing

import (
	"errors"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// before is the version that was in force before the present one; empty for none.
func before(history []acts.Version) (version string) {
	present := ""
	for i := range history {
		if next := history[i].Catalogue.Version; history[i].Refused == nil && next != present {
			version, present = present, next
		}
	}
	return version
}

type rollbackCmd struct {
	putFlags
	Version string `arg:"" optional:"" help:"The version (default: the one in force before the present one)."`
}

// Run publishes an earlier version again.
func (c *rollbackCmd) Run(e *shell.Env) error {
	return c.run(e, nil, func(b *bus.Bus) (string, string, *catalogue.Catalogue, error) {
		if c.Version == "" {
			history, err := acts.History(e.Ctx, b)
			if err != nil {
				return "", "", nil, err
			}
			c.Version = before(history)
			if c.Version == "" {
				return "", "", nil, errors.New("no version was in force before the present one")
			}
		}
		act, err := acts.FindVersion(e.Ctx, b, c.Version)
		if err != nil {
			return "", "", nil, err
		}
		parsed, err := catalogue.Parse("catalogue."+c.Version, []byte(act.Catalogue.YAML))
		return c.Version, act.Catalogue.YAML, parsed, err
	})
}
