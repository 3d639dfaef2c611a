package operate

import (
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Resubmit puts quarantined input through normalisation again, as by and for note say. atEnd places
// events of Cloud Foundry without a known position behind all others.
type Resubmit func(ctx context.Context, s quarantine.Selection, by, note string, atEnd bool) (
	[]quarantine.Resubmitted, error)

// maxBeginning is how many bytes of an input a list shows.
const maxBeginning = 500

// QuarantineQuestion asks for quarantined input.
type QuarantineQuestion struct {
	Source     string `query:"source" json:"source,omitempty" enum:"cf,trove,unknown" doc:"Only this source."`
	Foundation string `query:"foundation" json:"foundation,omitempty" maxLength:"1024" doc:"Only this foundation."`
	Settled    bool   `query:"settled" json:"settled,omitempty" doc:"What was resubmitted or discarded, too."`
	After      uint64 `query:"after" json:"after,omitempty" doc:"Only behind this sequence: next of the page before."`
	Limit      int    `query:"limit" json:"limit,omitempty" default:"100" minimum:"1" maximum:"1000" doc:"Most inputs of a page."`
}

// Quarantine is quarantined input, in its order.
type Quarantine struct {
	Inputs []Input `json:"inputs"`
	Next   uint64  `json:"next,omitempty" doc:"Give it as after, for the next page; none at the end."`
}

// Input is a quarantined input.
type Input struct {
	Sequence   uint64 `json:"sequence" doc:"In QUARANTINE."`
	Time       string `json:"time" format:"date-time" doc:"When it was stored."`
	Source     string `json:"source"`
	Foundation string `json:"foundation"`
	File       string `json:"file,omitempty" doc:"Where it came from: a file, a queue."`
	Line       uint32 `json:"line,omitempty"`
	Reason     string `json:"reason" doc:"The fault and its place."`
	Input      string `json:"input" doc:"Its text, without secrets; in a list its beginning."`
	Cut        bool   `json:"cut,omitempty" doc:"The text goes on."`
	AfterID    string `json:"after_id,omitempty" doc:"Of an event of Cloud Foundry: the fact before it in the API's order."`
	Outcome    string `json:"outcome,omitempty" enum:"stored,known,ignored,discarded" doc:"The last word on it; without one it counts as quarantined."`
	By         string `json:"by,omitempty" doc:"Who gave the last word; for those who may see all tenants, as note."`
	Note       string `json:"note,omitempty"`
	Settled    string `json:"settled,omitempty" format:"date-time"`
}

func newInput(asker *answer.Asker, e *quarantine.Entry, word *quarantine.Word) Input {
	x := Input{
		Sequence: e.Sequence, Time: events.FormatTime(e.Time), Source: e.Source, Foundation: e.Foundation,
		File: e.File, Line: e.Line, Reason: e.Reason, Input: e.Input, AfterID: e.AfterID, Outcome: word.Outcome,
	}
	if word.Outcome != "" {
		x.Settled = events.FormatTime(word.Time)
	}
	if asker.Usage.Everybody {
		x.By, x.Note = word.By, word.Note
	}
	return x
}

// shorten cuts the text of an input, between two characters.
func (x *Input) shorten() {
	if len(x.Input) <= maxBeginning {
		return
	}
	end := maxBeginning
	for end > 0 && !utf8.RuneStart(x.Input[end]) {
		end--
	}
	x.Input, x.Cut = x.Input[:end], true
}

// wide reports whether a scope has all tenants of a foundation, or of any where it is empty: whose
// input is in QUARANTINE nobody knows.
func wide(s *answer.Scope, foundation string) bool {
	if foundation != "" {
		return s.Has(foundation, "")
	}
	return s.Whole()
}

// errEnough ends a list at the end of a page.
var errEnough = errors.New("the page is full")

// Quarantine answers with quarantined input of the asker's foundations.
func (o *Operations) Quarantine(ctx context.Context, asker *answer.Asker, x *QuarantineQuestion) (*Quarantine, error) {
	if !wide(&asker.Usage, x.Foundation) {
		return nil, answer.NoTenant()
	}
	view, err := o.answers.View(ctx)
	if err != nil {
		return nil, err
	}
	filter := quarantine.Filter{Source: x.Source, Foundation: x.Foundation}
	board := quarantine.NewBoard(filter)
	if err := board.Look(ctx, o.bus); err != nil {
		return nil, err
	}
	out := &Quarantine{Inputs: []Input{}}
	err = quarantine.List(ctx, view, filter, func(e *quarantine.Entry) error {
		word, settled := board.Word(e)
		switch {
		case e.Sequence <= x.After, settled && !x.Settled, !asker.Usage.Has(e.Foundation, ""):
			return nil
		case len(out.Inputs) == x.Limit:
			out.Next = out.Inputs[x.Limit-1].Sequence
			return errEnough
		}
		input := newInput(asker, e, &word)
		input.shorten()
		out.Inputs = append(out.Inputs, input)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// InputQuestion asks for a quarantined input.
type InputQuestion struct {
	Sequence uint64 `path:"sequence" json:"sequence" minimum:"1" doc:"Its sequence in QUARANTINE."`
}

// Input answers with a quarantined input, its whole text.
func (o *Operations) Input(ctx context.Context, asker *answer.Asker, x *InputQuestion) (*Input, error) {
	view, err := o.answers.View(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := entryOf(ctx, view, asker, x.Sequence)
	if err != nil {
		return nil, err
	}
	board := quarantine.NewBoard(quarantine.Filter{Source: entry.Source, Foundation: entry.Foundation})
	if err := board.Look(ctx, o.bus); err != nil {
		return nil, err
	}
	word, _ := board.Word(entry)
	out := newInput(asker, entry, &word)
	return &out, nil
}

// entryOf is an entry, if the asker may see it. Error: answer.NoID.
func entryOf(ctx context.Context, from quarantine.Reader, asker *answer.Asker, sequence uint64) (*quarantine.Entry,
	error,
) {
	entry, err := quarantine.Get(ctx, from, sequence)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, answer.NoID()
	case err != nil:
		return nil, err
	case !asker.Usage.Has(entry.Foundation, ""):
		return nil, answer.NoID()
	}
	return &entry, nil
}

// InputsWord is a last word on inputs.
type InputsWord struct {
	Sequences []uint64 `json:"sequences" minItems:"1" maxItems:"200" doc:"Sequences in QUARANTINE."`
	Note      string   `json:"note" minLength:"1" maxLength:"1024" doc:"Why; it is stored with the last word."`
}

// chosen are the inputs of a word, if the asker may decide about all of them.
func (o *Operations) chosen(ctx context.Context, asker *answer.Asker, x *InputsWord) ([]*quarantine.Entry, error) {
	var all []*quarantine.Entry
	for _, sequence := range slices.Compact(slices.Sorted(slices.Values(x.Sequences))) {
		entry, err := entryOf(ctx, o.bus, asker, sequence)
		if err != nil {
			return nil, err
		}
		if !asker.Decide.Has(entry.Foundation, "") {
			return nil, forbidden("you may see this input, and not decide about it")
		}
		all = append(all, entry)
	}
	return all, nil
}

// Discarded is the outcome of a discard.
type Discarded struct {
	Discarded int `json:"discarded" doc:"Inputs that count as quarantined no longer."`
	Already   int `json:"already" doc:"Inputs that were resubmitted or discarded before."`
}

// Discard gives inputs their last word: they need nothing more.
func (o *Operations) Discard(ctx context.Context, asker *answer.Asker, x *InputsWord) (*Discarded, error) {
	all, err := o.chosen(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	board := quarantine.NewBoard(quarantine.Filter{})
	if err := board.Look(ctx, o.bus); err != nil {
		return nil, err
	}
	var discards []events.Act
	for _, e := range all {
		if _, settled := board.Word(e); !settled {
			discards = append(discards, acts.Discard(&e.Quarantined, asker.Name, x.Note, o.time()))
		}
	}
	stored, err := acts.DiscardAll(ctx, o.bus, discards...)
	if err != nil {
		return nil, problem(err)
	}
	return &Discarded{Discarded: stored, Already: len(all) - stored}, nil
}

// ResubmitWord asks for inputs to be normalised again.
type ResubmitWord struct {
	InputsWord
	AtEnd bool `json:"at_end,omitempty" doc:"Place events of Cloud Foundry without a known position behind all others. Billing may be wrong by it."`
}

// Resubmission is the outcome of each input, in their order.
type Resubmission struct {
	Results []Resubmitted `json:"results"`
}

// Resubmitted is the outcome of an input.
type Resubmitted struct {
	Sequence uint64 `json:"sequence"`
	Outcome  string `json:"outcome" enum:"stored,known,ignored,refused" doc:"refused: it is not understood, or has no place, and counts as quarantined."`
	ID       string `json:"id,omitempty" doc:"Of the fact."`
	Reason   string `json:"reason,omitempty" doc:"Why it was refused."`
}

// Resubmit normalises inputs again, and stores their facts.
func (o *Operations) Resubmit(ctx context.Context, asker *answer.Asker, x *ResubmitWord) (*Resubmission, error) {
	all, err := o.chosen(ctx, asker, &x.InputsWord)
	if err != nil {
		return nil, err
	}
	if o.resubmit == nil {
		return nil, refused("this API stores no facts: daybook quarantine resubmit does")
	}
	selection := quarantine.Selection{}
	for _, e := range all {
		selection.Sequences = append(selection.Sequences, e.Sequence)
	}
	results, err := o.resubmit(ctx, selection, asker.Name, x.Note, x.AtEnd)
	if err != nil {
		return nil, problem(err)
	}
	out := &Resubmission{Results: []Resubmitted{}}
	for _, r := range results {
		out.Results = append(out.Results, Resubmitted{r.Sequence, r.Outcome, r.ID, r.Reason})
	}
	return out, nil
}
