package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/compare"
)

// used is what one process took.
type used struct {
	wall, cpu time.Duration
	peakMiB   float64
}

// run runs the program to its end. An exit status other than 0 and 3 (incomplete) is an error.
func run(ctx context.Context, binary string, args ...string) (used, error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the program under measurement
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Env = append(compare.Environment(), "DAYBOOK_LOG_LEVEL=warn")
	start := time.Now()
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		return used{}, fmt.Errorf("%s %s: %w\n%s", binary, strings.Join(args, " "), err, said.Bytes())
	}
	u := used{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.peakMiB = float64(usage.Maxrss) / 1024
	}
	return u, nil
}

// upOnce takes a file through the whole path into a data folder.
func upOnce(ctx context.Context, binary, data, catalogue string, files ...string) (used, error) {
	args := []string{"up", "--once", "--data", data, "--listen", "127.0.0.1:0", "--catalogue", catalogue}
	for _, f := range files {
		args = append(args, "--collect", f)
	}
	return run(ctx, binary, args...)
}

// service is a running `daybook up`.
type service struct {
	cmd *exec.Cmd
	url string
}

var listens = regexp.MustCompile(`nats://[0-9.:]+`)

// serve starts the program and waits until its NATS server listens.
func serve(ctx context.Context, binary string, args ...string) (*service, error) {
	args = append([]string{"up", "--listen", "127.0.0.1:0"}, args...)
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the program under measurement
	cmd.Env = compare.Environment()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	log := bufio.NewReader(stderr) // lines have any length
	for said := ""; ; {
		line, err := log.ReadString('\n')
		if url := listens.FindString(line); url != "" {
			go func() { _, _ = io.Copy(io.Discard, log) }() // until the program ends
			return &service{cmd, url}, nil
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s %s ended before it listened: %s%s", binary, strings.Join(args, " "),
				said, line), cmd.Process.Kill(), cmd.Wait())
		}
		said = line
	}
}

// stop stops the program as an init system does. It may be repeated.
func (s *service) stop() error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// stored is the sizes of the streams in a data folder.
type stored struct {
	messages uint64 // of USAGE, METERED and BILLING
	bytes    int64  // of their blocks on disk
	usage    uint64 // messages of USAGE
}

// look reads the sizes of the streams, and how long the server takes to come up.
func look(ctx context.Context, data string) (s stored, start time.Duration, err error) {
	begun := time.Now()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: data, Listen: "127.0.0.1:0"})
	if err != nil {
		return s, 0, err
	}
	defer server.Shutdown()
	start = time.Since(begun)
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		return s, 0, err
	}
	defer b.Close()
	for _, name := range []string{events.StreamUsage, events.StreamMetered, events.StreamBilling} {
		state, err := b.Stream(ctx, name)
		if err != nil {
			return s, 0, err
		}
		s.messages += state.Messages
		if name == events.StreamUsage {
			s.usage = state.Messages
		}
		blocks, err := diskBytes(data, name)
		if err != nil {
			return s, 0, err
		}
		s.bytes += blocks
	}
	return s, start, nil
}

// diskBytes is the size of a stream's blocks.
func diskBytes(data, stream string) (total int64, err error) {
	folders, err := filepath.Glob(filepath.Join(data, "jetstream", "*", "streams", stream, "msgs"))
	if err != nil || len(folders) != 1 {
		return 0, fmt.Errorf("%s has %d folders of the stream %s: %w", data, len(folders), stream, err)
	}
	err = filepath.WalkDir(folders[0], func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
