package cfapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Lists of places.
const (
	Organizations = "organizations"
	Spaces        = "spaces"
)

// Columns of a place for the changes since a time. A new place may have none of updated_at.
const (
	CreatedAts = "created_ats"
	UpdatedAts = "updated_ats"
)

// Place is an organization or a space.
type Place struct {
	GUID         string
	Name         string
	Organization string // guid of a space's; empty for an organization
	Created      time.Time
	Updated      time.Time // zero where nothing was ever changed
	Seen         time.Time // by the API's clock
}

// maxPlaces is how many places one listing has at the most.
const maxPlaces = 500_000

// Places gives yield the organizations, or the spaces. With since they are those with a change in
// this column, created_ats or updated_ats, at that time or later; without it all of them. A place
// may come twice. It goes on from one page to the next by the time of creation: pages by number
// would shift, and leave one out, where another is deleted meanwhile. Errors are those of the
// package, and of yield.
func (c *Client) Places(ctx context.Context, list, column string, since time.Time, yield func(Place) error) error {
	query := url.Values{"order_by": {"created_at"}, "per_page": {strconv.Itoa(c.settings.PageSize)}}
	if !since.IsZero() {
		query.Set(column+"[gte]", since.UTC().Format(queryTime))
	}
	p := &Page{}
	from, number := time.Time{}, 1
	for n := 0; ; {
		query.Set("page", strconv.Itoa(number))
		err := c.get(ctx, "/v3/"+list, query, func(a *answer) error { return p.read(a, c.settings.PageSize) })
		if err != nil {
			return err
		}
		c.Reset()
		for i := range p.Events {
			place, err := placeOf(list, &p.Events[i], p.Date)
			if err != nil {
				return fmt.Errorf("GET /v3/%s: %w", list, err)
			}
			if err := yield(place); err != nil {
				return err
			}
		}
		if n += len(p.Events); n > maxPlaces {
			return fmt.Errorf("GET /v3/%s: the list has more than %d rows", list, maxPlaces)
		}
		last := p.Last()
		switch {
		case p.End || last == nil:
			return nil
		case last.Created.After(from):
			from, number = last.Created, 1
			query.Set(CreatedAts+"[gte]", from.UTC().Format(queryTime))
		default: // a whole page of one second
			number++
		}
	}
}

// queryTime is the one form of a time in a query. Source: cloud_controller_ng,
// app/messages/validators.rb, TimestampValidator.
const queryTime = "2006-01-02T15:04:05Z"

// placeOf reads one row of a list.
func placeOf(list string, e *Event, seen time.Time) (Place, error) {
	if e.Unreadable != nil {
		return Place{}, e.Unreadable
	}
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(e.Raw); err != nil {
		return Place{}, err
	}
	row := d.Root()
	p := Place{GUID: e.GUID, Name: row.Get("name").Text(), Created: e.Created, Seen: seen}
	if updated, ok := createdAt(row.Get("updated_at").Text()); ok {
		p.Updated = updated
	}
	if list == Spaces {
		p.Organization = row.Get("relationships").Get("organization").Get("data").Get("guid").Text()
	}
	if p.Name == "" || list == Spaces && p.Organization == "" {
		return Place{}, errors.New("a row has no name, or no organization")
	}
	return p, nil
}
