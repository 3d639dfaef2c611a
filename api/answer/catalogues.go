package answer

import (
	"context"
	"errors"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// Catalogues are the acts that put catalogue versions in force, in their order.
type Catalogues struct {
	Catalogues []Version `json:"catalogues"`
}

// Version is a catalogue version, put in force by an act.
type Version struct {
	Version string `json:"version"`
	Time    string `json:"time" format:"date-time"`
	By      string `json:"by,omitempty" doc:"For those who may see all tenants, as note."`
	Note    string `json:"note,omitempty"`
	Usage   uint64 `json:"usage" doc:"Sequence of the act in USAGE."`
	InForce bool   `json:"in_force"`
	Refused string `json:"refused,omitempty" doc:"Why it puts no version in force."`
	YAML    string `json:"yaml,omitempty" doc:"The text, where one version is asked for."`
}

// NewVersion is the form of an act, as an asker may see it.
func NewVersion(asker *Asker, act *acts.Act) Version {
	v := Version{Version: act.Catalogue.Version, Time: timeText(act.Time), Usage: act.Sequence}
	if asker.Usage.Everybody {
		v.By, v.Note = act.By, act.Note
	}
	return v
}

// Catalogues answers with the history of the catalogue.
func (a *Answers) Catalogues(ctx context.Context, asker *Asker, _ *struct{}) (*Catalogues, error) {
	history, err := acts.History(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	out := &Catalogues{Catalogues: []Version{}}
	for i := range history {
		out.Catalogues = append(out.Catalogues, *NewAct(asker, &history[i]))
	}
	return out, nil
}

// NewAct is the form of an act in the history, as an asker may see it.
func NewAct(asker *Asker, act *acts.Version) *Version {
	v := NewVersion(asker, &act.Act)
	v.InForce = act.InForce
	if act.Refused != nil {
		v.Refused = act.Refused.Error()
	}
	return &v
}

// CatalogueQuestion asks for a version.
type CatalogueQuestion struct {
	Version string `path:"version" json:"version" maxLength:"1024" doc:"A version; current is the one in force."`
}

// CurrentVersion stands for the version in force.
const CurrentVersion = "current"

// find is the act that put a version in force last.
func (a *Answers) find(ctx context.Context, version string) (act acts.Act, inForce bool, err error) {
	last, found, err := acts.InForce(ctx, a.bus)
	switch {
	case err != nil:
		return act, false, err
	case version == CurrentVersion && !found:
		return act, false, &Problem{Kind: NotFound, Detail: "no catalogue is in force"}
	case version == CurrentVersion:
		return last, true, nil
	}
	act, err = acts.FindVersion(ctx, a.bus, version)
	if errors.Is(err, acts.ErrNoVersion) {
		err = errNone
	}
	return act, found && act.Catalogue.Version == last.Catalogue.Version, err
}

// Catalogue answers with a version and its text.
func (a *Answers) Catalogue(ctx context.Context, asker *Asker, x *CatalogueQuestion) (*Version, error) {
	act, inForce, err := a.find(ctx, x.Version)
	if err != nil {
		return nil, err
	}
	v := NewVersion(asker, &act)
	v.YAML, v.InForce = act.Catalogue.YAML, inForce
	return &v, nil
}

// DifferencesQuestion asks what becomes of a version with another one.
type DifferencesQuestion struct {
	CatalogueQuestion
	To string `query:"to" json:"to,omitempty" maxLength:"1024" default:"current" doc:"The other version."`
}

// Differences are what becomes of a version with another one.
type Differences struct {
	Version     string       `json:"version"`
	To          string       `json:"to"`
	Differences []Difference `json:"differences"`
}

// Difference is one of them.
type Difference struct {
	Of   string `json:"of" doc:"What differs: a plan, a rate, the currency."`
	Text string `json:"text" doc:"What becomes of it."`
}

// Differences answers with the differences of two versions.
func (a *Answers) Differences(ctx context.Context, _ *Asker, x *DifferencesQuestion) (*Differences, error) {
	read := func(version string) (string, *catalogue.Catalogue, error) {
		act, _, err := a.find(ctx, version)
		if err != nil {
			return "", nil, err
		}
		parsed, err := catalogue.Parse(act.Catalogue.Version, []byte(act.Catalogue.YAML))
		return act.Catalogue.Version, parsed, err
	}
	from, before, err := read(x.Version)
	if err != nil {
		return nil, err
	}
	to, after, err := read(x.To)
	if err != nil {
		return nil, err
	}
	out := &Differences{Version: from, To: to, Differences: []Difference{}}
	for _, d := range catalogue.Differences(before, after) {
		out.Differences = append(out.Differences, Difference{Of: d.Of, Text: d.Text})
	}
	return out, nil
}
