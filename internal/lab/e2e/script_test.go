package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/gomega/gexec"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// TestScript runs the transcripts. `daybook` is the real program; besides testscript's own commands
// they have
//
//	exits STATUS COMMAND ARG…  runs a command that must end with that very status
//	server [old|plain]         starts a NATS server and sets NATS_URL; old: one without
//	                           atomic publish, plain: one without JetStream
//	address NAME [taken]       sets NAME to an address where nothing listens, or,
//	                           with taken, another process does
//	up NAME ARG…               starts `daybook up ARG…` in the background and sets
//	                           NATS_URL when it listens
//	term NAME                  stops it with SIGTERM; it must end with status 0
//	streams NAME=MESSAGES…     compares how many messages the streams hold
//	quarantined FILE LINE      looks for that line in QUARANTINE, with a reason and
//	                           the input
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(daybook)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("DAYBOOK_LISTEN", "127.0.0.1:0")
			e.Values["running"] = map[string]*gexec.Session{}
			return os.WriteFile(filepath.Join(e.WorkDir, "demo.yaml"), demo.Catalogue(), 0o600)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": scriptExits, "server": scriptServer, "address": scriptAddress, "up": scriptUp, "term": scriptTerm,
			"streams": scriptStreams, "quarantined": scriptQuarantined,
		},
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARG…")
	}
	wanted, err := strconv.Atoi(args[0])
	ts.Check(err)
	status := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		status = ended.ExitCode()
	}
	if status != wanted {
		ts.Fatalf("exit status %d, wanted %d", status, wanted)
	}
}

func scriptServer(ts *testscript.TestScript, _ bool, args []string) {
	kind := ""
	if len(args) > 0 {
		kind = args[0]
	}
	if kind == "old" {
		ts.Setenv("NATS_URL", "nats://"+oldServer(ts))
		return
	}
	server, err := bus.StartServer(bus.ServerConfig{
		DataDir: ts.MkAbs("server-" + kind), Listen: "127.0.0.1:0",
		NoJetStream: kind == "plain",
	})
	ts.Check(err)
	ts.Defer(server.Shutdown)
	ts.Setenv("NATS_URL", server.URL())
}

// oldServer is NATS 2.10 to every client, and answers pings.
func oldServer(ts *testscript.TestScript) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				fmt.Fprint(conn,
					`INFO {"server_id":"OLD","version":"2.10.29","proto":1,"headers":true,"jetstream":true,"max_payload":1048576}`+"\r\n")
				buffer := make([]byte, 4096)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					if regexp.MustCompile(`(?m)^PING`).Match(buffer[:n]) {
						_, _ = io.WriteString(conn, "PONG\r\n")
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func scriptAddress(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], listener.Addr().String())
	if len(args) > 1 && args[1] == "taken" {
		ts.Defer(func() { _ = listener.Close() })
		return
	}
	ts.Check(listener.Close())
}

func running(ts *testscript.TestScript) map[string]*gexec.Session {
	return ts.Value("running").(map[string]*gexec.Session)
}

func scriptUp(ts *testscript.TestScript, _ bool, args []string) {
	cmd := command(daybook, append([]string{"up", "--listen", "127.0.0.1:0"}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	session, err := gexec.Start(cmd, nil, nil)
	ts.Check(err)
	ts.Defer(func() { session.Kill(); <-session.Exited })
	running(ts)[args[0]] = session
	// It is in the hints, printed after everything has been charged.
	listening := regexp.MustCompile(`export NATS_URL=(\S+)\n`)
	for deadline := time.Now().Add(patience); ; {
		if m := listening.FindSubmatch(session.Out.Contents()); m != nil {
			ts.Setenv("NATS_URL", string(m[1]))
			return
		}
		select {
		case <-session.Exited:
			ts.Fatalf("daybook up ended with status %d\n%s", session.ExitCode(), session.Err.Contents())
		case <-time.After(pollEvery):
		}
		if time.Now().After(deadline) {
			ts.Fatalf("daybook up has not come up\n%s", session.Err.Contents())
		}
	}
}

func scriptTerm(ts *testscript.TestScript, _ bool, args []string) {
	session := running(ts)[args[0]]
	session.Signal(syscall.SIGTERM)
	select {
	case <-session.Exited:
	case <-time.After(patience):
		ts.Fatalf("daybook up has not stopped\n%s", session.Err.Contents())
	}
	if status := session.ExitCode(); status != 0 {
		ts.Fatalf("daybook up ended with status %d\n%s", status, session.Err.Contents())
	}
}

// scriptBus connects to NATS_URL.
func scriptBus(ts *testscript.TestScript) (context.Context, *bus.Bus) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ts.Defer(cancel)
	b, err := bus.Connect(ctx, bus.Config{URL: ts.Getenv("NATS_URL"), Timeout: patience})
	ts.Check(err)
	ts.Defer(b.Close)
	return ctx, b
}

func scriptStreams(ts *testscript.TestScript, _ bool, args []string) {
	ctx, b := scriptBus(ts)
	for _, arg := range args {
		name, count, _ := strings.Cut(arg, "=")
		state, err := b.Stream(ctx, name)
		ts.Check(err)
		if found := strconv.FormatUint(state.Messages, 10); found != count {
			ts.Fatalf("%s holds %s messages, wanted %s", name, found, count)
		}
	}
}

func scriptQuarantined(ts *testscript.TestScript, _ bool, args []string) {
	ctx, b := scriptBus(ts)
	state, err := b.Stream(ctx, events.StreamQuarantine)
	ts.Check(err)
	for sequence := uint64(1); sequence <= state.Last; sequence++ {
		message, err := b.Get(ctx, events.StreamQuarantine, sequence)
		ts.Check(err)
		var q struct {
			File, Reason, Input string
			Line                json.Number
		}
		ts.Check(json.Unmarshal(message.Data, &q))
		if q.File == args[0] && q.Line.String() == args[1] && q.Reason != "" && q.Input != "" {
			ts.Logf("%s", q.Reason)
			return
		}
	}
	ts.Fatalf("QUARANTINE has no line %s of %s with a reason and the input", args[1], args[0])
}
