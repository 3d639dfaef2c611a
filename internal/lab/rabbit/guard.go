package rabbit

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard ends a broker's processes when this process ends, however it ends: nobody can clean up
// behind SIGKILL but another process.
//
// It is two shells that read from pipes of which only this process holds the other ends, so that
// they read to the end when it is gone. One leads the process group that all of the broker's
// processes are started in, and kills it. The other then removes the folder.
type guard struct {
	leader, cleaner *exec.Cmd
	leashes         []io.Closer // the shells' inputs
}

// cleanTime is how long the folder is kept for processes that are being killed, in tenths of a
// second.
const cleanTime = 100

func startGuard(folder string) (_ *guard, err error) {
	g := &guard{}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.leader, err = g.start("cat >/dev/null; kill -9 0"); err != nil {
		return nil, err
	}
	// The shell's kill takes no "--" where it is dash.
	g.cleaner, err = g.start(fmt.Sprintf("cat >/dev/null; n=0; "+
		"while kill -0 -%d 2>/dev/null && [ $n -lt %d ]; do sleep 0.1; n=$((n+1)); done; rm -rf '%s'",
		g.group(), cleanTime, folder))
	return g, err
}

// start starts a shell that leads a process group of its own, so that a signal to this process's
// group does not reach it.
func (g *guard) start(script string) (*exec.Cmd, error) {
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

// group is the process group that the guard kills.
func (g *guard) group() int { return g.leader.Process.Pid }

// close kills what is left in the group, and ends the guard.
func (g *guard) close() {
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
