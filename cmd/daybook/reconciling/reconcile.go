package reconciling

import (
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/reconcile"
)

// Reconcile is daybook reconcile.
type Reconcile struct {
	Serve  serveCmd  `cmd:"" default:"withargs" hidden:"" help:"Reconcile again and again, or once."`
	List   listCmd   `cmd:"" help:"List the differences of the last plans, and whether the sums agree."`
	Show   showCmd   `cmd:"" help:"Show the last plan of a foundation with everything of it."`
	Plan   planCmd   `cmd:"" help:"Make a plan, and enact nothing."`
	Apply  applyCmd  `cmd:"" help:"Enact the last plan of a foundation."`
	Revert revertCmd `cmd:"" help:"Take a plan back as a whole."`
	Ignore ignoreCmd `cmd:"" help:"Leave resources alone, until a time."`
	Adopt  adoptCmd  `cmd:"" help:"Bill what runs from a time on, as the platform shows it."`
	End    endCmd    `cmd:"" help:"End the billing of something at a time."`
}

// Settings are the flags of how to reconcile.
type Settings struct {
	Rules    string                `env:"DAYBOOK_RECONCILE_RULES" placeholder:"FILE" help:"Rules (YAML): acts, limitations, settle, allow."`
	Allow    []reconcile.Allowance `placeholder:"KIND=N" help:"Allow this very number of stops of a kind, which a plan has refused: app=12, or eu/app=12 of one foundation."`
	Every    time.Duration         `env:"DAYBOOK_RECONCILE_EVERY" default:"${reconcile_every}" help:"From one inspection to the next."`
	Alarm    time.Duration         `env:"DAYBOOK_RECONCILE_ALARM" default:"${reconcile_alarm}" help:"From one comparison of sums to the next."`
	Patience time.Duration         `env:"DAYBOOK_RECONCILE_PATIENCE" default:"${reconcile_patience}" help:"How long METERED may be behind a listing."`
	Retake   time.Duration         `env:"DAYBOOK_RECONCILE_RETAKE" default:"${reconcile_retake}" help:"Wait before a list that does not agree with the platform's sums is taken again."`
	ListSize int                   `env:"DAYBOOK_RECONCILE_LIST_SIZE" default:"${reconcile_list_size}" help:"Resources a page of a list, 1 to ${reconcile_list_size}."`

	Trove Trove `embed:"" prefix:"trove-"`
}

// Metering are the settings of daybook project that a reconciliation goes by.
type Metering struct {
	ExcludeSpaces string                   `env:"DAYBOOK_EXCLUDE_SPACES" placeholder:"REGEXP" help:"The spaces that daybook project does not meter."`
	Epoch         map[string]shell.Instant `env:"DAYBOOK_EPOCH" placeholder:"SOURCE/FOUNDATION=TIME;…" help:"As of daybook project: nothing is billed before it."`
}

// epoch is that of a foundation of a source.
func (m *Metering) epoch(source, foundation string) time.Time {
	if at, given := m.Epoch[source+"/"+foundation]; given {
		return at.Time
	}
	return m.Epoch[source].Time
}

// place is the foundation of a command about a stored plan.
type place struct {
	shell.NATS
	Source string `enum:"cf,trove" default:"cf" help:"Source: ${enum}."`
	Name   string `name:"foundation" env:"DAYBOOK_FOUNDATION" default:"cf" help:"Name of the foundation."`
}

// acting are the rules of a file, with an act for all that they do not name.
func acting(rules reconcile.Rules, act string) reconcile.Rules {
	if act != "" {
		rules.Acts = append(rules.Acts, reconcile.ActRule{Act: reconcile.Act(act)})
	}
	return rules
}
