package main

import (
	"context"
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
)

type runningCmd struct {
	natsFlags
	Tenant     string `help:"Only this tenant (organization guid, tenant id)."`
	Foundation string `help:"Only this foundation."`
	Format     string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

// latestMetered gives the last message of each resource in METERED, which lists all that runs and
// all that is held there. m is only valid during the call.
func latestMetered(ctx context.Context, b *bus.Bus, foundation, tenant string, each func(m *events.Metered,
	in *bus.Stored) error) error {
	var m events.Metered
	filter := events.MeteredResourcesFilter(foundation, tenant)
	return b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		if in.Header(events.HeaderType) != events.TypeMetered {
			return nil // the pricer says that it is foreign
		}
		if err := m.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w. daybook verify --deep tells what should "+
				"stand there",
				in.Sequence, events.StreamMetered, in.Subject, err)
		}
		return each(&m, in)
	})
}

// meteredThrough lists how far each source has been metered.
func meteredThrough(ctx context.Context, b *bus.Bus, foundation string, each func(h *events.Horizon) error) error {
	filter := events.MeteredHorizonFilter(foundation)
	return b.Latest(ctx, events.StreamMetered, []string{filter}, func(in *bus.Stored) error {
		var h events.Horizon
		if err := h.DecodeJSON(in.Data); err != nil {
			return fmt.Errorf("message %d of %s (%s) cannot be read: %w", in.Sequence, events.StreamMetered, in.Subject,
				err)
		}
		return each(&h)
	})
}

// runningJSON is a running span as it is printed.
type runningJSON struct {
	Source     string   `json:"source"`
	Foundation string   `json:"foundation"`
	Tenant     string   `json:"tenant"`
	Space      string   `json:"space"`
	Kind       string   `json:"kind"`
	Resource   string   `json:"resource"`
	App        string   `json:"app,omitempty"`
	Name       string   `json:"name"`
	Since      string   `json:"since"`
	Start      string   `json:"start"`
	Footprint  fields   `json:"footprint"`
	Flags      []string `json:"flags"`
}

func runningOut(m *events.Metered, s *events.Span) runningJSON {
	return runningJSON{
		Source: m.Source, Foundation: m.Foundation, Tenant: s.Tenant, Space: s.Space, Kind: s.Kind,
		Resource: s.Resource, App: s.App, Name: s.Name,
		Since: events.FormatTime(s.Since), Start: events.FormatTime(s.Start), Footprint: footprintFields(s.Kind,
			s.Footprint),
		Flags: append([]string{}, s.Flags.Names()...),
	}
}

// running is what has been printed so far.
type running struct {
	w       io.Writer
	json    bool
	rows    [][]string
	spans   int
	omitted uint64
}

// Run lists what is running.
func (c *runningCmd) Run(e *env) error {
	b, err := c.open(e.ctx, "running", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	out := running{w: e.stdout, json: c.Format == "json"}
	out.rows = [][]string{{"FOUNDATION", "TENANT", "SPACE", "KIND", "RESOURCE", "NAME", "SINCE", "FOOTPRINT", "FLAGS"}}
	if err := latestMetered(e.ctx, b, c.Foundation, c.Tenant, func(m *events.Metered,
		_ *bus.Stored) error {
		return out.add(m)
	}); err != nil {
		return err
	}
	if out.json {
		return out.notice(e.stderr)
	}
	if out.spans > 0 {
		if err := printTable(e.stdout, out.rows); err != nil {
			return err
		}
		fmt.Fprintln(e.stdout)
	}
	err = meteredThrough(e.ctx, b, c.Foundation, func(h *events.Horizon) error {
		_, err := fmt.Fprintf(e.stdout, "%s %s: metered through %s\n", h.Source, h.Foundation, timeOrEmpty(h.Time))
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "running: %d\n", uint64(out.spans)+out.omitted) //nolint:gosec // a count
	return out.notice(e.stdout)
}

func (r *running) add(m *events.Metered) error {
	r.omitted += uint64(m.RunningOmitted)
	for i := range m.Running {
		r.spans++
		s := runningOut(m, &m.Running[i])
		if r.json {
			if err := printJSON(r.w, s); err != nil {
				return err
			}
			continue
		}
		r.rows = append(r.rows, []string{s.Foundation, s.Tenant, s.Space, s.Kind, s.Resource, s.Name, s.Since,
			s.Footprint.text(), spaced(s.Flags)})
	}
	return nil
}

// notice says what is left out.
func (r *running) notice(w io.Writer) error {
	if r.omitted == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "not listed: %d more; a message lists at most %d of what runs under its subject\n",
		r.omitted, events.MaxRunning)
	return err
}

// text is the fields that are known, for a table.
func (f fields) text() string {
	text := ""
	for _, field := range f {
		if field.value != "" {
			text = join(text, fmt.Sprintf("%s=%v", field.key, field.value))
		}
	}
	return text
}

func spaced(list []string) string {
	text := ""
	for _, item := range list {
		text = join(text, item)
	}
	return text
}
