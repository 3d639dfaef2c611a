package file

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxSiblings = 100 // files beside a followed one that are looked at, the newest
	maxNumber   = 4   // digits of a number; longer ones are dates
)

// sibling is a file that a followed one may have become by a rotation: for app.log, app.log.1,
// app.log-20261130.gz, app-20261130.log.
type sibling struct {
	path   string
	info   os.FileInfo
	tag    string // what its name adds: a number or a date
	number int    // -1 for a date
	packed bool   // its name says that it is compressed
}

// siblings lists the files that a followed one may have become, the newest first. A file and its
// compressed copy are one.
func siblings(path string) []sibling {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil // then nothing is shown
	}
	var found []sibling
	for _, e := range entries {
		s, ok := tagged(base, e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if s.info, err = e.Info(); err == nil {
			s.path = folder + e.Name()
			found = append(found, s)
		}
	}
	all := slices.Clone(found)
	found = slices.DeleteFunc(found, func(s sibling) bool { // it is being compressed
		return s.packed && slices.ContainsFunc(all, func(o sibling) bool { return o.tag == s.tag && !o.packed })
	})
	slices.SortStableFunc(found, byAge(found))
	return found[:min(len(found), maxSiblings)]
}

// tagged reads a name as that of a sibling.
func tagged(base, name string) (s sibling, ok bool) {
	switch ext := filepath.Ext(name); ext {
	case ".gz", ".zst", ".bz2", ".xz":
		name, s.packed = strings.TrimSuffix(name, ext), true
	}
	rest, ok := strings.CutPrefix(name, base)
	if ext := filepath.Ext(base); !ok && ext != "" {
		if rest, ok = strings.CutPrefix(name, strings.TrimSuffix(base, ext)); ok {
			rest, ok = strings.CutSuffix(rest, ext)
		}
	}
	if !ok || len(rest) < 2 || !strings.Contains(".-_", rest[:1]) || rest[1] < '0' || rest[1] > '9' {
		return s, false
	}
	s.tag, s.number = rest[1:], -1
	if strings.Trim(s.tag, "0123456789TZ.:_+-") != "" {
		return s, false
	}
	if n, err := strconv.Atoi(s.tag); err == nil && len(s.tag) <= maxNumber {
		s.number = n
	}
	return s, true
}

// byAge compares siblings, the newer first: by their numbers, by their dates, or, where there are
// both, by the times of the last change.
func byAge(all []sibling) func(a, b sibling) int {
	dated := func(s sibling) bool { return s.number < 0 }
	switch {
	case !slices.ContainsFunc(all, dated):
		return func(a, b sibling) int { return cmp.Compare(a.number, b.number) }
	case !slices.ContainsFunc(all, func(s sibling) bool { return !dated(s) }):
		return func(a, b sibling) int { return compareNatural(b.tag, a.tag) }
	}
	return func(a, b sibling) int { return b.info.ModTime().Compare(a.info.ModTime()) }
}

// unchanged reports whether two listings are of the same files under the same names.
func unchanged(a, b []sibling) bool {
	return slices.EqualFunc(a, b, func(x, y sibling) bool { return x.path == y.path && os.SameFile(x.info, y.info) })
}

// newest is the time of the last change of the newest sibling.
func newest(all []sibling) (at time.Time) {
	for i := range all {
		if m := all[i].info.ModTime(); m.After(at) {
			at = m
		}
	}
	return at
}
