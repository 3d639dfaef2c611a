package print

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/answer"
)

// runningJSON is a running span.
type runningJSON struct {
	Source     string   `json:"source"`
	Foundation string   `json:"foundation"`
	Tenant     string   `json:"tenant"`
	TenantName string   `json:"tenant_name,omitempty"`
	Space      string   `json:"space"`
	Kind       string   `json:"kind"`
	Resource   string   `json:"resource"`
	App        string   `json:"app,omitempty"`
	Name       string   `json:"name"`
	Since      string   `json:"since"`
	Start      string   `json:"start"`
	Footprint  Fields   `json:"footprint"`
	Flags      []string `json:"flags"`
}

func newRunning(r *answer.Run) runningJSON {
	return runningJSON{
		Source: r.Source, Foundation: r.Foundation, Tenant: r.Tenant, TenantName: r.TenantName, Space: r.Space,
		Kind: r.Kind, Resource: r.Resource, App: r.App, Name: r.Name, Since: r.Since, Start: r.Start,
		Footprint: Footprint(r.Kind, r.Footprint.Footprint()), Flags: append([]string{}, r.Flags...),
	}
}

// Running prints running spans.
type Running struct {
	list
	notices io.Writer // of JSON
}

// NewRunning prints to w: a table at the end, or JSON with the notices elsewhere.
func NewRunning(w, notices io.Writer, asJSON bool) *Running {
	return &Running{
		list: newList(w, asJSON, "FOUNDATION", "TENANT", "SPACE", "KIND", "RESOURCE", "NAME", "SINCE", "FOOTPRINT",
			"FLAGS"),
		notices: notices,
	}
}

// Add takes a running span.
func (p *Running) Add(r *answer.Run) error {
	x := newRunning(r)
	return p.add(x, x.Foundation, cmp.Or(x.TenantName, x.Tenant), x.Space, x.Kind, x.Resource, x.Name, x.Since,
		x.Footprint.Text(), strings.Join(x.Flags, " "))
}

// End prints the table, how far each source was metered, and the number of spans, with those that
// are not listed and why.
func (p *Running) End(through []answer.FoundationState, omitted int, why string) error {
	if err := p.end(); err != nil {
		return err
	}
	notices := p.notices
	if !p.json {
		notices = p.w
		for _, h := range through {
			fmt.Fprintf(p.w, "%s %s: metered through %s\n", h.Source, h.Foundation, h.MeteredThrough)
		}
		fmt.Fprintf(p.w, "running: %d\n", len(p.rows)-1+omitted)
	}
	if omitted == 0 {
		return nil
	}
	_, err := fmt.Fprintf(notices, "not listed: %d more; %s\n", omitted, why)
	return err
}
