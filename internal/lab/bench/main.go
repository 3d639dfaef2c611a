package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// size scales the worlds of the measurements.
type size struct {
	events  int // of the whole path
	history int // of the longer of two histories
	charges int // of the questions to Postgres
}

func main() {
	old := flag.String("old", "", "binary of an earlier version, for the processor time of an event")
	events := flag.Int("events", 200_000, "events of the whole path")
	charges := flag.Int("charges", 500_000, "charges in Postgres for the questions over HTTP")
	keep := flag.String("keep", "", "folder in which the year of charges in Postgres stays, for the next run; 12 GB "+
		"at 10,000,000 charges")
	only := flag.String("only", "", "the one measurement to take")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: bench [-old BINARY] [-events N] [-only NAME] BINARY: give the path of a "+
			"daybook binary")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := table(ctx, os.Stdout, flag.Arg(0), *old, *only, *keep, size{
		events: *events, history: 2 * *events, charges: *charges,
	}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop only unhooks a signal
	}
}

// row is one line of the table.
type row struct {
	name  string
	value float64
	aim   string
	from  string // the measurements behind the ratio
}

// text is the line of the table.
func (r *row) text() string {
	return fmt.Sprintf("%-68s %10.2f  %-8s %s\n", r.name, r.value, r.aim, r.from)
}

// measurement takes rows. It returns the rows not yet told.
type measurement struct {
	name string
	take func(ctx context.Context, r *rig) ([]row, error)
}

// rig is what measurements share.
type rig struct {
	binary, old string // old may be empty
	folder      string
	keep        string // folder of the year of charges in Postgres, which stays; may be empty
	size        size
	tell        func(row) // prints a row at once
}

func table(ctx context.Context, w io.Writer, binary, old, only, keep string, size size) error {
	for _, path := range []*string{&binary, &old, &keep} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	folder, err := os.MkdirTemp("", "daybook-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	if _, err := fmt.Fprintf(w, "%-68s %10s  %-8s %s\n", "MEASURED", "RATIO", "AIM", "FROM"); err != nil {
		return err
	}
	tell := func(r row) { fmt.Fprint(w, r.text()) }
	begun := time.Now()
	for _, m := range measurements() {
		if only != "" && only != m.name {
			continue
		}
		r := &rig{
			binary: binary, old: old, folder: filepath.Join(folder, m.name), keep: keep, size: size, tell: tell,
		}
		if err := os.Mkdir(r.folder, 0o700); err != nil {
			return err
		}
		rows, err := m.take(ctx, r)
		for _, row := range rows {
			tell(row)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if err := os.RemoveAll(r.folder); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "in %s\n", time.Since(begun).Round(time.Second))
	return err
}

func measurements() []measurement {
	return []measurement{
		{"chain", chain},
		{"tasks", tasks},
		{"apps", apps},
		{"memory", memory},
		{"bill", bill},
		{"restart", restart},
		{"latency", latency},
		{"collector", collector},
		{"verify", verify},
		{"prices", prices},
		{"reading", reading},
		{"reading-memory", readingMemory},
	}
}
