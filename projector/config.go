package projector

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// Config configures the projector. METERED depends on every field, so that each is part of the
// stage's logic.
type Config struct {
	// Cut is the unit at whose boundaries spans are divided; DefaultCut by default.
	Cut timeline.Cut
	// Epoch is the time before which nothing is billed, by source ("cf", "trove") or by source and
	// foundation ("cf/eu"), which takes precedence; none by default.
	Epoch map[string]time.Time
	// BuildTimeout is the time after which a build without an end is given up; DefaultBuildTimeout
	// by default.
	BuildTimeout time.Duration
	// ExcludeSpaces is a regular expression (RE2) of names of Cloud Foundry spaces. A run is not
	// metered if the name of its space matches when the run begins. None by default.
	ExcludeSpaces string
	// AbsenceWindows is the number of windows of reports after which a missing database is taken to
	// be gone; DefaultAbsenceWindows by default, negative for never.
	AbsenceWindows int

	excluded *regexp.Regexp // ExcludeSpaces, set by compile
}

// The defaults of Config.
const (
	DefaultCut            = timeline.CutDay
	DefaultBuildTimeout   = time.Hour // four times Cloud Foundry's own staging timeout
	DefaultAbsenceWindows = 3
)

// withDefaults fills in the defaults.
func (c Config) withDefaults() Config {
	c.Cut = cmp.Or(c.Cut, DefaultCut)
	c.BuildTimeout = cmp.Or(c.BuildTimeout, DefaultBuildTimeout)
	c.AbsenceWindows = cmp.Or(c.AbsenceWindows, DefaultAbsenceWindows)
	return c
}

// compile sets the regular expression of ExcludeSpaces.
func (c Config) compile() (Config, error) {
	if c.ExcludeSpaces == "" {
		return c, nil
	}
	if strings.ContainsFunc(c.ExcludeSpaces, unicode.IsSpace) {
		return c, fmt.Errorf(`excluded spaces: %q holds a blank: write \x20 instead`, c.ExcludeSpaces)
	}
	var err error
	if c.excluded, err = regexp.Compile(c.ExcludeSpaces); err != nil {
		return c, fmt.Errorf("excluded spaces: %q is not a regular expression: %w", c.ExcludeSpaces, err)
	}
	return c, nil
}

// check refuses settings unfit for a service.
func (c Config) check() error {
	if _, err := timeline.ParseCut(string(c.Cut)); err != nil {
		return err
	}
	if c.BuildTimeout < 0 {
		return fmt.Errorf("build timeout %s is negative", c.BuildTimeout)
	}
	for name := range c.Epoch {
		source, foundation, both := strings.Cut(name, "/")
		if known(source) != nil {
			return fmt.Errorf("epoch for unknown source %q: the sources are cf and trove, each alone or "+
				"as SOURCE/FOUNDATION", source)
		}
		if both && (foundation == "" || strings.ContainsAny(foundation, " \t\n;=")) {
			return fmt.Errorf("epoch for foundation %q: expected SOURCE/FOUNDATION, and no blank, "+
				"semicolon or equals sign in it", name)
		}
	}
	return nil
}

// logicVersion changes with every change of the derivation.
const logicVersion = "projector/11"

// logic names the derivation with its settings, as words without blanks: the settings have the
// names of the command's flags.
func (c Config) logic() string {
	parts := []string{logicVersion, "cut=" + string(c.Cut), "build-timeout=" + c.BuildTimeout.String()}
	if c.AbsenceWindows != DefaultAbsenceWindows {
		parts = append(parts, "absence-windows="+strconv.Itoa(c.AbsenceWindows))
	}
	var own []string
	for _, name := range slices.Sorted(maps.Keys(c.Epoch)) {
		if strings.Contains(name, "/") {
			own = append(own, name+"="+events.FormatTime(c.Epoch[name]))
			continue
		}
		parts = append(parts, "epoch-"+name+"="+events.FormatTime(c.Epoch[name]))
	}
	if len(own) > 0 {
		parts = append(parts, "epoch="+strings.Join(own, ";"))
	}
	if c.ExcludeSpaces != "" {
		parts = append(parts, "exclude-spaces="+c.ExcludeSpaces)
	}
	return strings.Join(parts, " ")
}
