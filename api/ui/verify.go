package ui

import (
	"errors"
	"net/url"

	"github.com/daybook-billing/daybook/api/verification"
)

// This file has the verification of the streams.

// verifyPage is the last verification.
type verifyPage struct {
	*verification.Verification
	Guard   string
	May     bool // the reader may have the streams verified
	Problem string
}

// Running reports whether a run is under way: the page shows its progress by itself.
func (x *verifyPage) Running() bool { return x.State == verification.RunRunning }

// verification shows the last run, with the form to begin another one.
func (u *Pages) verification(v *visit) (*view, error) {
	x := &verifyPage{
		Verification: &verification.Verification{}, Guard: v.who.Guard, Problem: v.FormValue("problem"),
		May: v.who.may() && v.who.Asker.Decide.Everybody,
	}
	q := ask("/verification")
	if err := u.get(v.Context(), v.who, q, x.Verification); err != nil {
		return nil, err
	}
	return &view{file: "verify", title: "Verify", here: "verify", json: q, data: x}, nil
}

// verify begins a verification, or stops the one under way.
func (u *Pages) verify(v *visit) (*view, error) {
	var err error
	if v.PostFormValue("act") == "stop" {
		err = u.post(v.Context(), v.who, ask("/verification/stop"), nil, nil)
	} else {
		word := verification.VerifyWord{Deep: v.PostFormValue("deep") != ""}
		err = u.post(v.Context(), v.who, ask("/verification"), &word, nil)
	}
	back := url.Values{}
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		back.Set("problem", refused.detail)
	case err != nil:
		return nil, err
	}
	return &view{to: Root + "operate/verify?" + back.Encode()}, nil
}
