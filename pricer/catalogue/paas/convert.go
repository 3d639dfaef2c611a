package paas

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Convert reads a config.json and writes it as a catalogue. The file's name is for messages, and
// stands without its folder in the catalogue. Pages of service plans are those of ReadPages. The
// currency is the one of the bills; empty, it is the one whose rate is 1, GBP first. Its error is
// of type catalogue.Problems, with places in the config.
func Convert(file string, data []byte, pages []ServicePlan, currency string) (*Prices, error) {
	r := &reader{file: file, data: data}
	if len(data) > MaxConfig {
		r.problem(0, "the file has more than %d bytes", MaxConfig)
		return nil, r.problems
	}
	c := r.config()
	if len(r.problems) > 0 {
		return nil, r.sorted()
	}
	if currency == "" {
		currency = r.billing(c)
	}
	entries := r.entries(c, pages)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	w := &writer{}
	w.catalogue(file, c, entries, currency)
	if err := r.checked(w); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Prices{Catalogue: []byte(w.text.String()), Plans: len(entries), Notes: r.notes}, nil
}

// checked holds what was written to the catalogue's own checks. Its problems are put where the
// lines come from in the config.
func (r *reader) checked(w *writer) error {
	_, err := catalogue.Check(r.file, []byte(w.text.String()))
	var problems catalogue.Problems
	if !errors.As(err, &problems) {
		return err
	}
	for _, p := range problems {
		r.problem(w.from[min(p.Line, len(w.from))-1], "%s", inDialect(p.Message))
	}
	return r.sorted()
}

// inDialect is a complaint of the catalogue in the words of paas-billing, which has no max.
func inDialect(message string) string {
	head, _, advised := strings.Cut(message, "; write max(")
	if !advised {
		return message
	}
	head = strings.NewReplacer("seconds", "$time_in_seconds", "instances", "$number_of_nodes", "memory_mb",
		"$memory_in_mb", "storage_mb", "$storage_in_mb").Replace(head)
	if strings.Contains(head, "divided") {
		return head + ", in paas-billing neither; add to it, as in 1 + $memory_in_mb"
	}
	return head + `; mark a component that takes off the bill with "credit": true`
}

// billing is the currency of the bills: paas-billing converts by rate, and names it nowhere.
func (r *reader) billing(c *config) string {
	var candidates []string
	for _, x := range c.currencies {
		if slices.ContainsFunc(c.currencies, func(y rate) bool { return y.code == x.code && y.value != "1" }) {
			continue
		}
		candidates = append(candidates, x.code)
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	switch {
	case slices.Contains(candidates, "GBP"):
		return "GBP"
	case len(candidates) == 1:
		return candidates[0]
	}
	r.problem(0, "the currency of the bills is not clear, because not exactly one has the rate 1: give it with "+
		"--currency")
	return ""
}

// entry is a plan's version for one kind of resource or one service plan.
type entry struct {
	*plan
	label string // the plan's name, or one that no other plan has
	kind  string
	guid  string // of the service plan; empty for all of the kind
}

// entries are the entries of all plans. The versions of one stand together, by time: then a later
// one wins where it has another name.
func (r *reader) entries(c *config, pages []ServicePlan) []entry {
	joined := map[string][]string{}
	for _, p := range pages {
		if id := strings.ToLower(p.UniqueID); !slices.Contains(joined[id], p.GUID) {
			joined[id] = append(joined[id], p.GUID)
		}
	}
	byGUID := map[string][]*plan{}
	var order []string
	for _, p := range c.plans {
		if byGUID[p.guid] == nil {
			order = append(order, p.guid)
		}
		byGUID[p.guid] = append(byGUID[p.guid], p)
	}
	names := labels{}
	services := 0
	var out []entry
	for _, id := range order {
		versions := byGUID[id]
		slices.SortStableFunc(versions, func(a, b *plan) int { return a.from.Compare(b.from) })
		kind, special := kindOf(id)
		guids := joined[id]
		switch {
		case special:
			guids = []string{""}
		case len(guids) == 0:
			guids = []string{id}
			services++
			if len(pages) > 0 {
				r.note(versions[0].at, "plan %q: no service plan of the pages has the id %s in its broker's "+
					"catalogue; the plan is for events that name the id itself", clip(versions[0].name), id)
			}
		}
		for _, guid := range guids {
			for _, p := range versions {
				e := entry{plan: p, kind: kind, guid: guid, label: names.label(p.name, id, guid)}
				if e.label != p.name {
					r.note(p.at, "plan %q is called %q in the entry of service plan %s: another entry has its name",
						clip(p.name), clip(e.label), cmp.Or(guid, id))
				}
				out = append(out, e)
			}
		}
		r.noteSizes(versions, special, id)
	}
	if services > 0 && len(pages) == 0 {
		r.note(0, "%d plan_guids are of service plans: they are ids of brokers' catalogues, and events name service "+
			"plans by guid. Give the pages of /v3/service_plans with --plans, to join the two", services)
	}
	return out
}

// noteSizes notes sizes that mean something else than they seem to.
func (r *reader) noteSizes(versions []*plan, special bool, id string) {
	for _, p := range versions {
		uses := slices.ContainsFunc(p.components, func(c component) bool { return c.usesNodes })
		switch {
		case special && id != unknownGUID && p.memory+p.storage+p.nodes > 0:
			r.note(p.at, "plan %q: its memory_in_mb, storage_in_mb and number_of_nodes are left out: in paas-billing, "+
				"too, apps, tasks and stagings have those of their events, and no storage", clip(p.name))
		case (!special || id == unknownGUID) && uses && p.nodes == 0:
			r.note(p.at, "plan %q: a service has no nodes of its own, and the plan has no number_of_nodes: "+
				"$number_of_nodes is 0, as in paas-billing", clip(p.name))
		}
	}
}

func kindOf(guid string) (kind string, special bool) {
	switch guid {
	case appGUID:
		return "app", true
	case taskGUID:
		return "task", true
	case stagingGUID:
		return "staging", true
	case unknownGUID:
		return "service", true
	}
	return "service", false
}

// labels are names with their owners: entries of one name are versions of one plan.
type labels map[string]owner

// owner is a plan_guid and a service plan's guid.
type owner struct{ id, guid string }

// label is a name that no other owner has: where the plan's own is taken by another plan, with the
// beginning of its plan_guid behind it, and where another service plan of the same plan has it,
// with that of the service plan's guid.
func (l labels) label(name, id, guid string) string {
	wanted := name
	for n := 8; n <= len(id)+len(guid); n += 4 {
		other, taken := l[wanted]
		switch {
		case !taken || other == owner{id, guid}:
			l[wanted] = owner{id, guid}
			return wanted
		case other.id != id:
			wanted = fmt.Sprintf("%s (%s)", name, id[:min(n, len(id))])
		default:
			wanted = fmt.Sprintf("%s (%s)", name, guid[:min(n, len(guid))])
		}
	}
	return wanted
}
