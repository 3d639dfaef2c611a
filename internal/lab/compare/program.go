package compare

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const dataFolder = "data"

// Execute lets a program work through a world with `up --once`, in an empty folder, and returns
// the streams and the bill. An exit status other than 0 and 3 (incomplete) is an error.
func Execute(ctx context.Context, program string, world World, folder string) (*Run, error) {
	program, err := filepath.Abs(program) // it runs in the folder
	if err != nil {
		return nil, err
	}
	served, err := world.Serve(folder)
	if err != nil {
		return nil, err
	}
	defer served.Stop()
	run := &Run{}
	for _, round := range served.Rounds {
		if round.Before != nil {
			round.Before()
		}
		args := append([]string{"up", "--once", "--data", dataFolder, "--listen", "127.0.0.1:0"}, round.Args...)
		cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the versions to compare
		cmd.Dir = folder                                  // the names of files stand in QUARANTINE
		cmd.Env = append(Environment(), round.Env...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 {
			return nil, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, errs.String())
		}
		run.Bill += out.String()
	}
	run.Streams, err = read(ctx, filepath.Join(folder, dataFolder))
	return run, err
}

// settings are the variables that the program reads as its settings.
var settings = []string{"DAYBOOK_", "NATS_", "CF_", "AMQP_"}

// Environment is this process's without the settings of the program. Those of the Go runtime, such
// as GOMAXPROCS, stay.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc(settings, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
}
