package foreman

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/reconcile"
)

// This file has the money at stake, and the sizes that it is computed for.

// stake is the money at stake per day: what is billed less what should be. same says that both
// sides have one price.
func (w *work) stake(p pair) (all []reconcile.Money, unrated, same bool) {
	at, foundation := w.Floorplan.Seen, w.Blueprint.Foundation
	billed, there := sides(p)
	var total sums
	withoutBilled := total.add(w.Prices, foundation, billed, at, false)
	withoutThere := total.add(w.Prices, foundation, there, at, true)
	all, same = total.money()
	same = same && !withoutBilled && !withoutThere
	if lines, tells := w.Prices.(Liner); tells && same && billed != nil && there != nil {
		same = lines.Alike(foundation, billed, there, at)
	}
	return all, withoutBilled || withoutThere, same
}

// sides are what is billed, nil for what is held, and what should be.
func sides(p pair) (billed, there *reconcile.Material) {
	billed, there = p.billed, p.there
	if billed != nil && billed.Held != "" {
		billed = nil
	}
	if billed != nil && there != nil && !restaged(p) {
		merged := *there
		merged.Footprint = merge(&billed.Footprint, &there.Footprint)
		there = &merged
	}
	return billed, there
}

// sums are amounts and VAT by currency, in the order in which the currencies came.
type sums struct {
	of    map[string][2]events.Decimal
	order []string
}

// add adds the price of a day of a material, or subtracts it. It reports whether there is none.
func (s *sums) add(from Prices, foundation string, m *reconcile.Material, at time.Time, minus bool) (unrated bool) {
	if m == nil {
		return false
	}
	prices, unrated := from.PerDay(foundation, m, at)
	for _, price := range prices {
		amount, errAmount := events.ParseDecimal(price.Amount)
		vat, errVAT := events.ParseDecimal(price.VAT)
		if errAmount != nil || errVAT != nil {
			unrated = true
			continue
		}
		if minus {
			amount, vat = amount.Neg(), vat.Neg()
		}
		sum, known := s.of[price.Currency]
		if !known {
			s.order = append(s.order, price.Currency)
		}
		if s.of == nil {
			s.of = map[string][2]events.Decimal{}
		}
		s.of[price.Currency] = [2]events.Decimal{sum[0].Add(amount), sum[1].Add(vat)}
	}
	return unrated
}

// money are the sums, and whether they are all zero.
func (s *sums) money() (all []reconcile.Money, zero bool) {
	zero = true
	for _, currency := range s.order {
		sum := s.of[currency]
		zero = zero && sum[0].IsZero() && sum[1].IsZero()
		all = append(all, reconcile.Money{Currency: currency, Amount: sum[0].String(), VAT: sum[1].String()})
	}
	return all, zero
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

// restaged reports whether two sides differ in the buildpack alone. A droplet may have been
// assigned since the last event: the next one says so, and none was lost.
func restaged(p pair) bool {
	return p.billed != nil && p.there != nil && merge(&p.billed.Footprint, &p.there.Footprint) == p.billed.Footprint
}

// packed is a material of the floorplan, with the buildpack of the look at it where the listing
// tells none: a list of droplets is at most daily.
func packed(there *reconcile.Material, sight *reconcile.Sight) *reconcile.Material {
	seen := &sight.Material.Footprint
	if there == nil || !sight.There || there.Footprint.Buildpack != "" || there.Footprint.BuildpackGUID != "" ||
		seen.Buildpack == "" && seen.BuildpackGUID == "" {
		return there
	}
	with := *there
	with.Footprint.Buildpack, with.Footprint.BuildpackGUID = seen.Buildpack, seen.BuildpackGUID
	return &with
}

// merge is the billed size with all that the floorplan tells of it, but for a buildpack other than
// the billed one.
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
		{&f.Plan, &there.Plan, &f.PlanGUID, &there.PlanGUID},
		{&f.Offering, &there.Offering, &f.OfferingGUID, &there.OfferingGUID},
		{&f.Broker, &there.Broker, &f.BrokerGUID, &there.BrokerGUID},
		{&f.Flavor, &there.Flavor, &f.FlavorID, &there.FlavorID},
	} {
		if *s.from != "" || *s.fromID != "" {
			*s.to, *s.toID = *s.from, *s.fromID
		}
	}
	if f.Buildpack == "" && f.BuildpackGUID == "" {
		f.Buildpack, f.BuildpackGUID = there.Buildpack, there.BuildpackGUID
	}
	if there.ProcessType != "" {
		f.ProcessType = there.ProcessType
	}
	return f
}
