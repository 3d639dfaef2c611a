package projector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
)

// Config configures the projector service.
type Config struct {
	// Cut is how finely spans are divided; default day.
	Cut Cut
	// Epoch is the time before which nothing is billed, by source ("cf", "trove"); none by default.
	Epoch map[string]time.Time
	// BuildTimeout is how long a build may run before it is taken to have lost its end; default an hour.
	BuildTimeout time.Duration
}

func (c Config) settings() (Settings, error) {
	if c.Cut == "" {
		c.Cut = CutDay
	}
	if _, err := ParseCut(string(c.Cut)); err != nil {
		return Settings{}, err
	}
	if c.BuildTimeout < 0 {
		return Settings{}, fmt.Errorf("build timeout %s is negative", c.BuildTimeout)
	}
	if c.BuildTimeout == 0 {
		c.BuildTimeout = DefaultBuildTimeout
	}
	for source := range c.Epoch {
		if source != events.SourceCF && source != events.SourceTrove {
			return Settings{}, fmt.Errorf("epoch for unknown source %q: the sources are cf and trove", source)
		}
	}
	return Settings(c), nil
}

// logicVersion changes with every change of what the projector derives from the same facts.
const logicVersion = "projector/1"

// logic names the derivation with its settings.
func (s Settings) logic() string {
	parts := []string{logicVersion, "cut=" + string(s.Cut), "build-timeout=" + s.BuildTimeout.String()}
	for _, source := range slices.Sorted(maps.Keys(s.Epoch)) {
		parts = append(parts, "epoch-"+source+"="+events.FormatTime(s.Epoch[source]))
	}
	return strings.Join(parts, " ")
}
