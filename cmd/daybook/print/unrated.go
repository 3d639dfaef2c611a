package print

import (
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
)

// unratedJSON is a part of a span that no plan prices.
type unratedJSON struct {
	ID         string `json:"id"`
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	Tenant     string `json:"tenant"`
	Space      string `json:"space,omitempty"`
	Kind       string `json:"kind"`
	Resource   string `json:"resource"`
	Name       string `json:"name"`
	Span       string `json:"span"`
	Start      string `json:"start"`
	End        string `json:"end"`
	Footprint  Fields `json:"footprint"`
	Reason     string `json:"reason"`
	Advice     string `json:"advice"`
}

// Unrated prints parts of spans that no plan prices: as a table, or as JSON one a line with the
// notices elsewhere.
func Unrated(w, notices io.Writer, parts *answer.UnratedParts, asJSON bool) error {
	out := newList(w, asJSON, "FOUNDATION", "TENANT", "KIND", "RESOURCE", "NAME", "START", "END", "FOOTPRINT", "REASON",
		"WHAT TO DO")
	for i := range parts.Unrated {
		u := &parts.Unrated[i]
		x := unratedJSON{
			ID: u.ID, Source: u.Source, Foundation: u.Foundation, Tenant: u.Tenant, Space: u.Space, Kind: u.Kind,
			Resource: u.Resource, Name: u.Name, Span: u.Span, Start: u.Start, End: u.End,
			Footprint: Footprint(u.Kind, u.Footprint.Footprint()), Reason: u.Reason, Advice: unratedAdvice(u.Reason),
		}
		if err := out.add(x, x.Foundation, x.Tenant, x.Kind, x.Resource, x.Name, x.Start, x.End, x.Footprint.Text(),
			x.Reason, x.Advice); err != nil {
			return err
		}
	}
	return out.endCounted(notices, "unrated", uint64(parts.Omitted), ": give --tenant") //nolint:gosec // not negative
}

func unratedAdvice(reason string) string {
	if strings.HasPrefix(reason, "no catalogue") {
		return "daybook catalogue publish FILE prices it"
	}
	return "give the catalogue a price for it (daybook catalogue explain shows which plans match), and publish it " +
		"with daybook catalogue publish"
}
