package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// UsageError is an error of the command line that the command itself finds.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// Terminal reports whether somebody may answer on the standard input.
func (e *Env) Terminal() bool {
	file, is := e.Stdin.(*os.File)
	if !is {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Ask asks a question on the standard error, and reports whether the answer is yes. Without an
// answer, at the end of the input, it is io.ErrUnexpectedEOF.
func (e *Env) Ask(question string) (yes bool, err error) {
	fmt.Fprintf(e.Stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(io.LimitReader(e.Stdin, maxAnswer)).ReadString('\n')
	if err != nil {
		fmt.Fprintln(e.Stderr)
		return false, io.ErrUnexpectedEOF
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 1 << 10
