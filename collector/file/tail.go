package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// How much of what was read of a followed file tells it from another one.
const (
	maxHead = 1 << 10 // first bytes
	maxLast = 256     // last bytes
)

// tail reads what stands under a followed name: one file from its making, or from its last cut, to
// the next one. It says errDry at its end. It is known by device and inode, by its first bytes, and
// by the last bytes that were read of it.
type tail struct {
	path    string
	file    *os.File // nil while there is none
	regular bool     // others cannot be looked at again
	follow  bool
	read    int64     // bytes
	line    uint32    // at read, where another content is read meanwhile
	head    []byte    // the first bytes read
	last    []byte    // the last bytes read
	changed bool      // other bytes stand where these stood
	left    bool      // another content is known to follow
	beside  []sibling // when nothing of it was read yet
	lost    string    // why facts may be missing before it; empty: none are
	misses  misses    // of the files before it
	away    error     // why the name cannot be looked at
}

// openTail opens a file, from its start.
func openTail(path string) (*tail, os.FileInfo, error) {
	f, err := os.Open(path) //nolint:gosec // reading the named files is the purpose
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name the files in it", path)
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, nil, err
	}
	return &tail{path: path, file: f, regular: info.Mode().IsRegular(), line: 1}, info, nil
}

// Read implements io.Reader. What is read of a file that changed meanwhile is not returned: it may
// be of another content, and look finds it.
func (t *tail) Read(b []byte) (n int, err error) {
	switch {
	case t.file == nil || t.changed:
		return 0, errDry
	case t.regular:
		n, err = t.file.ReadAt(b, t.read)
	default:
		n, err = t.file.Read(b)
	}
	if n == 0 {
		if t.follow && errors.Is(err, io.EOF) {
			err = errDry
		}
		return 0, err
	}
	if t.follow && t.regular {
		if t.read == 0 && !t.left && t.named() && slices.ContainsFunc(siblings(t.path), t.isNew) {
			return 0, errDry // another content was here, and went
		}
		if t.changed = !t.same(); t.changed {
			return 0, errDry
		}
	}
	t.note(b[:n])
	return n, nil
}

// note takes the next bytes read.
func (t *tail) note(b []byte) {
	if room := maxHead - len(t.head); room > 0 && int64(len(t.head)) == t.read {
		t.head = append(t.head, b[:min(len(b), room)]...)
	}
	t.last = append(t.last, b[max(0, len(b)-maxLast):]...)
	if over := len(t.last) - maxLast; over > 0 {
		t.last = t.last[:copy(t.last, t.last[over:])]
	}
	t.read += int64(len(b))
}

// same reports whether the bytes that were read stand where they stood.
func (t *tail) same() bool { return t.stands(t.head, 0) && t.stands(t.last, t.read-int64(len(t.last))) }

func (t *tail) stands(b []byte, at int64) bool {
	if len(b) == 0 {
		return true
	}
	now := make([]byte, len(b))
	n, err := t.file.ReadAt(now, at)
	return err != nil && !errors.Is(err, io.EOF) || bytes.Equal(now[:n], b)
}

// peek returns the next byte, if there is one.
func (t *tail) peek() (next byte, some bool) {
	if t.file == nil || !t.regular || t.changed {
		return 0, false
	}
	var b [1]byte
	n, _ := t.file.ReadAt(b[:], t.read) // reading comes to it again
	return b[0], n == 1
}

// isNew reports whether a sibling was not beside the file when nothing of that was read. An inode
// may have been used again.
func (t *tail) isNew(s sibling) bool {
	if own, err := t.stat(); err == nil && own != nil && os.SameFile(own, s.info) {
		return false // it was renamed
	}
	at := s.info.ModTime()
	return !at.Before(newest(t.beside)) && !slices.ContainsFunc(t.beside, func(o sibling) bool {
		return os.SameFile(o.info, s.info) && at.Equal(o.info.ModTime()) && s.info.Size() == o.info.Size()
	})
}

// stat is about the file; nil where there is none.
func (t *tail) stat() (os.FileInfo, error) {
	if t.file == nil {
		return nil, nil
	}
	return t.file.Stat()
}

// first returns the first bytes of the file, and its size.
func (t *tail) first(n int) (size int64, b []byte) {
	info, err := t.stat()
	if info == nil || err != nil {
		return 0, nil
	}
	b = make([]byte, n)
	n, _ = t.file.ReadAt(b, 0) // fewer are others
	return info.Size(), b[:n]
}

// whole is the file read to its end, by which its copies are known.
func (t *tail) whole() *tail {
	w := &tail{}
	w.read, w.head = t.first(maxHead)
	w.last = make([]byte, min(w.read, maxLast))
	n, _ := t.file.ReadAt(w.last, w.read-int64(len(w.last))) // fewer are others
	w.last = w.last[:n]
	return w
}

// named reports whether the file stands under its name.
func (t *tail) named() bool {
	named, err := os.Stat(t.path)
	if err != nil || t.file == nil {
		return false
	}
	now, err := t.file.Stat()
	return err == nil && os.SameFile(now, named)
}

// grown reports whether the file has more than was read of it. A nil tail has not.
func (t *tail) grown() bool {
	if t == nil || t.file == nil {
		return false
	}
	now, err := t.file.Stat()
	return err == nil && !t.changed && now.Size() > t.read
}

func (t *tail) close() {
	if t != nil && t.file != nil {
		_ = t.file.Close() // it was only read
	}
}
