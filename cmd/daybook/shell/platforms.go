package shell

import (
	"context"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/ledger"
)

// Comparisons say of some foundations whether METERED agrees with their platforms' sums.
func Comparisons(ctx context.Context, b *bus.Bus, of []answer.FoundationState) ([]ledger.Comparison, error) {
	all, err := answer.Platforms(ctx, b, &answer.Operator().Usage, of)
	return answer.Comparisons(all), err
}

// Compare puts the comparisons of its foundations on a bill.
func Compare(ctx context.Context, b *bus.Bus, bill *ledger.Bill) (err error) {
	of := make([]answer.FoundationState, len(bill.Horizons))
	for i := range bill.Horizons {
		of[i].Source, of[i].Foundation = bill.Horizons[i].Source, bill.Horizons[i].Foundation
	}
	bill.Platforms, err = Comparisons(ctx, b, of)
	return err
}
