package print

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daybook-billing/daybook/internal/stage"
)

// verifiedJSON is the result for a stage.
type verifiedJSON struct {
	Stage    string        `json:"stage"`
	Input    string        `json:"input"`
	Output   string        `json:"output"`
	OK       bool          `json:"ok"`
	Deep     bool          `json:"deep"`
	Inputs   uint64        `json:"inputs"`
	Outputs  uint64        `json:"outputs"`
	Position uint64        `json:"position"`
	Sequence uint64        `json:"sequence"`
	Chain    string        `json:"chain,omitempty"`
	Seconds  string        `json:"seconds"`
	Missing  []string      `json:"missing,omitempty"` // of USAGE
	Mismatch *mismatchJSON `json:"mismatch,omitempty"`
	Error    string        `json:"error,omitempty"`
}

type mismatchJSON struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Subject  string `json:"subject"`
	What     string `json:"what"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Advice   string `json:"advice"`
}

// VerifiedJSON prints the result of verifying a stage as one JSON object; missing has sentences
// about lost messages of USAGE, and failure is nil where all else is well.
func VerifiedJSON(w io.Writer, name string, v *stage.Verified, took time.Duration, missing []string,
	failure error,
) error {
	out := verifiedJSON{
		Stage: name, Input: v.Input, Output: v.Output, OK: failure == nil && len(missing) == 0, Deep: v.Deep,
		Inputs: v.Inputs, Outputs: v.Outputs, Position: v.Position, Sequence: v.Sequence, Chain: v.Chain,
		Seconds: seconds(took), Missing: missing,
	}
	var m *stage.Mismatch
	if errors.As(failure, &m) {
		out.Mismatch = &mismatchJSON{m.Stream, m.Sequence, m.Subject, m.What, m.Expected, m.Found, m.Advice}
	} else if failure != nil {
		out.Error = failure.Error()
	}
	return JSON(w, out)
}

// Verified prints the equality of a stage's output with its input's derivation.
func Verified(w io.Writer, v *stage.Verified, took time.Duration) error {
	if v.Sequence == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing has been put out yet, and %s leads to nothing\n", v.Output, v.Input)
		return err
	}
	how := "the chain of"
	if v.Deep {
		how = "every byte of"
	}
	_, err := fmt.Fprintf(w, "%s is what %s derives: %s %d messages, from %d inputs, in %.1f s (%.0f inputs/s); up "+
		"to message %d, chain %s\n",
		v.Output, v.Input, how, v.Outputs, v.Inputs, took.Seconds(), float64(v.Inputs)/took.Seconds(), v.Sequence,
		v.Chain)
	return err
}

func seconds(took time.Duration) string { return fmt.Sprintf("%.3f", took.Seconds()) }
