package pricer

import (
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

// version is the version of a message.
func (b *Book) version(c *events.Catalogue) (version, error) {
	parsed, err := b.texts.Read(c)
	i := slices.IndexFunc(b.versions, func(v version) bool { return v.Name == c.Version })
	if err != nil || i < 0 {
		return version{c.Version, c.YAML, parsed}, err
	}
	return b.versions[i], nil
}

// keep keeps a version.
func (b *Book) keep(v *version) {
	b.versions = append(b.versions, *v)
	b.texts.Keep(v.Name, v.YAML)
}
