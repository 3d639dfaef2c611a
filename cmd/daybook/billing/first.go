package billing

import (
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/operate"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events/effect"
)

// closesWith says which of the months in an effect close with a first catalogue, and keep its
// prices: no month closes by itself before.
func closesWith(e *shell.Env, b acts.Reader, seen *effect.Effect) error {
	if seen.Former != "" {
		return nil
	}
	due, err := operate.DueMonths(e.Ctx, b, seen.Rows)
	if err == nil && len(due) > 0 {
		print.Text(e.Stdout, fmt.Sprintf("Closes with it: %s, and keeps these prices. daybook month mode manual, "+
			"given before, keeps every month open.", strings.Join(due, ", ")))
	}
	return err
}
