package projector

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// ParseLogic reads the settings out of the logic of METERED: the version of the logic, and words of
// name=value with the names of the command's flags. A setting without a word has its default. The
// logic of another program is an error.
func ParseLogic(logic string) (Config, error) {
	words := strings.Fields(logic)
	if len(words) == 0 {
		return Config{}, errors.New("the logic of the stream is blank")
	}
	cfg := Config{Epoch: map[string]time.Time{}}
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return Config{}, fmt.Errorf("logic: %q has no value", word)
		}
		if err := cfg.parse(name, value); err != nil {
			return Config{}, fmt.Errorf("logic: %s: %w", name, err)
		}
	}
	return cfg, nil
}

// parse takes one setting.
func (c *Config) parse(name, value string) (err error) {
	source, isEpoch := strings.CutPrefix(name, "epoch-")
	switch {
	case name == "cut":
		c.Cut, err = timeline.ParseCut(value)
	case name == "build-timeout":
		c.BuildTimeout, err = time.ParseDuration(value)
	case name == "exclude-spaces":
		c.ExcludeSpaces = value
	case name == "absence-windows":
		c.AbsenceWindows, err = strconv.Atoi(value)
	case isEpoch:
		c.Epoch[source], err = events.ParseTimeOrDate(value)
	case name == "epoch":
		for pair := range strings.SplitSeq(value, ";") {
			foundation, at, _ := strings.Cut(pair, "=")
			if c.Epoch[foundation], err = events.ParseTimeOrDate(at); err != nil {
				return err
			}
		}
	default:
		return errors.New("there is no such setting")
	}
	return err
}
