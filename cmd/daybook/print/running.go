package print

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/events"
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

func newRunning(m *events.Metered, s *events.Span) runningJSON {
	return runningJSON{
		Source: m.Source, Foundation: m.Foundation, Tenant: s.Tenant, Space: s.Space, Kind: s.Kind,
		Resource: s.Resource, App: s.App, Name: s.Name, Since: events.FormatTime(s.Since),
		Start: events.FormatTime(s.Start), Footprint: Footprint(s.Kind, s.Footprint),
		Flags: append([]string{}, s.Flags.Names()...),
	}
}

// Running prints the running spans of messages of METERED.
type Running struct {
	list
	// TenantName is the name of a tenant, to stand in place of its guid in the table, and empty
	// where it is not known. Nil: none is.
	TenantName func(source, foundation, guid string) string

	notices io.Writer // of JSON
	spans   uint64
	omitted uint64
}

// NewRunning prints to w: a table at the end, or JSON with the notices elsewhere.
func NewRunning(w, notices io.Writer, asJSON bool) *Running {
	return &Running{
		list: newList(w, asJSON, "FOUNDATION", "TENANT", "SPACE", "KIND", "RESOURCE", "NAME", "SINCE", "FOOTPRINT",
			"FLAGS"),
		notices: notices,
	}
}

// Add takes the running spans of one message.
func (p *Running) Add(m *events.Metered) error {
	p.omitted += uint64(m.RunningOmitted)
	for i := range m.Running {
		p.spans++
		s := newRunning(m, &m.Running[i])
		if p.TenantName != nil {
			s.TenantName = p.TenantName(s.Source, s.Foundation, s.Tenant)
		}
		if err := p.add(s, s.Foundation, cmp.Or(s.TenantName, s.Tenant), s.Space, s.Kind, s.Resource, s.Name, s.Since,
			s.Footprint.Text(), strings.Join(s.Flags, " ")); err != nil {
			return err
		}
	}
	return nil
}

// End prints the table, how far each source was metered, and the number of spans.
func (p *Running) End(through []events.Horizon) error {
	if err := p.end(); err != nil {
		return err
	}
	notices := p.notices
	if !p.json {
		notices = p.w
		for _, h := range through {
			fmt.Fprintf(p.w, "%s %s: metered through %s\n", h.Source, h.Foundation, Time(h.Time))
		}
		fmt.Fprintf(p.w, "running: %d\n", p.spans+p.omitted)
	}
	if p.omitted == 0 {
		return nil
	}
	_, err := fmt.Fprintf(notices, "not listed: %d more; a message has no room for more of one resource\n", p.omitted)
	return err
}
