package projector

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Config configures the projector service.
type Config struct {
	// Cut is how finely spans are divided; default day.
	Cut timeline.Cut
	// Epoch is the time before which nothing is billed, by source ("cf", "trove") or by source and
	// foundation ("cf/eu"), which takes precedence; none by default.
	Epoch map[string]time.Time
	// BuildTimeout is how long a build may run before it is taken to have lost its end; default an
	// hour.
	BuildTimeout time.Duration
	// Grace is how long after its end a month stays open, so that what comes late is no correction;
	// default 5 days.
	Grace time.Duration
	// ExcludeSpaces is a regular expression (RE2): what runs in Cloud Foundry spaces whose name
	// matches it when it begins is not metered. None by default.
	ExcludeSpaces string
	// AbsenceWindows is how many windows a database must be missing from the reports before it is
	// taken to be gone: default DefaultAbsenceWindows; negative: never.
	AbsenceWindows int
}

// maxGrace keeps the months that are open few: all their facts are kept.
const maxGrace = 366 * 24 * time.Hour

func (c Config) settings() (Settings, error) {
	if c.Cut == "" {
		c.Cut = timeline.CutDay
	}
	if _, err := timeline.ParseCut(string(c.Cut)); err != nil {
		return Settings{}, err
	}
	if c.BuildTimeout < 0 {
		return Settings{}, fmt.Errorf("build timeout %s is negative", c.BuildTimeout)
	}
	if c.Grace < 0 || c.Grace > maxGrace {
		return Settings{}, fmt.Errorf("grace %s is not between 0 and %s", c.Grace, maxGrace)
	}
	for name := range c.Epoch {
		source, foundation, both := strings.Cut(name, "/")
		if source != events.SourceCF && source != events.SourceTrove {
			return Settings{}, fmt.Errorf("epoch for unknown source %q: the sources are cf and trove, each alone or "+
				"as SOURCE/FOUNDATION", source)
		}
		if both && (foundation == "" || strings.ContainsAny(foundation, " \t\n;=")) {
			return Settings{}, fmt.Errorf("epoch for foundation %q: expected SOURCE/FOUNDATION, and no blank, "+
				"semicolon or equals sign in it", name)
		}
	}
	s := Settings{
		Cut: c.Cut, Epoch: c.Epoch, BuildTimeout: c.BuildTimeout, Grace: c.Grace,
		AbsenceWindows: c.AbsenceWindows,
	}
	if c.ExcludeSpaces != "" {
		var err error
		if len(strings.Fields(c.ExcludeSpaces)) != 1 || strings.TrimSpace(c.ExcludeSpaces) != c.ExcludeSpaces {
			return Settings{}, fmt.Errorf(`excluded spaces: %q holds a blank: write \x20 instead`, c.ExcludeSpaces)
		}
		if s.ExcludeSpaces, err = regexp.Compile(c.ExcludeSpaces); err != nil {
			return Settings{}, fmt.Errorf("excluded spaces: %q is not a regular expression: %w", c.ExcludeSpaces, err)
		}
	}
	return s.withDefaults(), nil
}

// logicVersion changes with every change of what the projector derives from the same facts.
const logicVersion = "projector/4"

// logic names the derivation with its settings, as words without blanks: the settings have the
// names of the command's flags.
func (s Settings) logic() string {
	parts := []string{logicVersion, "cut=" + string(s.Cut), "build-timeout=" + s.BuildTimeout.String(), "grace=" +
		s.Grace.String()}
	if s.AbsenceWindows != DefaultAbsenceWindows {
		parts = append(parts, "absence-windows="+strconv.Itoa(s.AbsenceWindows))
	}
	var own []string
	for _, name := range slices.Sorted(maps.Keys(s.Epoch)) {
		if strings.Contains(name, "/") {
			own = append(own, name+"="+events.FormatTime(s.Epoch[name]))
			continue
		}
		parts = append(parts, "epoch-"+name+"="+events.FormatTime(s.Epoch[name]))
	}
	if len(own) > 0 {
		parts = append(parts, "epoch="+strings.Join(own, ";"))
	}
	if s.ExcludeSpaces != nil {
		parts = append(parts, "exclude-spaces="+s.ExcludeSpaces.String())
	}
	return strings.Join(parts, " ")
}
