package pricer

import (
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Terms are what prices a month of a foundation now: a catalogue with the name of its version, and
// the border behind which it does. Without a version in force there are none.
func (b *Book) Terms(source, foundation, month string) (version string, c *catalogue.Catalogue, border *rating.Border) {
	t := b.termsOf(b.months[place{source, foundation}], month)
	if t < 0 {
		return "", nil, nil
	}
	v := &b.versions[b.terms[t].version]
	return v.Name, v.parsed, b.borders[t]
}
