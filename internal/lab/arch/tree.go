package arch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxTrackedBytes is the largest size of a file in git: a clone stays small, and a program built in
// the wrong folder is noticed.
const maxTrackedBytes = 1 << 20

// ErrNoGit is returned by Tracked for a folder that is no clone.
var ErrNoGit = errors.New("not a git repository")

// Tree is the files of the module, by path from its root with slashes.
type Tree struct {
	sizes   map[string]int64 // in bytes
	folders map[string]bool
}

// NewTree is a tree of the given files, with their sizes in bytes.
func NewTree(sizes map[string]int64) *Tree {
	t := &Tree{sizes: sizes, folders: map[string]bool{".": true}}
	for name := range sizes {
		for folder := path.Dir(name); !t.folders[folder]; folder = path.Dir(folder) {
			t.folders[folder] = true
		}
	}
	return t
}

// Tracked lists the files of a clone: tracked ones, and new ones outside .gitignore. Its error
// wraps exec.ErrNotFound on a machine without git.
func Tracked(ctx context.Context, root string) (*Tree, error) {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	var out, problems bytes.Buffer
	list.Stdout, list.Stderr = &out, &problems
	if err := list.Run(); err != nil {
		if strings.Contains(problems.String(), "not a git repository") {
			return nil, ErrNoGit
		}
		return nil, fmt.Errorf("git ls-files: %w: %s", err, problems.String())
	}
	sizes := map[string]int64{}
	for name := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			return nil, err
		}
		sizes[name] = info.Size()
	}
	return NewTree(sizes), nil
}

// TooLarge returns a complaint for each file over 1 MiB.
func (t *Tree) TooLarge() []string {
	var broken []string
	for name, size := range t.sizes {
		if size > maxTrackedBytes {
			broken = append(broken, fmt.Sprintf("%s: has %d bytes: tracked files have at most %d", name, size,
				maxTrackedBytes))
		}
	}
	slices.Sort(broken)
	return broken
}

// has reports whether there is such a file or folder, or a file for a pattern with *.
func (t *Tree) has(name string) bool {
	name = path.Clean(name)
	if _, file := t.sizes[name]; file || t.folders[name] {
		return true
	}
	if !strings.Contains(name, "*") {
		return false
	}
	for file := range t.sizes {
		if matched, err := path.Match(name, file); err == nil && matched {
			return true
		}
	}
	return false
}

// endsWith reports whether the path of some file or folder is name, or ends with it.
func (t *Tree) endsWith(name string) bool {
	if t.has(name) {
		return true
	}
	name = "/" + path.Clean(name)
	for file := range t.sizes {
		if strings.HasSuffix(file, name) {
			return true
		}
	}
	for folder := range t.folders {
		if strings.HasSuffix(folder, name) {
			return true
		}
	}
	return false
}

// top reports whether name is a folder at the root.
func (t *Tree) top(name string) bool {
	return !strings.Contains(name, "/") && name != "." && t.folders[name]
}
