package ui

import "github.com/daybook-billing/daybook/api/answer"

// event shows what became of a usage event.
func (u *Pages) event(v *visit) (*view, error) {
	q, x := ask("/events/"+v.PathValue("event")), &answer.Traces{}
	if err := u.get(v.Context(), v.who, q, x); err != nil {
		return nil, err
	}
	return &view{file: "event", title: "Event " + short(v.PathValue("event")), json: q, data: x}, nil
}
