package answer

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/events"
)

// Decision is a word on a hold.
type Decision struct {
	Action    string    `json:"action" enum:"release,discard" doc:"release bills it, discard never does."`
	As        string    `json:"as,omitempty" enum:"lower,higher" doc:"With release: which of two bounds is billed."`
	Footprint Footprint `json:"footprint,omitempty" doc:"With release: the size of a volume or the flavour of an instance that no fact tells."`
	Note      string    `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the decision."`
}

// Decided is a decision that is stored.
type Decided struct {
	ID      string `json:"id"`
	Hold    string `json:"hold"`
	Action  string `json:"action"`
	By      string `json:"by"`
	Note    string `json:"note"`
	Time    string `json:"time" format:"date-time"`
	Usage   uint64 `json:"usage" doc:"Its sequence in USAGE. The projector takes it up from there."`
	Already bool   `json:"already" doc:"It had been decided so before, and nothing was stored."`
}

// Decide stores a decision about a hold, once.
func (a *Answers) Decide(ctx context.Context, asker *Asker, id string, x *Decision, now time.Time) (*Decided, error) {
	hold, err := acts.FindHold(ctx, a.bus, "", id)
	switch {
	case errors.Is(err, acts.ErrUnknownHold):
		return nil, errNone
	case err != nil:
		return nil, err
	case !asker.Usage.Has(hold.Foundation, hold.Tenant):
		return nil, errNone
	case !asker.Decide.Has(hold.Foundation, hold.Tenant):
		return nil, &Problem{Kind: Forbidden, Detail: "you may see this hold, and not decide about it"}
	}
	word, err := x.word(&hold.Hold)
	if err != nil {
		return nil, refused(err)
	}
	act := hold.Decision(word.Action, asker.Name, x.Note, now.UTC().Truncate(time.Microsecond))
	act.Decision.Footprint = word.Footprint
	decided, err := acts.Decide(ctx, a.bus, act)
	if err != nil {
		return nil, refused(err)
	}
	d := &decided[0]
	return &Decided{
		ID: d.ID, Hold: id, Action: word.Action, By: d.By, Note: d.Note, Time: timeText(d.Time), Usage: d.Sequence,
		Already: d.Already,
	}, nil
}

// word is the content of a decision about a hold.
func (x *Decision) word(h *events.Hold) (acts.Word, error) {
	given := x.Footprint.Footprint()
	switch {
	case x.Action == events.ActionDiscard && (x.As != "" || given != events.Footprint{}):
		return acts.Word{}, invalid("as and footprint go with release: discard bills nothing")
	case x.Action == events.ActionDiscard:
		return acts.Word{Action: events.ActionDiscard}, nil
	case x.As == "":
		return acts.Word{Action: events.ActionRelease, Footprint: given}, acts.Releasable(h, &given)
	case given != events.Footprint{}:
		return acts.Word{}, invalid("as and footprint each say what to bill: give one of them")
	}
	return acts.At(h, acts.Bound(x.As), nil)
}

// refused is an error of an act as the asker's.
func refused(err error) error {
	var unfit *acts.NotReleasableError
	var long *acts.TooLongError
	var busy *acts.BusyError
	switch {
	case errors.As(err, &unfit), errors.As(err, &busy):
		return &Problem{Kind: Refused, Detail: err.Error()}
	case errors.As(err, &long):
		return invalid("%s", err)
	}
	return err
}
