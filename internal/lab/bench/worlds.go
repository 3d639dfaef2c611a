package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// world is a file of events with the prices of the simulator.
type world struct {
	file, catalogue string
	events          int
	bytes           int64
}

// simulate writes a month of about that many events.
func (r *rig) simulate(name string, config *sim.Config) (w world, err error) {
	made, err := sim.NewWorld(*config)
	if err != nil {
		return w, err
	}
	return r.write(name, func(line func([]byte)) {
		for e := range made.Events {
			line(e.JSON)
		}
	})
}

// ownPrices is the simulator's catalogue as a version of the program has it: an earlier one does
// not know every word of this one.
func (r *rig) ownPrices(ctx context.Context, binary string) (file string, err error) {
	file = filepath.Join(r.folder, "rates-own.yaml")
	_, err = run(ctx, binary, "simulate", "file", "--events", "1", "--catalogue", file)
	return file, err
}

// write writes a file of lines, and the catalogue beside it.
func (r *rig) write(name string, lines func(line func([]byte))) (w world, err error) {
	w = world{file: filepath.Join(r.folder, name+".jsonl"), catalogue: filepath.Join(r.folder, "rates.yaml")}
	if err := os.WriteFile(w.catalogue, []byte(sim.Catalogue()), 0o600); err != nil {
		return w, err
	}
	out, err := os.Create(w.file)
	if err != nil {
		return w, err
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	lines(func(line []byte) {
		buffered.Write(line)     //nolint:errcheck // Flush returns the first error
		buffered.WriteByte('\n') //nolint:errcheck // as above
		w.events++
		w.bytes += int64(len(line)) + 1
	})
	return w, errors.Join(buffered.Flush(), out.Close())
}

// taskWorld writes the events of one app with that many tasks at a time, count in all.
func (r *rig) taskWorld(concurrent, count int) (world, error) {
	return r.write(fmt.Sprintf("tasks-%d", concurrent), func(line func([]byte)) {
		at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		n := 0
		event := func(state, previous string, task int) {
			n++
			at = at.Add(time.Second)
			line(fmt.Appendf(nil, `{"guid":"%08x-0000-4000-8000-%012x","created_at":%q,"updated_at":%[3]q,`+
				`"state":{"current":%q,"previous":%q},`+
				`"app":{"guid":"a0000000-0000-4000-8000-000000000001","name":"jobs"},`+
				`"process":{"guid":null,"type":null},`+
				`"space":{"guid":"b0000000-0000-4000-8000-000000000001","name":"prod"},`+
				`"organization":{"guid":"c0000000-0000-4000-8000-000000000001"},"buildpack":{"guid":null,"name":null},`+
				`"task":{"guid":"d0000000-0000-4000-8000-%012x","name":"job-%d"},`+
				`"memory_in_mb_per_instance":{"current":512,"previous":512},`+
				`"instance_count":{"current":1,"previous":1}}`,
				concurrent, n, at.Format(time.RFC3339), state, previous, task, task))
		}
		for task := 0; n < count; task++ {
			event("TASK_STARTED", "PENDING", task)
			if task >= concurrent {
				event("TASK_STOPPED", "RUNNING", task-concurrent)
			}
		}
	})
}
