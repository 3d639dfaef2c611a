package file

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	patience = 3                      // looks for what must be somewhere
	stay     = 500 * time.Millisecond // the least time of these looks
	tries    = 10                     // listings of a folder in one look
)

// misses counts looks without their finding. On a busy machine the renaming of files may stop in
// mid-way.
type misses struct {
	looks int
	since time.Time
}

// more counts a look, and reports whether another one is worth while.
func (m *misses) more() bool {
	if m.looks++; m.looks == 1 {
		m.since = time.Now()
	}
	return m.looks < patience || time.Since(m.since) < stay
}

// passage is the way from the end of one content of a followed name to the next.
type passage struct {
	parts []*part // to be read first, in order
	next  *tail   // what stands under the name
}

// look looks, at the end of what was read, whether the name stands for the same content as before.
// If not, it returns the way to the content that it stands for; nil while that is not known.
func (t *tail) look() (*passage, error) {
	if !t.regular {
		return nil, nil
	}
	named, err := os.Stat(t.path)
	if t.away = err; err != nil {
		return nil, nil //nolint:nilerr // renamed, and not made anew, or its folder is away for a while
	}
	if t.file == nil {
		return t.appeared()
	}
	now, err := t.file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking at the followed file: %w", err)
	case !os.SameFile(now, named):
		return t.turned(now, false)
	case now.Size() < t.read || !t.same():
		return t.turned(now, true)
	}
	t.changed, t.misses = false, misses{}
	if t.read == 0 {
		return t.behind(now)
	}
	return nil, nil
}

// appeared opens the file that had no name before.
func (t *tail) appeared() (*passage, error) {
	next, _, err := openTail(t.path)
	if t.away = err; err != nil {
		return nil, nil //nolint:nilerr // said, and tried again
	}
	next.follow, next.beside, next.lost = true, t.beside, t.lost
	return &passage{next: next}, nil
}

// behind finds the contents that came and went while the file was empty at each look. current is
// about the file: siblings of a file renamed meanwhile may be newer.
func (t *tail) behind(current os.FileInfo) (*passage, error) {
	if !slices.ContainsFunc(siblings(t.path), t.isNew) {
		return nil, nil
	}
	known := map[string]bool{}
	c, settled := t.chain(current, func(s *sibling, _ *part) (found, short bool) {
		known[s.path] = !t.isNew(*s)
		return false, false
	})
	if !settled {
		return nil, nil
	}
	p := &passage{next: t}
	for _, one := range c.between {
		if known[one.name] {
			one.close()
		} else {
			p.parts = append(p.parts, one)
		}
	}
	if len(p.parts) > 0 && len(t.beside) > 0 && !t.kept(c.all) && !p.parts[0].at.Equal(newest(t.beside)) {
		p.parts[0].lost = "the files that were beside it are gone" // else one was compressed meanwhile
	}
	t.beside = c.all
	if len(p.parts) == 0 {
		return nil, nil
	}
	return p, nil
}

// kept reports whether one of the files that were beside it still is.
func (t *tail) kept(now []sibling) bool {
	return slices.ContainsFunc(now, func(s sibling) bool {
		return slices.ContainsFunc(t.beside, func(o sibling) bool { return os.SameFile(o.info, s.info) })
	})
}

// turned finds the way from the content that was read to the one under the name: another file, or
// the same one cut and written anew.
func (t *tail) turned(now os.FileInfo, cut bool) (*passage, error) {
	next, current, err := openTail(t.path)
	if t.away = err; err != nil {
		return nil, nil //nolint:nilerr // said, and tried again
	}
	if os.SameFile(now, current) != cut {
		next.close() // renamed meanwhile
		return nil, nil
	}
	c, settled := t.after(now, current, cut)
	if !settled || (!c.found || c.hole != "") && t.misses.more() { // it may have another name in a moment
		c.close()
		next.close()
		return nil, nil
	}
	next.follow, next.beside = true, c.all
	if !cut && current.Size() == 0 { // who writes it has not turned to it yet
		var newest *tail
		if c.found {
			newest = c.writing(t.path)
		}
		if newest == nil && (!c.found || len(c.between) == 0) {
			c.close()
			next.close()
			return nil, nil
		}
		if newest != nil {
			next.close()
			next = newest
		}
	}
	t.left = true
	p := t.passage(&c, next, cut)
	if cut {
		t.close()
		t.changed = true
	}
	return p, nil
}

// passage is the way along a chain to the next content; what cannot be shown is said.
func (t *tail) passage(c *chain, next *tail, cut bool) *passage {
	if !c.found { // any of them may be older than what was read
		c.close()
		c.between = nil
	}
	p := &passage{c.between, next}
	switch {
	case !c.found && cut:
		p.lose("it was cut, and no copy of what was read stands beside it")
	case !c.found:
		p.lose("it was replaced, and what was read does not stand beside it")
	case c.short && cut:
		p.lose(shortCopy(c.own))
	case c.hole != "":
		p.lose(c.hole)
	}
	switch {
	case !cut:
		p.parts = slices.Insert(p.parts, 0, &part{name: t.path, live: t, own: true})
	case c.found && !c.short:
		c.own.own = true
		p.parts = slices.Insert(p.parts, 0, c.own)
		c.own = nil
	}
	if c.own != nil {
		c.own.close()
	}
	return p
}

// shortCopy says what is lost with a copy that ends too early.
func shortCopy(p *part) string {
	return p.name + " is a copy of it that ends before what was read: lines were written between copy and cut"
}

// after finds the siblings that are newer than what was read, behind that one. now is about the
// file that was read, current about the one under the name.
func (t *tail) after(now, current os.FileInfo, cut bool) (c chain, settled bool) {
	known := t
	if !cut {
		known = t.whole()
	}
	if known.read > 0 {
		return t.chain(current, func(s *sibling, p *part) (found, short bool) {
			if !cut && os.SameFile(s.info, now) {
				return true, false
			}
			return p.holds(known)
		})
	}
	// One empty file is like another: those changed as late as this one are taken for newer.
	at, last := now.ModTime(), false
	c, settled = t.chain(current, func(s *sibling, p *part) (found, short bool) {
		_, some := p.peek()
		last = !some && p.err == nil && p.at.Equal(at)
		return os.SameFile(s.info, now) || s.info.ModTime().Before(at), false
	})
	c.found = c.found || last
	return c, settled
}

// lose says that facts may be missing before the first content of the passage.
func (p *passage) lose(reason string) {
	if len(p.parts) > 0 {
		p.parts[0].lost = reason
	} else {
		p.next.lost = reason
	}
}

// chain is a row of siblings.
type chain struct {
	found   bool
	short   bool    // the found one ends before what was read
	own     *part   // the found one
	between []*part // the newer ones, the oldest first; none where nothing is found
	hole    string  // which one is missing among them
	all     []sibling
}

func (c *chain) close() {
	if c.own != nil {
		c.own.close()
	}
	for _, p := range c.between {
		p.close()
	}
}

// writing takes the newest file out of the row, and follows it: it may still be written. It is nil
// where that is compressed, or there is none.
func (c *chain) writing(path string) *tail {
	if len(c.between) == 0 {
		return nil
	}
	last := c.between[len(c.between)-1]
	if last.err != nil || !last.plain.isPlain {
		return nil
	}
	c.between = c.between[:len(c.between)-1]
	return &tail{
		path: path, file: last.file, regular: true, follow: true, line: 1, beside: c.all, lost: last.lost,
	}
}

// chain finds one sibling, from the newest on, and those that are newer. It is not settled while
// they are being renamed. current is the file under the name; nil: there is none, or it does not
// matter.
func (t *tail) chain(current os.FileInfo, is func(*sibling, *part) (found, short bool)) (c chain, settled bool) {
	for range tries {
		if c, settled = t.tryChain(current, is); settled {
			return c, true
		}
		c.close()
	}
	return chain{}, false
}

func (t *tail) tryChain(current os.FileInfo, is func(*sibling, *part) (found, short bool)) (c chain, settled bool) {
	all := siblings(t.path)
	for i := range all {
		s := &all[i]
		if current != nil && os.SameFile(s.info, current) {
			return c, false
		}
		p, err := openPart(s)
		switch {
		case errors.Is(err, errMoved), errors.Is(err, os.ErrNotExist):
			return c, false
		case err != nil:
			p = &part{name: s.path, err: fmt.Errorf("%s cannot be read: %w", s.path, err)}
		}
		if c.found, c.short = is(s, p); c.found {
			c.own = p
			c.hole = hole(all[:i+1])
			break
		}
		if p.err == nil {
			p.err = p.again()
		}
		c.between = append(c.between, p)
	}
	if !unchanged(all, siblings(t.path)) {
		return c, false
	}
	if current != nil {
		if named, err := os.Stat(t.path); err != nil || !os.SameFile(named, current) {
			return c, false
		}
	}
	c.all = all
	slices.Reverse(c.between)
	return c, true
}

// hole tells which number is missing in a row of siblings.
func hole(row []sibling) string {
	for i := 1; i < len(row); i++ {
		if a, b := row[i-1].number, row[i].number; a >= 0 && b > a+1 {
			return fmt.Sprintf("there is a %s and a %s, and nothing between them", row[i-1].path, row[i].path)
		}
	}
	return ""
}
