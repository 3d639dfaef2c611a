package schedule_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// plan is a schedule: what is collected, in which order clients come, and what goes wrong.
type plan struct {
	Seed    uint64  `json:"seed"`
	Windows [][]int `json:"windows"` // batches of the collector; of each fact, how many outputs it has
	Faults  []fault `json:"faults"`
}

// fault is one thing that goes wrong.
type fault struct {
	At   int    `json:"at"` // operation of the clients, from 1
	Kind string `json:"kind"`
	Arg  int    `json:"arg"`
}

// kinds are the faults, with the most that their argument may be.
var kinds = []struct {
	name string
	most int
}{
	{"mute", 0},     // the answer is lost
	{"lost", 0},     // the operation, with its connection
	{"cut", 0},      // the connection ends behind the operation
	{"slow", 8000},  // milliseconds before the operation
	{"restart", 1},  // of the server; 1: the rest of a torn batch is stored then
	{"leader", 20},  // changes, and nobody leads for tenths of a second
	{"hold", 30},    // appends are proposed and not applied, for tenths of a second
	{"unhold", 0},   // and are lost with the leader
	{"room", 12},    // messages until USAGE is out of room
	{"tight", 24},   // messages, twice, until METERED or BILLING is out of room
	{"tail", 60},    // of METERED, BILLING or both is lost in a power cut
	{"kill", 3},     // an instance of a stage: it sends nothing more, and another one starts
	{"stop", 3},     // an instance of a stage, in good order, and another one starts
	{"second", 1},   // instance of the projector, of the pricer
	{"damage", 200}, // a message of the snapshots
	{"delete", 200}, // a message of the snapshots
}

func (p plan) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Explain is the plan for people.
func (p plan) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, facts %v", p.Seed, p.Windows)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  at operation %d: %s %d", f.At, f.Kind, f.Arg)
	}
	return b.String()
}

// Limits of a drawn plan.
const (
	mostWindows = 5
	mostFacts   = 6
	mostOutputs = 4
	mostFaults  = 7
	lastFault   = 260 // operation
	bigOutputs  = 1100
	rarely      = 100
)

// draw makes the plan of a seed.
func draw(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 1))
	p := plan{Seed: seed}
	for range 1 + random.IntN(mostWindows) {
		var window []int
		for range 1 + random.IntN(mostFacts) {
			window = append(window, random.IntN(mostOutputs))
		}
		p.Windows = append(p.Windows, window)
	}
	if random.IntN(rarely) == 0 { // more outputs of one fact than a batch takes
		p.Windows[0][0] = bigOutputs
	}
	for range random.IntN(mostFaults + 1) {
		kind := kinds[random.IntN(len(kinds))]
		p.Faults = append(p.Faults, fault{1 + random.IntN(1+random.IntN(lastFault)), kind.name, random.IntN(kind.most +
			1)})
	}
	inOrder(p.Faults)
	return p
}

// intruded is the plan of a seed, with another writer.
func intruded(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 4))
	p := draw(seed)
	p.Faults = slices.DeleteFunc(p.Faults, func(f fault) bool { // these may take the message away
		return slices.Contains([]string{"tail", "leader", "unhold"}, f.Kind)
	})
	p.Faults = append(p.Faults, fault{1 + random.IntN(lastFault/2), "foreign", random.IntN(2 * forms)})
	inOrder(p.Faults)
	return p
}

func inOrder(faults []fault) {
	slices.SortStableFunc(faults, func(a, b fault) int { return a.At - b.At })
}

// shrink leaves out of a failing plan what it fails without, in at most so many tries. fails runs a
// plan.
func shrink(p plan, most int, fails func(plan) bool) plan {
	for again := true; again; {
		again = false
		for _, smaller := range smaller(p) {
			if most--; most < 0 {
				return p
			}
			if fails(smaller) {
				p, again = smaller, true
				break
			}
		}
	}
	return p
}

// smaller are the plans with a little less, most promising first.
func smaller(p plan) []plan {
	var list []plan
	half := len(p.Faults) / 2
	if half > 1 {
		list = append(list, plan{p.Seed, p.Windows, p.Faults[:half]}, plan{p.Seed, p.Windows, p.Faults[half:]})
	}
	for i := range p.Faults {
		list = append(list, plan{p.Seed, p.Windows, without(p.Faults, i)})
	}
	for i := range p.Windows {
		if len(p.Windows) > 1 {
			list = append(list, plan{p.Seed, without(p.Windows, i), p.Faults})
		}
		for j := range p.Windows[i] {
			if len(p.Windows[i]) > 1 {
				w := slices.Clone(p.Windows)
				w[i] = without(w[i], j)
				list = append(list, plan{p.Seed, w, p.Faults})
			}
			if n := p.Windows[i][j]; n > 1 {
				w := slices.Clone(p.Windows)
				w[i] = slices.Clone(w[i])
				w[i][j] = n / 2
				list = append(list, plan{p.Seed, w, p.Faults})
			}
		}
	}
	for i, f := range p.Faults {
		for _, g := range []fault{{f.At, f.Kind, f.Arg / 2}, {f.At * 3 / 4, f.Kind, f.Arg}, {f.At - 1, f.Kind, f.Arg}} {
			if g != f && g.At > 0 {
				faults := slices.Clone(p.Faults)
				faults[i] = g
				inOrder(faults)
				list = append(list, plan{p.Seed, p.Windows, faults})
			}
		}
	}
	return list
}

func without[T any](list []T, i int) []T {
	return append(slices.Clone(list[:i]), list[i+1:]...)
}
