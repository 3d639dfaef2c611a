package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/standing"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// Content is the meaning of a run, as sorted lines of text: equal contents are equal bills, for
// equal reasons.
type Content struct {
	Facts   []string // by subject, in the order of the subject
	Spans   []string // published and not retracted
	Running []string // the last state of each subject
	Held    []string
	Charges []string // net sum of each piece of a span: a charge and its reversal leave nothing
	Sums    []string // by month, tenant, kind, plan, component and currency
	Unrated []string
}

// ContentOf derives the content of a run.
func ContentOf(r *Run) (*Content, error) {
	c := &Content{}
	if err := c.facts(r.Streams[events.StreamUsage]); err != nil {
		return nil, err
	}
	if err := c.metered(r.Streams[events.StreamMetered]); err != nil {
		return nil, err
	}
	if err := c.billed(r.Streams[events.StreamBilling]); err != nil {
		return nil, err
	}
	for _, list := range [][]string{c.Spans, c.Running, c.Held, c.Charges, c.Sums, c.Unrated} {
		slices.Sort(list)
	}
	return c, nil
}

// Differences returns the differences between two contents; none when they are equal.
func (c *Content) Differences(after *Content) []string {
	var found []string
	for _, part := range []struct {
		name          string
		before, after []string
	}{
		{"facts", c.Facts, after.Facts},
		{"spans", c.Spans, after.Spans},
		{"running", c.Running, after.Running},
		{"held", c.Held, after.Held},
		{"charges", c.Charges, after.Charges},
		{"sums", c.Sums, after.Sums},
		{"unrated", c.Unrated, after.Unrated},
	} {
		found = append(found, limited(part.name, sameLines(part.before, part.after))...)
	}
	return found
}

// sameLines compares two lists as multisets.
func sameLines(before, after []string) []string {
	count := map[string]int{}
	for _, line := range before {
		count[line]++
	}
	for _, line := range after {
		count[line]--
	}
	var found []string
	for _, line := range slices.Sorted(maps.Keys(count)) {
		switch n := count[line]; {
		case n > 0:
			found = append(found, fmt.Sprintf("only before (%d times): %s", n, line))
		case n < 0:
			found = append(found, fmt.Sprintf("only after (%d times): %s", -n, line))
		}
	}
	return found
}

// facts lists the facts of each subject with their order there. The order between subjects is the
// order of the requests for two lists, and no part of the content.
func (c *Content) facts(messages []Message) error {
	order := map[string]int{}
	for i := range messages {
		m := &messages[i]
		if m.kind() != events.TypeUsage {
			continue
		}
		var u events.Usage
		if err := u.DecodeJSON(m.Body); err != nil {
			return fmt.Errorf("message %d of USAGE: %w", i+1, err)
		}
		order[m.Subject]++
		c.Facts = append(c.Facts, fmt.Sprintf("%s %d %s %s %s", m.Subject, order[m.Subject], u.ID, u.Event, u.Raw))
	}
	return nil
}

// metered nets the spans, and keeps the last state of each subject. A retraction of one version
// names its span by the id that the version gave it, and no version need repeat its labels.
func (c *Content) metered(messages []Message) error {
	spans := map[string]string{} // by subject's resource and id
	again := map[string]int{}
	subjects := map[string]*standing.Subject{}
	for i := range messages {
		m := &messages[i]
		if m.kind() != events.TypeMetered {
			continue
		}
		var body events.Metered
		if err := body.DecodeJSON(m.Body); err != nil {
			return fmt.Errorf("message %d of METERED: %w", i+1, err)
		}
		about := fmt.Sprintf("%s %s %s %s", body.Source, body.Foundation, body.Kind, body.Resource)
		for j := range body.Retracted {
			s := &body.Retracted[j]
			if _, ok := spans[about+s.ID]; !ok {
				again["retracted, and not published: "+about+" "+spanLine(s)]++
			}
			delete(spans, about+s.ID)
		}
		for j := range body.Closed {
			s := &body.Closed[j]
			if _, ok := spans[about+s.ID]; ok {
				again["published again: "+about+" "+spanLine(s)]++
			}
			spans[about+s.ID] = about + " tenant=" + s.Tenant + " " + spanLine(s)
		}
		if subjects[m.Subject] == nil {
			subjects[m.Subject] = &standing.Subject{}
		}
		subjects[m.Subject].Apply(&body)
	}
	for _, line := range spans {
		c.Spans = append(c.Spans, line)
	}
	for line, n := range again {
		c.Spans = append(c.Spans, fmt.Sprintf("%d× %s", n, line))
	}
	for subject, state := range subjects {
		c.standing(subject, state)
	}
	return nil
}

func (c *Content) standing(subject string, state *standing.Subject) {
	for _, id := range state.Resources() {
		running, held := state.Of(id)
		for i := range running {
			c.Running = append(c.Running, subject+" "+spanLine(&running[i]))
		}
		for i := range held {
			h := &held[i]
			c.Held = append(c.Held, fmt.Sprintf("%s %s %s %s %s-%s %+v", subject, h.Kind, h.Resource, h.Code,
				events.FormatTime(h.Start), endText(h.End), h.Footprint))
		}
	}
}

func spanLine(s *events.Span) string {
	return fmt.Sprintf("%s %s %s-%s since %s %+v %s name=%s space=%s app=%s", s.Kind, s.Resource,
		events.FormatTime(s.Start), endText(s.End), events.FormatTime(s.Since), s.Footprint,
		strings.Join(s.Flags.Names(), ","), s.Name, s.Space, s.App)
}

// billed nets the charges and the unrated parts, and sums the amounts.
func (c *Content) billed(messages []Message) error {
	pieces, sums := map[string]*money{}, map[string]*money{}
	unrated := map[string]string{}
	for i := range messages {
		m := &messages[i]
		switch m.kind() {
		case events.TypeBilling:
			var body events.Billing
			if err := body.DecodeJSON(m.Body); err != nil {
				return fmt.Errorf("message %d of BILLING: %w", i+1, err)
			}
			for j := range body.Charges {
				charge := &body.Charges[j]
				add(pieces, m.Subject+" "+pieceLine(charge), charge)
				add(sums, strings.Join([]string{
					charge.Period, charge.Tenant, charge.Kind, charge.Plan,
					charge.Component, charge.Currency,
				}, " "), charge)
			}
		case events.TypeUnrated:
			var body events.UnratedNotice
			if err := body.DecodeJSON(m.Body); err != nil {
				return fmt.Errorf("message %d of BILLING: %w", i+1, err)
			}
			for j := range body.Unrated {
				u := &body.Unrated[j]
				unrated[u.ID] = fmt.Sprintf("%s %s %s-%s %s", u.Kind, u.Resource, events.FormatTime(u.Start),
					events.FormatTime(u.End), u.Reason)
			}
			for _, id := range body.Settled {
				delete(unrated, id)
			}
		}
	}
	c.Charges, c.Sums = lines(pieces), lines(sums)
	for _, line := range unrated {
		c.Unrated = append(c.Unrated, line)
	}
	return nil
}

func pieceLine(c *events.Charge) string {
	return fmt.Sprintf("%s %s %s %s %s-%s %s %s", c.Period, c.Resource, c.Plan, c.Component,
		events.FormatTime(c.Start), events.FormatTime(c.End), c.Currency, c.VATCode)
}

// money is a sum of charges.
type money struct{ amount, vat, quantity events.Decimal }

func add(to map[string]*money, key string, c *events.Charge) {
	if to[key] == nil {
		to[key] = &money{}
	}
	sum := to[key]
	sum.amount, sum.vat = sum.amount.Add(c.Amount), sum.vat.Add(c.VAT)
	sum.quantity = sum.quantity.Add(c.Quantity)
}

// lines lists the sums other than zero.
func lines(sums map[string]*money) []string {
	var list []string
	for key, sum := range sums {
		if !sum.amount.IsZero() || !sum.vat.IsZero() || !sum.quantity.IsZero() {
			list = append(list, fmt.Sprintf("%s: %s net, %s VAT, quantity %s", key, sum.amount, sum.vat, sum.quantity))
		}
	}
	return list
}

func endText(t time.Time) string {
	if t.IsZero() {
		return "…"
	}
	return events.FormatTime(t)
}
