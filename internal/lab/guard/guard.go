// Package guard ends the servers of a test with the process of the test, however that ends.
package guard

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Guard ends a server's processes when this process ends, however it ends: nobody can clean up
// behind SIGKILL but another process.
//
// It is two shells. Each reads from a pipe, and only this process holds the other end, so that the
// pipe ends when the process is gone. One shell leads the process group of all of the server's
// processes, and kills it. The other then removes the folder.
type Guard struct {
	leader, cleaner *exec.Cmd
	leashes         []io.Closer // the shells' inputs
}

// cleanTime is the longest wait for the processes' end before the folder is removed, in tenths of a
// second.
const cleanTime = 100

// Keep starts a guard of the processes in its group alone: their folder stays.
func Keep() (*Guard, error) { return start("") }

// Start starts a guard of the processes in its group, and of a folder.
func Start(folder string) (*Guard, error) {
	return start(fmt.Sprintf("; rm -rf '%s'", folder))
}

func start(behind string) (_ *Guard, err error) {
	g := &Guard{}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if g.leader, err = g.start("cat >/dev/null; kill -9 0"); err != nil {
		return nil, err
	}
	// The shell's kill takes no "--" where it is dash.
	g.cleaner, err = g.start(fmt.Sprintf("cat >/dev/null; n=0; "+
		"while kill -0 -%d 2>/dev/null && [ $n -lt %d ]; do sleep 0.1; n=$((n+1)); done%s",
		g.Group(), cleanTime, behind))
	return g, err
}

// start starts a shell in a process group of its own: a signal to this process's group does not
// reach it.
func (g *Guard) start(script string) (*exec.Cmd, error) {
	c := exec.Command("/bin/sh", "-c", script) //nolint:gosec,noctx // our own script; it ends with this process
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	leash, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	g.leashes = append(g.leashes, leash)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return c, nil
}

// Group is the process group for the server.
func (g *Guard) Group() int { return g.leader.Process.Pid }

// Close kills the rest of the group, and ends the guard.
func (g *Guard) Close() {
	for _, c := range []*exec.Cmd{g.cleaner, g.leader} { // the cleaner first, for it does not clean now
		if c != nil {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			_ = c.Wait()
		}
	}
	for _, l := range g.leashes {
		_ = l.Close()
	}
}
