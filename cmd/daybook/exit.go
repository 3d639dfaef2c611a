package main

import "fmt"

// exitStatus is the error of a command that has said everything, and ends with a status of its own.
type exitStatus int

// The exit statuses. A command line that is wrong has 2, any other error 1.
const (
	errReported   exitStatus = 1
	errIncomplete exitStatus = 3 // done, and something is unrated, held or quarantined
	errWaited     exitStatus = 4 // waited as long as it may
	errDiffers    exitStatus = 5 // a comparison differs
)

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// incompleteFlags are for a command whose result may be incomplete.
type incompleteFlags struct {
	AllowIncomplete bool `help:"End with status 0, not 3, when something is unrated, held or quarantined."`
}

// incomplete is the error of a result with so many parts unrated, held or quarantined.
func (f incompleteFlags) incomplete(parts int) error {
	if parts > 0 && !f.AllowIncomplete {
		return errIncomplete
	}
	return nil
}
