package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/months"
)

// Policies are how the open months of foundations close, by source and foundation.
type Policies struct {
	Policies []Policy `json:"policies"`
}

// Policy is how the open months of a foundation close.
type Policy struct {
	Source       string `json:"source"`
	Foundation   string `json:"foundation"`
	Mode         string `json:"mode" enum:"automatic,manual"`
	GraceSeconds uint32 `json:"grace_seconds" doc:"From the end of a month to its closing by itself."`
	Usage        uint64 `json:"usage" doc:"Sequence in USAGE of the last word on it, what an act may expect; 0: nothing was said."`
	By           string `json:"by,omitempty" doc:"Who said it; for those who may see all tenants, as note."`
	Note         string `json:"note,omitempty"`

	policy months.Policy
}

// take takes an act about how months close, if it is about the foundation.
func (p *Policy) take(a *acts.Act) {
	if a.Source != "" && (a.Source != p.Source || a.Foundation != p.Foundation) || p.policy.Decide(&a.Act) != nil {
		return // one that is refused changes nothing
	}
	p.Mode = events.ModeAutomatic
	if p.policy.Manual {
		p.Mode = events.ModeManual
	}
	p.GraceSeconds = uint32(p.policy.Grace / time.Second) //nolint:gosec // at most months.MaxGrace
	if a.Sequence > p.Usage {
		p.Usage, p.By, p.Note = a.Sequence, a.By, a.Note
	}
}

// policies are how the open months of foundations close.
func policies(ctx context.Context, b acts.Reader, all []acts.Months) ([]Policy, error) {
	out := make([]Policy, len(all))
	for i := range all {
		out[i] = Policy{
			Source: all[i].Source, Foundation: all[i].Foundation, Mode: events.ModeAutomatic,
			GraceSeconds: uint32(months.DefaultGrace / time.Second), policy: months.Policy{Grace: months.DefaultGrace},
		}
	}
	for _, kind := range []string{events.ActMode, events.ActGrace} {
		if err := acts.List(ctx, b, kind, "", func(a *acts.Act) error {
			for i := range out {
				out[i].take(a)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Policies answers with how the open months of the asker's foundations close.
func (o *Operations) Policies(ctx context.Context, asker *answer.Asker, x *answer.FoundationQuestion) (*Policies,
	error,
) {
	if !asker.Usage.Names(x.Foundation, "") {
		return nil, answer.NoTenant()
	}
	known, err := acts.ReadMonths(ctx, o.bus, x.Foundation)
	if err != nil {
		return nil, err
	}
	if len(known) == 0 && x.Foundation != "" {
		return nil, answer.NoTenant()
	}
	all, err := policies(ctx, o.bus, known)
	if err != nil {
		return nil, err
	}
	out := &Policies{Policies: []Policy{}}
	for i := range all {
		p := &all[i]
		if !asker.Usage.Names(p.Foundation, "") {
			continue
		}
		if !asker.Usage.Everybody {
			p.By, p.Note = "", ""
		}
		out.Policies = append(out.Policies, *p)
	}
	return out, nil
}

// PolicyWord is an act about how open months close, with its expectation.
type PolicyWord struct {
	Foundation string  `json:"foundation,omitempty" maxLength:"1024" doc:"Only of this foundation, of every source; none: of all."`
	Note       string  `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the act."`
	Expect     *uint64 `json:"expect,omitempty" doc:"Refuse where the mode or the grace of the foundation was said behind this message of USAGE."`
}

// ModeWord says how open months close.
type ModeWord struct {
	PolicyWord
	Mode string `json:"mode" enum:"automatic,manual" doc:"By themselves, or by hand only."`
}

// GraceWord says when open months close by themselves.
type GraceWord struct {
	PolicyWord
	GraceSeconds uint32 `json:"grace_seconds" maximum:"31622400" doc:"From the end of a month to its closing: at most 366 days."`
}

// PolicyActs are acts about how months close: one for each source of the foundation, or for all.
type PolicyActs struct {
	Acts []PolicyActed `json:"acts"`
}

// PolicyActed is an act about how months close.
type PolicyActed struct {
	Source     string `json:"source,omitempty" doc:"None, as foundation: of all."`
	Foundation string `json:"foundation,omitempty"`
	Usage      uint64 `json:"usage" doc:"Its sequence in USAGE."`
}

// Mode sets the mode of a foundation, or of all.
func (o *Operations) Mode(ctx context.Context, asker *answer.Asker, x *ModeWord) (*PolicyActs, error) {
	return o.setPolicy(ctx, asker, &x.PolicyWord, events.ActMode, events.Month{Mode: x.Mode})
}

// Grace sets the grace of a foundation, or of all.
func (o *Operations) Grace(ctx context.Context, asker *answer.Asker, x *GraceWord) (*PolicyActs, error) {
	return o.setPolicy(ctx, asker, &x.PolicyWord, events.ActGrace, events.Month{GraceSeconds: x.GraceSeconds})
}

// setPolicy gives an act about how months close, as daybook month does.
func (o *Operations) setPolicy(ctx context.Context, asker *answer.Asker, x *PolicyWord, kind string, of events.Month) (
	*PolicyActs, error,
) {
	sources := []string{""}
	if x.Foundation == "" {
		if !asker.Decide.Everybody {
			return nil, forbidden("how months close everywhere is for those who may decide about all tenants: name a " +
				"foundation")
		}
	} else {
		if err := deciding(asker, x.Foundation, "these months"); err != nil {
			return nil, err
		}
		var err error
		if sources, err = acts.Sources(ctx, o.bus, x.Foundation); err != nil {
			return nil, err
		}
		if len(sources) == 0 {
			return nil, answer.NoTenant()
		}
	}
	out := &PolicyActs{Acts: []PolicyActed{}}
	for _, source := range sources {
		act := events.Act{
			Kind: kind, Source: source, Foundation: x.Foundation, By: asker.Name, Note: x.Note, Time: o.time(),
			Month: of,
		}
		sequence, err := acts.DecideMonth(ctx, o.bus, act, o.unsaid(x, source, out.Acts))
		if err != nil {
			return nil, problem(err)
		}
		out.Acts = append(out.Acts, PolicyActed{source, x.Foundation, sequence})
	}
	return out, nil
}

// unsaid is the expectation of an act about how months close; nil for none. Its own acts before it
// are none of others.
func (o *Operations) unsaid(x *PolicyWord, source string, own []PolicyActed) acts.Check {
	if x.Expect == nil {
		return nil
	}
	mine := map[uint64]bool{}
	for i := range own {
		mine[own[i].Usage] = true
	}
	return func(ctx context.Context, _ uint64) error {
		for _, kind := range []string{events.ActMode, events.ActGrace} {
			if err := acts.List(ctx, o.bus, kind, "", func(a *acts.Act) error {
				about := x.Foundation == "" || a.Source == "" || a.Source == source && a.Foundation == x.Foundation
				if about && a.Sequence > *x.Expect && !mine[a.Sequence] {
					return refused("%s has said meanwhile how months close (message %d of %s): look again, and expect "+
						"that message then", orSomebody(a.By), a.Sequence, events.StreamUsage)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

func orSomebody(name string) string {
	if name == "" {
		return "somebody"
	}
	return fmt.Sprintf("%.100s", name)
}
