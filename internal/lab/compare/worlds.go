package compare

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/cc"
	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// World is one input for both programs. Serve brings it up in a folder of its own: the same for
// each call.
type World struct {
	Name  string
	Serve func(folder string) (*Served, error)
}

// Served is a world at one program's disposal. The program runs once with each of Rounds, in order
// and on the same data.
type Served struct {
	Rounds []Round
	Stop   func()
}

// Round is one run of the program.
type Round struct {
	Args, Env []string
	Before    func() // what happens in the world first; may be nil
}

// Worlds returns the demo and n simulated worlds: files of Cloud Foundry and Trove by turns with
// foundations that serve the API, each with faults. The files of whole worlds lose no row.
func Worlds(n int, whole bool, key *rsa.PrivateKey) []World {
	worlds := []World{demo()}
	for seed := range uint64(n) { //nolint:gosec // a small number
		if seed%2 == 0 {
			worlds = append(worlds, files(seed, whole))
		} else {
			worlds = append(worlds, foundation(seed, key))
		}
	}
	return worlds
}

func demo() World {
	return World{Name: "demo", Serve: func(string) (*Served, error) {
		return &Served{Rounds: []Round{{Args: []string{"--demo"}}, {Args: []string{"--demo"}}}, Stop: func() {}}, nil
	}}
}

const (
	eventsOfWorld = 1500 // about
	prices        = "rates.yaml"
)

// files is a Cloud Foundry foundation and a Trove cloud, in damaged files.
func files(seed uint64, whole bool) World {
	serve := func(folder string) (*Served, error) {
		world, err := sim.NewWorld(sim.Config{
			Seed: seed, Events: eventsOfWorld, Apps: 25, Services: 10, Instances: 15, Exists: true, Drain: seed%4 == 0,
			Start: time.Date(2026, 8, 20, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC),
		})
		if err != nil {
			return nil, err
		}
		random := rand.New(rand.NewPCG(seed, 0x66696c6573)) //nolint:gosec // the same seed gives the same world
		var halves [2]bytes.Buffer
		line := 0
		for event := range world.Events {
			to := &halves[min(2*line/eventsOfWorld, 1)]
			line++
			damage(to, &event, whole, random)
		}
		if err := os.WriteFile(filepath.Join(folder, prices), []byte(sim.Catalogue()), 0o600); err != nil {
			return nil, err
		}
		served := &Served{Stop: func() {}}
		for i := range halves {
			name := fmt.Sprintf("events-%d.jsonl", i)
			if err := os.WriteFile(filepath.Join(folder, name), halves[i].Bytes(), 0o600); err != nil {
				return nil, err
			}
			served.Rounds = append(served.Rounds, Round{Args: []string{"--catalogue", prices, "--collect", name}})
		}
		return served, nil
	}
	return World{Name: fmt.Sprintf("files, seed %d", seed), Serve: serve}
}

// damage writes an event as a bad day leaves it: twice, not at all, cut, with a password, with a
// state unknown to everybody, or after a line of garbage. Most events come through whole, and in a
// whole world each of them once at least.
func damage(to *bytes.Buffer, event *sim.Event, whole bool, random *rand.Rand) {
	text := string(event.JSON)
	switch kind := random.IntN(100); {
	case kind == 0:
		text += "\n" + text
	case kind == 1 && !whole:
		return
	case kind == 2 && !whole:
		text = text[:len(text)/2]
	case kind == 3:
		text = strings.ReplaceAll(text, "java_buildpack", "https://me:hunter2@example.org/java.git")
	case kind == 4 && !whole:
		text = strings.ReplaceAll(text, `"STARTED"`, `"LEVITATING"`)
	case kind == 5:
		text = "<html>502 Bad Gateway</html>\n" + text
	}
	to.WriteString(text + "\n")
}

// foundation is a Cloud Controller with every fault of its knobs, collected in two rounds.
func foundation(seed uint64, key *rsa.PrivateKey) World {
	serve := func(folder string) (*Served, error) {
		knobs := cc.StandardKnobs()
		knobs.LateCommits, knobs.LateCommitMax = 0.1, cc.Duration(20*time.Minute)
		knobs.ErrorRate, knobs.RateLimitRate, knobs.CutRate, knobs.GarbageRate = 0.02, 0.02, 0.02, 0.02
		knobs.UnauthorizedRate, knobs.UnknownStateRate, knobs.RetryAfter = 0.02, 0.02, 0
		knobs.KeepRunning = seed%4 == 1
		start := time.Date(2026, 9, 10, 6, 0, 0, 0, time.UTC)
		f, err := cc.New(cc.Config{Key: key, Knobs: &knobs, World: sim.Config{
			Seed: seed, Events: eventsOfWorld, Apps: 25, Services: 10, Start: start, End: start.AddDate(0, 2, 0),
			Clocks: []time.Duration{0, 2 * time.Second, -3 * time.Second},
		}})
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, prices), []byte(sim.Catalogue()), 0o600); err != nil {
			return nil, err
		}
		lists := &inOrder{api: f}
		server := httptest.NewServer(lists)
		args := []string{
			"--catalogue", prices, "--cf", server.URL, "--cf-min-wait", "0s", "--cf-page-size", "100",
		}
		env := []string{"CF_CLIENT_ID=daybook", "CF_CLIENT_SECRET=daybook-secret"}
		round := func(days int) Round {
			return Round{Args: args, Env: env, Before: func() {
				f.Advance(start.AddDate(0, 0, days))
				lists.restart()
			}}
		}
		return &Served{Rounds: []Round{round(22), round(22 + 7*int(seed%7))}, Stop: server.Close}, nil
	}
	return World{Name: fmt.Sprintf("foundation, seed %d", seed), Serve: serve}
}
