package scale_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// failure stands for a failed test.
type failure struct{ message string }

func (*failure) Helper() {}

func (f *failure) Fatalf(format string, arguments ...any) {
	f.message = fmt.Sprintf(format, arguments...)
}

func TestSeeds(t *testing.T) {
	for text, wanted := range map[string][2]uint64{
		"1": {0, 0}, "240": {0, 239}, "7-9": {7, 9}, "7-7": {7, 7}, "0-0": {0, 0},
	} {
		t.Setenv(scale.SeedsVariable, text)
		if first, last := scale.Seeds(t); [2]uint64{first, last} != wanted {
			t.Errorf("%q: seeds %d to %d, wanted %v", text, first, last, wanted)
		}
	}
	for _, text := range []string{"0", "many", "9-7", "7-", "-7", "1-2-3"} {
		t.Setenv(scale.SeedsVariable, text)
		var f failure
		if scale.Seeds(&f); f.message == "" {
			t.Errorf("%q is accepted", text)
		}
	}
	t.Setenv(scale.SeedsVariable, "")
	if first, last := scale.Seeds(t); first != 0 || last < 2 || last > 20 {
		t.Errorf("without the variable: seeds %d to %d", first, last)
	}
}

func TestFigures(t *testing.T) {
	name := filepath.Join(t.TempDir(), "figures")
	t.Setenv("DAYBOOK_FIGURES", name)
	scale.Figure(t, "%d worlds", 240)
	scale.Figure(t, "%d kills", 20)
	if text, err := os.ReadFile(name); err != nil || string(text) != "240 worlds\n20 kills\n" {
		t.Errorf("the file holds %q: %v", text, err)
	}
	var f failure
	t.Setenv("DAYBOOK_FIGURES", filepath.Join(name, "below a file"))
	if scale.Figure(&f, "lost"); f.message == "" {
		t.Error("a file that cannot be written is accepted")
	}
	t.Setenv("DAYBOOK_FIGURES", "")
	scale.Figure(t, "nobody asks")
}

func TestCounts(t *testing.T) {
	for variable, c := range map[string]struct {
		read    func(scale.T) int
		without int
	}{
		scale.KillsVariable: {scale.Kills, 3}, scale.CutsVariable: {scale.Cuts, 3},
		scale.BatchesVariable: {scale.Batches, 6},
	} {
		t.Setenv(variable, "12")
		if n := c.read(t); n != 12 {
			t.Errorf("%s: %d, wanted 12", variable, n)
		}
		for _, text := range []string{"0", "-1", "many"} {
			t.Setenv(variable, text)
			var f failure
			if c.read(&f); !strings.Contains(f.message, variable) {
				t.Errorf("%s: %q is accepted", variable, text)
			}
		}
		t.Setenv(variable, "")
		if n := c.read(t); n != c.without {
			t.Errorf("without %s: %d", variable, n)
		}
	}
}

func TestProof(t *testing.T) {
	for text, left := range map[string]bool{"": true, "20": false} {
		t.Setenv(scale.KillsVariable, text)
		skipped := false
		scale.Proof(func(string, ...int) { skipped = true })
		if skipped != left {
			t.Errorf("%q: left out is %v, wanted %v", text, skipped, left)
		}
	}
}
