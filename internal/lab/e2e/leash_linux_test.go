package e2e_test

import (
	"os/exec"
	"syscall"
)

// leash ends the command with the test, however the test ends: a test killed for its time cleans
// up nothing.
func leash(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
