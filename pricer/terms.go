package pricer

import (
	"fmt"
	"slices"

	"github.com/daybook-billing/daybook/events"
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

// version is the version that a message publishes.
func (b *Book) version(c *events.Catalogue) (version, error) {
	i := slices.IndexFunc(b.versions, func(v version) bool { return v.Name == c.Version })
	switch {
	case i < 0:
		parsed, err := catalogue.Parse("catalogue."+c.Version, []byte(c.YAML))
		return version{c.Version, c.YAML, parsed}, err
	case b.versions[i].YAML != c.YAML:
		return version{}, fmt.Errorf("catalogue version %q has been published before; a version never changes",
			c.Version)
	}
	return b.versions[i], nil
}
