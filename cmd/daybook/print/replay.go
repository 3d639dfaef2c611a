package print

import (
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/internal/stage"
)

// replayedJSON is the result for a stage.
type replayedJSON struct {
	Stage    string `json:"stage"`
	Input    string `json:"input"`
	Output   string `json:"output"`
	DryRun   bool   `json:"dry_run"`
	Changed  bool   `json:"changed"`
	Rebuilt  bool   `json:"rebuilt"`
	Position uint64 `json:"position"`
	Messages int    `json:"messages"`
	Back     int    `json:"taken_back"`
	Anew     int    `json:"published"`
	Seconds  string `json:"seconds"`
}

// ReplayedJSON prints the result of replaying a stage as one JSON object.
func ReplayedJSON(w io.Writer, name string, r *stage.Replayed, dryRun bool, took time.Duration) error {
	return JSON(w, replayedJSON{
		Stage: name, Input: r.Input, Output: r.Output, DryRun: dryRun, Changed: r.Changed, Rebuilt: r.Rebuilt,
		Position: r.Position, Messages: r.Messages, Back: r.Reversed, Anew: r.Posted, Seconds: seconds(took),
	})
}

// Replayed prints the result of replaying a stage. things names the outputs taken back and the
// outputs published, such as "charges reversed and %d posted".
func Replayed(w io.Writer, r *stage.Replayed, dryRun bool, things string) error {
	would := ""
	if dryRun {
		would = "would be "
	}
	var err error
	switch {
	case !r.Changed:
		_, err = fmt.Fprintf(w, "%s: everything is as this version and these settings derive it; nothing published\n",
			r.Output)
	case r.Rebuilt:
		_, err = fmt.Fprintf(w, "%s: was empty, %sderived from the start, up to message %d of %s\n", r.Output, would,
			r.Position, r.Input)
	default:
		_, err = fmt.Fprintf(w, "%s: %d "+things+", %spublished in %d messages; it now rests on message %d of %s\n",
			r.Output, r.Reversed, r.Posted, would, r.Messages, r.Position, r.Input)
	}
	return err
}
