package cfapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// MaxRows is how many resources one list has at the most.
const MaxRows = 1_000_000

// Row is one resource of a list.
type Row struct {
	GUID    string
	Created time.Time
	Raw     []byte // valid until yield returns
}

// Listed is how a list was read.
type Listed struct {
	Rows int // different resources
	// Least and Most are the numbers of resources that the pages told. They differ where some were
	// made or deleted meanwhile.
	Least, Most int
	// Repeated is how many resources stood on a second page without need.
	Repeated int
}

// Moved reports whether the list was another one from page to page.
func (l *Listed) Moved() bool { return l.Least != l.Most || l.Rows != l.Least || l.Repeated > 0 }

// List reads a list of the inventory below /v3 to its end, and gives yield each resource once.
// included gets the resources beside a page's own, by their collection, before yield gets any of
// the page.
//
// It goes on from one page to the next by the time of creation, as Places does. The links to next
// pages count places: a deletion while they are followed moves a living resource onto a page that
// was read, and it is on none.
func (e *Errand) List(ctx context.Context, list string, query url.Values, included func(collection string, raw []byte),
	yield func(Row) error,
) (Listed, error) {
	w := &walk{size: e.c.settings.ListSize, seen: map[string]bool{}, edge: map[string]bool{}, number: 1}
	w.query = url.Values{"order_by": {"created_at"}, "per_page": {strconv.Itoa(w.size)}}
	for name, values := range query {
		w.query[name] = values
	}
	for {
		w.query.Set("page", strconv.Itoa(w.number))
		err := e.get(ctx, "/v3/"+list, w.query, w.read)
		if err != nil {
			return w.listed, err
		}
		more, err := w.take(included, yield)
		if err != nil {
			return w.listed, fmt.Errorf("GET /v3/%s: %w", list, err)
		}
		if !more {
			w.listed.Rows = len(w.seen)
			return w.listed, nil
		}
	}
}

// walk is the way through a list.
type walk struct {
	query  url.Values
	size   int
	page   Page
	beside []beside
	total  int

	seen   map[string]bool // guids
	edge   map[string]bool // of them, created at from: they come again
	from   time.Time
	number int
	listed Listed
	begun  bool
}

// beside is an included resource.
type beside struct {
	collection string
	raw        []byte
}

// read reads one page.
func (w *walk) read(a *answer) error {
	if err := w.page.read(a, w.size); err != nil {
		return err
	}
	w.beside, w.total = w.beside[:0], -1
	s := splitter{b: w.page.body}
	err := s.object(func(key []byte) error {
		at := s.i
		switch string(key) {
		case `"included"`:
			if s.i < len(s.b) && s.b[s.i] == '{' {
				return s.included(func(collection string, raw []byte) {
					w.beside = append(w.beside, beside{collection, raw})
				})
			}
		case `"pagination"`:
			err := s.value()
			w.total = totalOf(s.b[at:s.i])
			return err
		}
		return s.value()
	})
	if err == nil && w.total < 0 {
		err = fmt.Errorf("%w: it has no total_results", errDamaged)
	}
	return err
}

// take hands on a page, and reports whether another one follows.
func (w *walk) take(included func(collection string, raw []byte), yield func(Row) error) (more bool, err error) {
	for i := range w.beside {
		included(w.beside[i].collection, w.beside[i].raw)
	}
	told := w.total + len(w.seen) - len(w.edge)
	if !w.begun {
		w.begun, w.listed.Least, w.listed.Most = true, told, told
	}
	w.listed.Least, w.listed.Most = min(w.listed.Least, told), max(w.listed.Most, told)
	for i := range w.page.Events {
		row := &w.page.Events[i]
		switch {
		case row.Unreadable != nil:
			return false, row.Unreadable
		case w.edge[row.GUID]:
			continue
		case w.seen[row.GUID]:
			w.listed.Repeated++
			continue
		case len(w.seen) >= MaxRows:
			return false, fmt.Errorf("the list has more than %d rows", MaxRows)
		}
		w.seen[row.GUID] = true
		if row.Created.Equal(w.from) {
			w.edge[row.GUID] = true
		}
		if err := yield(Row{row.GUID, row.Created, row.Raw}); err != nil {
			return false, err
		}
	}
	last := w.page.Last()
	switch {
	case w.page.End || last == nil:
		return false, nil
	case last.Created.After(w.from):
		w.from, w.number = last.Created, 1
		w.query.Set(CreatedAts+"[gte]", w.from.UTC().Format(queryTime))
		clear(w.edge)
		for i := range w.page.Events {
			if row := &w.page.Events[i]; row.Created.Equal(w.from) {
				w.edge[row.GUID] = true
			}
		}
	default: // a whole page of one second
		w.number++
	}
	return true, nil
}

// included gives yield each included resource.
func (s *splitter) included(yield func(collection string, raw []byte)) error {
	return s.object(func(key []byte) error {
		if s.i >= len(s.b) || s.b[s.i] != '[' {
			return s.value()
		}
		collection := string(key[1 : len(key)-1])
		return s.array(func() error {
			at := s.i
			err := s.value()
			yield(collection, s.b[at:s.i])
			return err
		})
	})
}

// totalOf is the number of resources that a page tells, -1 for none.
func totalOf(pagination []byte) int {
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(pagination) != nil {
		return -1
	}
	n, err := wholeNumber(d.Root().Get("total_results"))
	if err != nil {
		return -1
	}
	return int(n)
}

func wholeNumber(v jsondoc.Value) (int64, error) {
	if v.Kind() != jsondoc.Number {
		return 0, errNoNumber
	}
	n, err := strconv.ParseInt(string(v.Raw()), 10, 64)
	if err != nil || n < 0 {
		return 0, errNoNumber
	}
	return n, nil
}

// UnknownEndpoint reports whether Cloud Controller itself knows no such path.
func UnknownEndpoint(err error) bool {
	return refusedWith(err, http.StatusNotFound, resource.IsNotFoundError)
}
