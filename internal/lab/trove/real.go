package trove

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"syscall"
)

//go:embed real.py
var program string

// ErrMissing is wrapped by the error of Start on a machine without Trove.
var ErrMissing = errors.New("no python3-trove is there; run: apt-get install --no-install-recommends python3-trove")

// Real is a process with Trove's own API and task manager, over a database in SQLite and the fakes
// of other services that Trove ships for its tests. As an http.Handler it is the API, to stand
// behind a Keystone's middleware (Behind). Its other methods are for one goroutine.
type Real struct {
	http.Handler

	command  *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	problems bytes.Buffer
}

// Start starts Trove with its database in a folder, and returns when the API answers. The context
// ends it.
func Start(ctx context.Context, folder string) (*Real, error) {
	//nolint:gosec // our own program with a test's folder
	r := &Real{command: exec.CommandContext(ctx, "/usr/bin/python3", "-c", program, folder)}
	r.command.Stderr = &r.problems
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if r.in, err = r.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	line, err := r.out.ReadString('\n')
	address, malformed := url.Parse(string(bytes.TrimSpace([]byte(line))))
	if err = errors.Join(err, malformed); err != nil {
		_ = r.in.Close()
		err = errors.Join(err, r.command.Wait())
		if bytes.Contains(r.problems.Bytes(), []byte("ModuleNotFoundError")) {
			err = errors.Join(ErrMissing, err)
		}
		return nil, fmt.Errorf("trove did not start: %w: %s", err, r.problems.Bytes())
	}
	r.Handler = httputil.NewSingleHostReverseProxy(address)
	return r, nil
}

// Close ends the process.
func (r *Real) Close() error {
	_ = r.in.Close()
	return r.command.Wait()
}

// Do does a command of the program's class Cloud by its name, with its arguments, and returns the
// result with the notifications that Trove has sent meanwhile.
func (r *Real) Do(name string, arguments object) (result string, sent []json.RawMessage, err error) {
	command := object{"do": name}
	for key, value := range arguments {
		command[key] = value
	}
	b, err := json.Marshal(command)
	if err != nil {
		return "", nil, err
	}
	if _, err := r.in.Write(append(b, '\n')); err != nil {
		return "", nil, fmt.Errorf("trove has ended: %w: %s", err, r.problems.Bytes())
	}
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		return "", nil, fmt.Errorf("trove has ended: %w: %s", err, r.problems.Bytes())
	}
	var out struct {
		Result string            `json:"result"`
		Error  string            `json:"error"`
		Sent   []json.RawMessage `json:"sent"`
	}
	if err := json.Unmarshal(line, &out); err != nil {
		return "", nil, err
	}
	if out.Error != "" {
		return "", nil, fmt.Errorf("trove: %s: %s", name, out.Error)
	}
	return out.Result, out.Sent, nil
}
