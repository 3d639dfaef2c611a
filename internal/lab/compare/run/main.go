// Command run compares two binaries of daybook: OLD and NEW work through the demo and simulated
// worlds, and their streams are held against each other. The exit status is 1 when any differ.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/daybook-billing/daybook/internal/lab/compare"
)

func main() {
	count := flag.Int("worlds", 20, "number of simulated worlds beside the demo")
	content := flag.Bool("content", false, "compare the meaning alone, not the bytes")
	whole := flag.Bool("whole", false, "let no file of a world lose a row, as versions differ on contradictions")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: run [-worlds N] [-content] [-whole] OLD NEW: give the paths of two daybook "+
			"binaries")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness
	}
	worlds := compare.Worlds(*count, *whole, key)
	differences, err := all(ctx, os.Stdout, flag.Arg(0), flag.Arg(1), worlds, *content)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || differences > 0 {
		os.Exit(1) //nolint:gocritic // stop only unhooks a signal
	}
}

func all(ctx context.Context, out io.Writer, before, after string, worlds []compare.World, content bool) (total int,
	err error,
) {
	messages := 0
	for _, world := range worlds {
		found, n, err := one(ctx, world, before, after, content)
		if err != nil {
			return total, fmt.Errorf("%s: %w", world.Name, err)
		}
		fmt.Fprintf(out, "%s: %d messages, %d differences\n", world.Name, n, len(found))
		for _, f := range found {
			fmt.Fprintln(out, "  ", f)
		}
		total, messages = total+len(found), messages+n
	}
	fmt.Fprintf(out, "%d messages compared, %d differences\n", messages, total)
	return total, nil
}

func one(ctx context.Context, world compare.World, before, after string, content bool) (found []string, messages int,
	err error,
) {
	folder, err := os.MkdirTemp("", "daybook-compare-")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var runs [2]*compare.Run
	for i, program := range []string{before, after} {
		own := filepath.Join(folder, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			return nil, 0, err
		}
		if runs[i], err = compare.Execute(ctx, program, world, own); err != nil {
			return nil, 0, err
		}
	}
	if !content {
		found = compare.Bytes(runs[0], runs[1])
	}
	b, err := compare.ContentOf(runs[0])
	if err != nil {
		return nil, 0, err
	}
	a, err := compare.ContentOf(runs[1])
	if err != nil {
		return nil, 0, err
	}
	return append(found, b.Differences(a)...), runs[0].Messages(), nil
}
