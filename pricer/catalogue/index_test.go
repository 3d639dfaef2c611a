package catalogue_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// The choice goes by an index, the explanation by a look at every plan: they agree on every
// resource and catalogue, and on the reason.
func TestTheIndexChoosesAsALookAtEveryPlanDoes(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab", "ba", "aab", "abab"})
	glob := rapid.SampledFrom([]string{
		"a", "b", "ab", "a*", "*b", "a*b", "*", "?", "?b", "a?", "*a*", "ab*", "*ab", "aa*b",
	})
	fieldsOf := map[string][]string{
		"app":      {"buildpack", "process_type", "space", "tenant", "foundation"},
		"service":  {"plan", "offering", "tenant"},
		"instance": {"flavor", "datastore", "region"}, "": {"buildpack", "process_type", "plan", "flavor", "tenant"},
	}
	kinds := rapid.SampledFrom([]string{"app", "service", "instance", ""})
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		for i := range rapid.IntRange(1, 12).Draw(t, "plans") {
			kind := kinds.Draw(t, "kind")
			var match []string
			if kind != "" {
				match = append(match, "kind: "+kind)
			}
			for _, f := range fieldsOf[kind] {
				if rapid.IntRange(0, 2).Draw(t, f) == 0 {
					match = append(match, fmt.Sprintf("%s: %q", f, glob.Draw(t, "glob")))
				}
			}
			lines = append(lines, fmt.Sprintf("name: p%d, match: {%s}, valid_from: 20%02d-01-01", i%5,
				strings.Join(match, ", "), 1+i))
		}
		c, err := catalogue.Check("rates.yaml", []byte(plans(lines...)))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			r := catalogue.Resource{
				Foundation: text.Draw(t, "foundation"), Tenant: text.Draw(t, "tenant"), Space: text.Draw(t, "space"),
				SpaceName: text.Draw(t, "space name"), Kind: rapid.SampledFrom([]string{
					"app", "service", "instance",
					"task", "volume",
				}).Draw(t, "kind"),
				Footprint: events.Footprint{
					Buildpack: text.Draw(t, "buildpack"), BuildpackGUID: text.Draw(t, "buildpack guid"),
					ProcessType: text.Draw(t, "type"), Plan: text.Draw(t, "plan"), PlanGUID: text.Draw(t, "plan guid"),
					Offering: text.Draw(t, "offering"), Flavor: text.Draw(t, "flavour"),
					FlavorID: text.Draw(t, "flavour id"), Datastore: text.Draw(t, "datastore"),
					Region: text.Draw(t, "region"),
				},
			}
			for _, choice := range c.Choices(&r) {
				e := c.Explain(r, choice.From)
				if e.Winner != choice.Plan || choice.Plan == nil && e.Why != choice.Reason {
					t.Fatalf("%+v: the choice is %+v, and the explanation %s", r, choice, e.String())
				}
			}
		}
	})
}
