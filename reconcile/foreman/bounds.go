package foreman

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// This file has the times and the money of remodels.

// settle fills in the act, the stage, the bounds and the time of a remodel.
func (w *work) settle(r *reconcile.Remodel, sight *reconcile.Sight, looked bool) {
	rule := w.rule(pair{r.Key, r.Billed, r.There}, r.Type)
	r.Act = rule.Act
	if !looked {
		sight = &reconcile.Sight{}
	}
	switch r.Type {
	case reconcile.MissingStop:
		r.Stage = reconcile.Stops
		r.NotBefore = latest(r.Billed.Since, w.Proofs[r.Key], sight.NotBefore)
		r.NotAfter = earliest(w.Former.Seen, sight.NotAfter)
		w.exactly(r, sight.Ended)
		r.Resolutions = []reconcile.Resolution{reconcile.EndAt, reconcile.HoldIt, reconcile.IgnoreUntil}
		w.at(r, rule.At == "latest")
	case reconcile.MissingStart:
		r.Stage = reconcile.Starts
		r.NotBefore = latest(w.Blueprint.Epoch, sight.NotBefore)
		r.NotAfter = earliest(w.Floorplan.Seen, r.There.Since, sight.NotAfter)
		w.exactly(r, sight.Began)
		r.Resolutions = []reconcile.Resolution{reconcile.AdoptFrom, reconcile.HoldIt, reconcile.IgnoreUntil}
		w.at(r, rule.At != "earliest")
	case reconcile.FootprintDrift:
		r.Stage = reconcile.Changes
		r.NotBefore = latest(r.Billed.Since, w.Same[r.Key], sight.NotBefore)
		r.NotAfter = earliest(w.Floorplan.Seen, r.There.Since, sight.NotAfter)
		w.exactly(r, sight.Began)
		r.Resolutions = []reconcile.Resolution{reconcile.AdoptFrom, reconcile.HoldIt, reconcile.IgnoreUntil}
		late := rule.At == "latest" || rule.At == "" && !w.cheaper(r)
		w.at(r, late)
	default:
		r.Stage, r.Act = reconcile.Reports, reconcile.Report
		r.Resolutions = []reconcile.Resolution{reconcile.ReportUpstream, reconcile.IgnoreUntil}
		r.At, r.NotAfter = w.Floorplan.Seen, w.Floorplan.Seen
	}
	if r.Act == reconcile.Hold && r.Billed != nil && r.Billed.Held == events.HoldObservedGone {
		r.Act, r.Why = reconcile.Settle, "it is there: the end that a plan had taken for granted goes"
	}
	if r.Act == reconcile.Report {
		r.Stage = reconcile.Reports
	}
}

// exactly takes the true time, where the platform tells one that can be.
func (w *work) exactly(r *reconcile.Remodel, at time.Time) {
	if at.IsZero() || at.After(w.Floorplan.Seen) || at.Before(r.NotBefore.Add(-Skew)) ||
		at.After(r.NotAfter.Add(Skew)) || r.Billed != nil && at.Before(r.Billed.Since) {
		return
	}
	r.At, r.NotBefore, r.NotAfter, r.Exact = at, at, at, true
}

// at chooses the time of a remodel whose true time is not known. What is held is held from the
// last proof of life on, or from the look on. A settled one takes a bound.
func (w *work) at(r *reconcile.Remodel, late bool) {
	if r.NotAfter.Before(r.NotBefore) {
		r.NotAfter = r.NotBefore
	}
	held := r.Act != reconcile.Settle
	switch {
	case r.Exact:
	case held && r.Type == reconcile.MissingStop:
		r.At = r.NotBefore
	case held:
		r.At = w.Floorplan.Seen
	case late || r.NotBefore.IsZero():
		r.At = r.NotAfter
	default:
		r.At = r.NotBefore
	}
	if r.At.Before(w.Blueprint.Epoch) {
		r.At = w.Blueprint.Epoch
	}
}

func latest(times ...time.Time) (last time.Time) {
	for _, at := range times {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// earliest is the first time; one that is zero is not known.
func earliest(times ...time.Time) (first time.Time) {
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// stake is the money at stake per day: what is billed less what should be. same says that both
// sides have one price.
func (w *work) stake(p pair) (all []reconcile.Money, unrated, same bool) {
	at := w.Floorplan.Seen
	sums := map[string][2]events.Decimal{}
	var order []string
	add := func(m *reconcile.Material, minus bool) bool {
		if m == nil {
			return false
		}
		prices, without := w.Prices.PerDay(w.Blueprint.Foundation, m, at)
		for _, price := range prices {
			amount, errAmount := events.ParseDecimal(price.Amount)
			vat, errVAT := events.ParseDecimal(price.VAT)
			if errAmount != nil || errVAT != nil {
				without = true
				continue
			}
			if minus {
				amount, vat = amount.Neg(), vat.Neg()
			}
			if _, known := sums[price.Currency]; !known {
				order = append(order, price.Currency)
			}
			sum := sums[price.Currency]
			sums[price.Currency] = [2]events.Decimal{sum[0].Add(amount), sum[1].Add(vat)}
		}
		return without
	}
	billed := p.billed
	if billed != nil && billed.Held != "" {
		billed = nil
	}
	withoutBilled := add(billed, false)
	there := p.there
	if there != nil && billed != nil {
		merged := *there
		merged.Footprint = merge(&billed.Footprint, &there.Footprint)
		there = &merged
	}
	withoutThere := add(there, true)
	same = !withoutBilled && !withoutThere
	if lines, tells := w.Prices.(Liner); tells && same && billed != nil && there != nil {
		same = lines.Alike(w.Blueprint.Foundation, billed, there, at)
	}
	for _, currency := range order {
		sum := sums[currency]
		same = same && sum[0].IsZero() && sum[1].IsZero()
		all = append(all, reconcile.Money{Currency: currency, Amount: sum[0].String(), VAT: sum[1].String()})
	}
	return all, withoutBilled || withoutThere, same
}

// cheaper reports whether what is there costs less than what is billed.
func (w *work) cheaper(r *reconcile.Remodel) bool {
	for _, m := range r.Stake {
		if amount, err := events.ParseDecimal(m.Amount); err == nil && amount.Sign() > 0 {
			return true
		}
	}
	return false
}

// merge is the billed size with all that the floorplan tells of it.
func merge(billed, there *events.Footprint) events.Footprint {
	f := *billed
	for _, c := range []struct{ to, from *events.Count }{
		{&f.Instances, &there.Instances}, {&f.MemoryMB, &there.MemoryMB}, {&f.VolumeGB, &there.VolumeGB},
	} {
		if c.from.Known() {
			*c.to = *c.from
		}
	}
	for _, s := range []struct{ to, from, toID, fromID *string }{
		{&f.Buildpack, &there.Buildpack, &f.BuildpackGUID, &there.BuildpackGUID},
		{&f.Plan, &there.Plan, &f.PlanGUID, &there.PlanGUID},
		{&f.Offering, &there.Offering, &f.OfferingGUID, &there.OfferingGUID},
		{&f.Broker, &there.Broker, &f.BrokerGUID, &there.BrokerGUID},
		{&f.Flavor, &there.Flavor, &f.FlavorID, &there.FlavorID},
	} {
		if *s.from != "" || *s.fromID != "" {
			*s.to, *s.toID = *s.from, *s.fromID
		}
	}
	if there.ProcessType != "" {
		f.ProcessType = there.ProcessType
	}
	return f
}
