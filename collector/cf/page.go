package cf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// row is what tells one usage event from all others: guids repeat after a purge and reseed.
type row struct {
	guid    string
	created time.Time // zero where it cannot be read
	raw     []byte    // of the page
	// unreadable is what keeps it from being told from all others, and from being a cursor; nil for
	// all but broken events.
	unreadable error
}

// page is one answer of a list.
type page struct {
	rows  []row
	date  time.Time // by the API's clock, when it was answered
	short bool      // there are no more rows behind it
	body  []byte
}

// first returns the first event that can be told from others, nil when there is none.
func (p *page) first() *row {
	for i := range p.rows {
		if p.rows[i].unreadable == nil {
			return &p.rows[i]
		}
	}
	return nil
}

// last returns the last event that can be told from others, which is a cursor for what is behind
// it; nil when there is none.
func (p *page) last() *row {
	for i := len(p.rows) - 1; i >= 0; i-- {
		if p.rows[i].unreadable == nil {
			return &p.rows[i]
		}
	}
	return nil
}

// paths of the lists.
func listPath(list string) string {
	if list == events.ListService {
		return "/v3/service_usage_events"
	}
	return "/v3/app_usage_events"
}

// list asks for the page behind a guid, the first where it is empty, and reads it into p.
func (c *client) list(ctx context.Context, list, after string, p *page) error {
	query := url.Values{"page": {"1"}, "per_page": {strconv.Itoa(c.settings.PageSize)}}
	if after != "" {
		query.Set("after_guid", after)
	}
	err := c.get(ctx, listPath(list), query, func(a *answer) error {
		p.body = append(p.body[:0], a.body...)
		p.date = a.date
		var err error
		var more bool
		if p.rows, more, err = appendRows(p.rows[:0], p.body); err != nil {
			return err
		}
		if len(p.rows) > c.settings.PageSize {
			return fmt.Errorf("%w: it has %d events, %d were asked for", errDamaged, len(p.rows), c.settings.PageSize)
		}
		if more && len(p.rows) == 0 {
			return fmt.Errorf("%w: it has no events and says that there are more", errDamaged)
		}
		// something in between may give fewer events than were asked for
		p.short = len(p.rows) < c.settings.PageSize && !more
		return nil
	})
	var refused *statusError
	switch {
	case err == nil:
		c.renew()
	case errors.As(err, &refused) && refused.is(http.StatusNotFound, codeUnknown):
		err = fmt.Errorf("%w: is it a Cloud Controller with usage events in v3 of its API?", err)
	}
	return err
}

// one asks for a single event's created_at. Errors: *statusError with 404 when there is no such
// event.
func (c *client) one(ctx context.Context, list, guid string) (created time.Time, err error) {
	err = c.get(ctx, listPath(list)+"/"+url.PathEscape(guid), nil, func(a *answer) error {
		r := identify(a.body)
		if r.unreadable == nil && r.guid != guid {
			r.unreadable = errors.New("it is another event")
		}
		if r.unreadable != nil {
			return fmt.Errorf("%w: %w", errDamaged, r.unreadable)
		}
		created = r.created
		return nil
	})
	return created, err
}

// identify reads guid and created_at of an event, as far as they are there. It falls back on a less
// strict reader for JSON that may not be published: such an event is quarantined, and the cursor
// has to get past it.
func identify(raw []byte) row {
	d := jsondoc.Borrow()
	defer d.Return()
	r := row{raw: raw}
	var text string
	if err := d.Parse(raw); err == nil {
		r.guid, text = d.Root().Get("guid").Text(), d.Root().Get("created_at").Text()
	} else {
		var loose struct {
			GUID    string `json:"guid"`
			Created string `json:"created_at"`
		}
		if json.Unmarshal(raw, &loose) != nil {
			r.unreadable = fmt.Errorf("it is no JSON object with a guid and a created_at: %w", err)
			return r
		}
		r.guid, text = loose.GUID, loose.Created
	}
	created, ok := createdAt(text)
	if ok {
		r.created = created
	}
	switch {
	case r.guid == "":
		r.unreadable = errors.New("it has no guid")
	case !ok:
		r.unreadable = fmt.Errorf("its created_at is no time: %q", limit(text))
	}
	return r
}

// createdAt reads a time. One that is never reached is none, for the walk would wait for it for
// ever.
func createdAt(text string) (time.Time, bool) {
	t, err := events.ParseTime(text)
	return t, err == nil && t.Year() < lastYear
}

// appendRows cuts a page into its events. The whole page must be there, and what has no guid or no
// created_at must be JSON; what else stands in an event is looked at later. more reports that the
// page names a next one.
func appendRows(rows []row, body []byte) (_ []row, more bool, err error) {
	s := splitter{b: body}
	found := false
	err = s.object(func(key []byte) error {
		switch string(key) {
		case `"resources"`:
		case `"pagination"`:
			at := s.i
			err := s.value()
			var pagination struct {
				Next *json.RawMessage `json:"next"`
			}
			more = json.Unmarshal(s.b[at:s.i], &pagination) == nil && pagination.Next != nil
			return err
		default:
			return s.value()
		}
		found = true
		return s.array(func() error {
			r, err := s.row()
			rows = append(rows, r)
			return err
		})
	})
	if err == nil {
		if s.space(); s.i != len(body) {
			err = s.damaged("the end")
		}
	}
	if err == nil && !found {
		err = fmt.Errorf("%w: it has no resources", errDamaged)
	}
	return rows, more, err
}

// row moves past an event, and reads what identifies it.
func (s *splitter) row() (row, error) {
	start := s.i
	if start < len(s.b) && s.b[start] != '{' {
		if err := s.value(); err != nil {
			return row{}, err
		}
		return s.odd(start)
	}
	var guid, created []byte
	err := s.object(func(key []byte) error {
		at := s.i
		err := s.value()
		switch string(key) {
		case `"guid"`:
			guid = s.b[at:s.i]
		case `"created_at"`:
			created = s.b[at:s.i]
		}
		return err
	})
	if err != nil {
		return row{}, err
	}
	for s.b[s.i-1] != '}' {
		s.i-- // white space behind it
	}
	r := row{raw: s.b[start:s.i]}
	if plain(guid) && plain(created) {
		var ok bool
		if r.created, ok = createdAt(string(created[1 : len(created)-1])); ok {
			r.guid = string(guid[1 : len(guid)-1])
			return r, nil
		}
	}
	return s.odd(start)
}

// odd identifies the event between start and here, which is not as events are.
func (s *splitter) odd(start int) (row, error) {
	r := identify(bytes.TrimRight(s.b[start:s.i], " \t\r\n"))
	if r.unreadable != nil && !json.Valid(r.raw) {
		return row{}, fmt.Errorf("%w: an event in it is no JSON", errDamaged)
	}
	return r, nil
}

// plain reports whether the value is a string that stands for itself, and is not empty.
func plain(v []byte) bool {
	if len(v) < 3 || v[0] != '"' || v[len(v)-1] != '"' {
		return false
	}
	for _, c := range v {
		if c < ' ' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// splitter finds where the values of a JSON document end. It checks no more than it needs for that.
type splitter struct {
	b []byte
	i int
}

func (s *splitter) damaged(expected string) error {
	if s.i >= len(s.b) {
		return fmt.Errorf("%w: it ends after %d bytes, expected %s", errDamaged, len(s.b), expected)
	}
	return fmt.Errorf("%w: found %q at byte %d, expected %s", errDamaged, s.b[s.i], s.i, expected)
}

func (s *splitter) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// take moves past a byte, with the white space around it.
func (s *splitter) take(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	s.space()
	return true
}

func (s *splitter) object(member func(key []byte) error) error {
	if !s.take('{') {
		return s.damaged("a JSON object")
	}
	if s.take('}') {
		return nil
	}
	for {
		start := s.i
		if err := s.text(); err != nil {
			return err
		}
		key := s.b[start:s.i]
		if !s.take(':') {
			return s.damaged("':'")
		}
		if err := member(key); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.damaged("',' or '}'")
		}
	}
}

func (s *splitter) array(element func() error) error {
	if !s.take('[') {
		return s.damaged("a list")
	}
	if s.take(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.damaged("',' or ']'")
		}
	}
}

// text moves past a string.
func (s *splitter) text() error {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return s.damaged("a string")
	}
	for i := s.i + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			s.i = len(s.b)
			return s.damaged("the end of a string")
		}
		i += n
		escapes := 0
		for s.b[i-1-escapes] == '\\' {
			escapes++ // ends at the opening quote at the latest
		}
		i++
		if escapes%2 == 0 {
			s.i = i
			return nil
		}
	}
}

// value moves past any value.
func (s *splitter) value() error {
	start, depth := s.i, 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			if depth == 0 {
				if s.i == start {
					return s.damaged("a value")
				}
				return nil
			}
			depth--
			s.i++
		case ',':
			if depth == 0 {
				return nil
			}
			s.i++
		default:
			s.i++
			continue
		}
		if depth == 0 {
			return nil
		}
	}
	return s.damaged("the end of a value")
}
