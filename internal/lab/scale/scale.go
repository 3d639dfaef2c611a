// Package scale is the size of the long tests. Environment variables ask for more or less:
//
//	DAYBOOK_SEEDS=240     worlds with the seeds 0 to 239, in each test with seeds
//	DAYBOOK_SEEDS=7-9     the seeds 7 to 9, to repeat a failure
//	DAYBOOK_KILLS=20      kills, in each test with kills
//	DAYBOOK_CUTS=50       power cuts, in each test with power cuts
//	DAYBOOK_BATCHES=200   batches of a cluster with other leaders
//
// DAYBOOK_FIGURES names a file for the tests' figures, a line each.
//
// Without them a test takes 20 seeds, 3 kills, 3 power cuts and 6 batches, and every third call to
// fail at: enough to find a fault while one works, in minutes. `make proof` takes the counts for a
// judgement of the project.
//
// `go test -short` leaves out the tests with a broker, with kills, or of seconds, and takes few
// seeds.
package scale

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The variables.
const (
	SeedsVariable   = "DAYBOOK_SEEDS"
	KillsVariable   = "DAYBOOK_KILLS"
	CutsVariable    = "DAYBOOK_CUTS"
	BatchesVariable = "DAYBOOK_BATCHES"

	figuresVariable = "DAYBOOK_FIGURES"
)

// The counts without them.
const (
	shortSeeds  = 4
	testSeeds   = 20
	testKills   = 3
	testCuts    = 3
	testBatches = 6
	testStride  = 3
)

// Patience is the longest wait for an event, on a machine with other work, too. No test comes near
// it unless something hangs.
const Patience = 5 * time.Minute

// NotShort is the reason of a test left out with -short.
const NotShort = "runs a broker or kills processes, or takes long: left out with -short"

// Figure appends a line to the file of figures, if there is one.
func Figure(t T, format string, arguments ...any) {
	t.Helper()
	name := os.Getenv(figuresVariable)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the tester names the file
	if err == nil {
		_, err = fmt.Fprintf(f, format+"\n", arguments...) // in one write, for packages are tested at the same time
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", figuresVariable, err)
	}
}

// Short reports whether the tests run with -short.
func Short() bool { return testing.Short() }

// Proof leaves a test out unless the kills are counted, as under make proof: a shorter test shows
// the same on most days. skip is Ginkgo's Skip.
func Proof(skip func(reason string, callers ...int)) {
	if os.Getenv(KillsVariable) == "" {
		skip("takes long: runs under make proof, or with "+KillsVariable, 1)
	}
}

// Long leaves a test out with -short: skip is Ginkgo's Skip.
func Long(skip func(reason string, callers ...int)) {
	if Short() {
		skip(NotShort, 1)
	}
}

// T is the part of testing.T to report an unreadable variable.
type T interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

// Seeds returns the seeds from first to last.
func Seeds(t T) (first, last uint64) {
	t.Helper()
	text, set := os.LookupEnv(SeedsVariable)
	if !set || text == "" {
		if Short() {
			return 0, shortSeeds - 1
		}
		return 0, testSeeds - 1
	}
	first, last, err := parseSeeds(text)
	if err != nil {
		t.Fatalf("%s: %v", SeedsVariable, err)
	}
	return first, last
}

// parseSeeds reads a count, or the first and the last seed.
func parseSeeds(text string) (first, last uint64, err error) {
	from, to, isRange := strings.Cut(text, "-")
	first, err = strconv.ParseUint(from, 10, 64)
	if err != nil {
		return 0, 0, err
	}
	if !isRange {
		if first == 0 {
			return 0, 0, fmt.Errorf("%q: at least one seed", text)
		}
		return 0, first - 1, nil
	}
	last, err = strconv.ParseUint(to, 10, 64)
	if err == nil && last < first {
		err = fmt.Errorf("%q: the last seed comes before the first", text)
	}
	return first, last, err
}

// Kills returns how often a test kills.
func Kills(t T) int {
	t.Helper()
	return count(t, KillsVariable, "kills", testKills)
}

// Cuts returns how often a test cuts the power.
func Cuts(t T) int {
	t.Helper()
	return count(t, CutsVariable, "power cuts", testCuts)
}

// Batches returns how many batches a cluster with other leaders takes.
func Batches(t T) int {
	t.Helper()
	return count(t, BatchesVariable, "batches", testBatches)
}

// Stride is the distance between the calls at which a test interrupts its subject in turn: 1 where
// the kills are counted, as under make proof.
func Stride() int {
	if os.Getenv(KillsVariable) == "" {
		return testStride
	}
	return 1
}

// count reads a variable with a number of things.
func count(t T, variable, things string, without int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is not a number of %s, at least 1", variable, text, things)
	}
	return n
}
