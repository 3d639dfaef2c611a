package file

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// tail reads a file, and when it follows says errDry at its end.
type tail struct {
	file   *os.File
	follow bool
	read   int64
}

// Read implements io.Reader.
func (t *tail) Read(b []byte) (int, error) {
	n, err := t.file.Read(b)
	t.read += int64(n)
	if t.follow && errors.Is(err, io.EOF) {
		err = errDry
	}
	return n, err
}

// rewound reports that a followed file has become shorter than the part read of it, and goes back
// to its start.
func (t *tail) rewound() (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("looking at the followed file: %w", err)
	}
	if info.Size() >= t.read {
		return false, nil
	}
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("going back to the start: %w", err)
	}
	t.read = 0
	return true, nil
}
