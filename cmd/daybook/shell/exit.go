package shell

import "fmt"

// ExitStatus is the error of a command that has said everything, and ends with a status of its own.
type ExitStatus int

// The exit statuses. A command line that is wrong has 2, any other error 1.
const (
	ErrReported   ExitStatus = 1
	ErrIncomplete ExitStatus = 3 // done, and something is unrated, held or quarantined
	ErrWaited     ExitStatus = 4 // waited as long as it may
	ErrDiffers    ExitStatus = 5 // a comparison differs
)

// Error implements error.
func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Allowance is the flag of a command whose result may be incomplete.
type Allowance struct {
	AllowIncomplete bool `help:"End with status 0, not 3, when something is unrated, held or quarantined."`
}

// Incomplete is the error of a result with so many parts unrated, held or quarantined.
func (f Allowance) Incomplete(parts int) error {
	if parts > 0 && !f.AllowIncomplete {
		return ErrIncomplete
	}
	return nil
}
