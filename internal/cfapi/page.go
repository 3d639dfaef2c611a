package cfapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudfoundry/go-cfclient/v3/resource"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Times of events lie in these years: a time outside of them is a mistake, and a horizon at such a
// time would be cut for centuries.
const (
	FirstYear = 2000
	EndYear   = 2200 // the first year too late
)

// Event is one usage event, as far as identifying it needs. Guids repeat after a purge and reseed,
// so that guid and created_at together identify an event.
type Event struct {
	GUID    string
	Created time.Time // zero where it cannot be read
	Raw     []byte    // of the page
	// Unreadable says why the event cannot be identified, and so is no cursor; nil for all but
	// broken events.
	Unreadable error
}

// Page is one answer of a list.
type Page struct {
	Events []Event
	Date   time.Time // by the API's clock
	End    bool      // no events follow
	body   []byte
}

// First returns the first identified event, nil when there is none.
func (p *Page) First() *Event {
	for i := range p.Events {
		if p.Events[i].Unreadable == nil {
			return &p.Events[i]
		}
	}
	return nil
}

// Last returns the last identified event, nil when there is none. It is the cursor for the page
// behind this one.
func (p *Page) Last() *Event {
	for i := len(p.Events) - 1; i >= 0; i-- {
		if p.Events[i].Unreadable == nil {
			return &p.Events[i]
		}
	}
	return nil
}

// ListPath is the path of a list, events.ListApp or events.ListService.
func ListPath(list string) string {
	if list == events.ListService {
		return "/v3/service_usage_events"
	}
	return "/v3/app_usage_events"
}

// List reads the page behind the event with a guid into p, the first page where the guid is empty.
// It overwrites what p held. Errors are those of the package; Unprocessable reports one for a guid
// that the API does not know, among others.
func (c *Client) List(ctx context.Context, list, after string, p *Page) error {
	query := url.Values{"page": {"1"}, "per_page": {strconv.Itoa(c.settings.PageSize)}}
	if after != "" {
		query.Set("after_guid", after)
	}
	err := c.get(ctx, ListPath(list), query, func(a *answer) error { return p.read(a, c.settings.PageSize) })
	switch {
	case err == nil:
		c.Reset()
	case refusedWith(err, http.StatusNotFound, resource.IsNotFoundError):
		err = fmt.Errorf("%w: is it a Cloud Controller with usage events in v3 of its API?", err)
	}
	return err
}

func (p *Page) read(a *answer, size int) error {
	p.body = append(p.body[:0], a.body...)
	p.Date = a.date
	var err error
	var more bool
	if p.Events, more, err = appendEvents(p.Events[:0], p.body); err != nil {
		return err
	}
	if len(p.Events) > size {
		return fmt.Errorf("%w: it has %d events, %d were asked for", errDamaged, len(p.Events), size)
	}
	if more && len(p.Events) == 0 {
		return fmt.Errorf("%w: it has no events and says that there are more", errDamaged)
	}
	// A proxy or a limit of the API may shorten a page that is not the last.
	p.End = len(p.Events) < size && !more
	return nil
}

// Created asks for the created_at of one event. NotFound reports the error for an event that does
// not exist.
func (c *Client) Created(ctx context.Context, list, guid string) (created time.Time, err error) {
	err = c.get(ctx, ListPath(list)+"/"+url.PathEscape(guid), nil, func(a *answer) error {
		e := identify(a.body)
		if e.Unreadable == nil && e.GUID != guid {
			e.Unreadable = errors.New("it is another event")
		}
		if e.Unreadable != nil {
			return fmt.Errorf("%w: %w", errDamaged, e.Unreadable)
		}
		created = e.Created
		return nil
	})
	return created, err
}

// identify reads guid and created_at of an event, as far as they are there. It falls back on a less
// strict reader for JSON that may not be published: the collector quarantines such an event, and
// the cursor has to get past it.
func identify(raw []byte) Event {
	d := jsondoc.Borrow()
	defer d.Return()
	e := Event{Raw: raw}
	var text string
	if err := d.Parse(raw); err == nil {
		e.GUID, text = d.Root().Get("guid").Text(), d.Root().Get("created_at").Text()
	} else {
		var loose struct {
			GUID    string `json:"guid"`
			Created string `json:"created_at"`
		}
		if json.Unmarshal(raw, &loose) != nil {
			e.Unreadable = fmt.Errorf("it is no JSON object with a guid and a created_at: %w", err)
			return e
		}
		e.GUID, text = loose.GUID, loose.Created
	}
	created, ok := createdAt(text)
	if ok {
		e.Created = created
	}
	switch {
	case e.GUID == "":
		e.Unreadable = errors.New("it has no guid")
	case !ok:
		e.Unreadable = fmt.Errorf("its created_at is no time: %q", Excerpt(text))
	}
	return e
}

// Excerpt is the beginning of a value, short enough for an error.
func Excerpt(s string) string {
	if len(s) <= 60 {
		return s
	}
	return beginning(s, 60) + "…"
}

// createdAt reads a time. A time after EndYear is refused: a walk would wait for its event for
// ever.
func createdAt(text string) (time.Time, bool) {
	t, err := events.ParseTime(text)
	return t, err == nil && t.Year() < EndYear
}

// appendEvents cuts a page into its events. The whole page must be there. An event without a guid
// or a created_at must be JSON; the collector checks all others later. more reports that the page
// names a next one.
func appendEvents(all []Event, body []byte) (_ []Event, more bool, err error) {
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
			e, err := s.event()
			all = append(all, e)
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
	return all, more, err
}
