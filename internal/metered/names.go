package metered

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
)

// CheckNames is an error for a foundation or a tenant that is not in METERED, with those that it
// may have been meant for. An empty name is none. It reads the last message of every resource: call
// it when nothing was found.
func CheckNames(ctx context.Context, b Bus, foundation, tenant string) error {
	if foundation == "" && tenant == "" {
		return nil
	}
	foundations, tenants := map[string]bool{}, map[string]bool{}
	err := Latest(ctx, b, "", "", func(m *events.Metered) error {
		foundations[m.Foundation], tenants[m.Tenant] = true, true
		return nil
	})
	if err != nil {
		return err
	}
	through, err := Through(ctx, b, "")
	if err != nil {
		return err
	}
	for i := range through {
		foundations[through[i].Foundation] = true
	}
	if len(foundations) == 0 {
		return nil // nothing is metered yet: no name is wrong
	}
	if err := UnknownName("foundation", foundation, foundations); err != nil {
		return err
	}
	return UnknownName("tenant", tenant, tenants)
}

// UnknownName is an error for a name that is not among the known ones; what it names is a
// "foundation" or a "tenant". An empty name is none.
func UnknownName(what, name string, known map[string]bool) error {
	if name == "" || known[name] {
		return nil
	}
	text := fmt.Sprintf("there is no %s %q", what, name)
	if near := Near(name, known); len(near) > 0 {
		return fmt.Errorf("%s: did you mean %s?", text, strings.Join(near, ", "))
	}
	if len(known) == 0 {
		return fmt.Errorf("%s, and no other yet", text)
	}
	all := sortedNames(known)
	list := strings.Join(all[:min(len(all), maxNames)], ", ")
	if len(all) > maxNames {
		list += fmt.Sprintf(", and %d more", len(all)-maxNames)
	}
	return fmt.Errorf("%s: there is %s", text, list)
}

const maxNames = 5 // in a message

func sortedNames(names map[string]bool) []string {
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// maxCompared is how many known names a wrong one is compared with.
const maxCompared = 20_000

// Near are the known names that a wrong one may have been meant for, the nearest first: it is a
// part of them, or a few letters away. There are at most five.
func Near(name string, known map[string]bool) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	wrong := strings.ToLower(name)
	all := sortedNames(known)
	for _, k := range all[:min(len(all), maxCompared)] {
		right := strings.ToLower(k)
		distance := editDistance(wrong, right)
		contained := len(wrong) >= 2 && (strings.Contains(right, wrong) || strings.Contains(wrong, right) &&
			right != "")
		if contained || distance <= max(1, min(len(wrong), len(right))/4) {
			near = append(near, candidate{k, distance})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range near[:min(len(near), maxNames)] {
		names = append(names, c.name)
	}
	return names
}

// editDistance is how many letters are to be changed, added or left out, or to change places with
// the next one, from one name to the other; names are compared up to their 100th byte.
func editDistance(a, b string) int {
	const most = 100
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	row := make([]int, len(b)+1) // of a letter of a
	earlier, last := slices.Clone(row), slices.Clone(row)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], earlier[j-1]+1)
			}
		}
		earlier, last, row = last, row, earlier
	}
	return last[len(b)]
}
