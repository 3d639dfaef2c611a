// Package logic reads the name of a computation: a version, and settings as name=value.
package logic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Difference names, for a person, the differences between two logics: the version, or
// settings.
func Difference(stored, ours string) string {
	settings := func(logic string) (names []string, values map[string]string) {
		values = map[string]string{}
		for i, part := range strings.Fields(logic) {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				name, value = "version", part
				if i > 0 {
					name, value = part, "set"
				}
			}
			names = append(names, name)
			values[name] = value
		}
		return names, values
	}
	theirNames, theirs := settings(stored)
	ourNames, own := settings(ours)
	var differences []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(theirNames, ourNames...)))) {
		if theirs[name] != own[name] {
			differences = append(differences, fmt.Sprintf("%s is %s there and %s here", name, cmp.Or(theirs[name],
				"not set"), cmp.Or(own[name], "not set")))
		}
	}
	return strings.Join(differences, ", ")
}
