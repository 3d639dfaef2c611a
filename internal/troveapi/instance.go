package troveapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/redact"
)

// management is the beginning of the paths for the management.
const management = "/mgmt/"

// Instance is a database instance as Trove's API shows it: alone, a replica, or a member of a
// cluster.
type Instance struct {
	ID, Name  string
	Status    string // ACTIVE, BUILD, ERROR, …
	Tenant    string // the project's id
	FlavorID  string
	Datastore string // the name that the operator gave it; empty for a deleted instance
	Region    string // the compute service's
	// VolumeGB is not known where the instance has no volume (HasVolume), or Trove does not tell.
	HasVolume bool
	VolumeGB  events.Count
	// Created and Updated are zero in a project's list.
	Created, Updated time.Time
	// Deleted and DeletedAt are told to the management only, as is Task, such as "The instance is
	// building."; empty where it is not told.
	Deleted   bool
	DeletedAt time.Time
	Task      string
	// Raw is the JSON without links, addresses, passwords and tracebacks.
	Raw []byte
}

// Page is a list, with the platform's own times at its first and last answer.
type Page struct {
	Instances   []Instance // by id, each once
	Begun, Seen time.Time
}

// Flavor is a flavour.
type Flavor struct {
	ID, Name string
	MemoryMB events.Count
}

// List reads the living instances of a project, members of clusters included: page by page behind a
// marker, the id of the page's last instance, so that a deletion meanwhile moves nothing. A page
// may be short, or empty: an instance without a service status is left out of it.
func (c *Client) List(ctx context.Context, project string) (*Page, error) {
	return c.list(ctx, project, "/instances", url.Values{"include_clustered": {"true"}})
}

// Manage reads the living instances of all projects. Without "deleted" Trove would list those that
// were ever deleted, too. Trove 18 answers with one page, and a marker is followed all the same.
func (c *Client) Manage(ctx context.Context, project string) (*Page, error) {
	return c.list(ctx, project, management+"instances",
		url.Values{"include_clustered": {"true"}, "deleted": {"false"}})
}

func (c *Client) list(ctx context.Context, project, path string, query url.Values) (*Page, error) {
	out := &Page{}
	for n := 0; ; n++ {
		if n == maxPages {
			return nil, fmt.Errorf("GET %s: the list has more than %d pages", path, maxPages)
		}
		var rows []Instance
		var next string
		err := c.get(ctx, project, path, query, func(a *answer) (err error) {
			rows, next, err = readPage(a.body)
			if out.Seen = a.date; out.Begun.IsZero() {
				out.Begun = a.date
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		out.Instances = append(out.Instances, rows...)
		if next == "" {
			break
		}
		if next <= query.Get("marker") {
			return nil, fmt.Errorf("GET %s: behind marker %q comes marker %q: the pages go round in circles", path,
				query.Get("marker"), next)
		}
		query.Set("marker", next)
	}
	// The last row of an id is the newest.
	slices.Reverse(out.Instances)
	slices.SortStableFunc(out.Instances, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
	out.Instances = slices.CompactFunc(out.Instances, func(a, b Instance) bool { return a.ID == b.ID })
	out.Instances = slices.DeleteFunc(out.Instances, func(i Instance) bool { return i.Deleted })
	return out, nil
}

// Instance reads one living instance by a project's token. The management sees those of all
// projects by it.
func (c *Client) Instance(ctx context.Context, project, id string) (i *Instance, date time.Time, err error) {
	return c.one(ctx, project, "/instances/"+url.PathEscape(id), nil, id)
}

// Deleted reads one instance for the management, living or deleted.
func (c *Client) Deleted(ctx context.Context, project, id string) (i *Instance, date time.Time, err error) {
	return c.one(ctx, project, management+"instances/"+url.PathEscape(id), url.Values{"deleted": {"true"}}, id)
}

func (c *Client) one(ctx context.Context, project, path string, query url.Values, id string) (
	i *Instance, date time.Time, err error,
) {
	err = c.get(ctx, project, path, query, func(a *answer) error {
		var in struct {
			Instance json.RawMessage `json:"instance"`
		}
		if err := json.Unmarshal(a.body, &in); err != nil {
			return err
		}
		one, err := readInstance(in.Instance)
		if err == nil && one.ID != id {
			err = fmt.Errorf("it shows instance %q", one.ID)
		}
		i, date = &one, a.date
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return i, date, nil
}

// Flavours reads the flavours that a project may use.
func (c *Client) Flavours(ctx context.Context, project string) (all []Flavor, err error) {
	err = c.get(ctx, project, "/flavors", nil, func(a *answer) error {
		var in struct {
			Flavours []struct {
				ID   string `json:"str_id"`
				Name string `json:"name"`
				RAM  uint32 `json:"ram"`
			} `json:"flavors"`
		}
		if err := json.Unmarshal(a.body, &in); err != nil {
			return err
		}
		all = nil
		for _, f := range in.Flavours {
			all = append(all, Flavor{f.ID, redact.URLs(f.Name), events.Some(f.RAM)})
		}
		return nil
	})
	return all, err
}

// readPage reads a page of a list, and the marker of the next one. Only the marker of the link
// counts: Trove writes https and its own host into it, whatever stands before it.
func readPage(body []byte) (rows []Instance, next string, err error) {
	var in struct {
		Instances *[]json.RawMessage `json:"instances"`
		Links     []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, "", err
	}
	if in.Instances == nil {
		return nil, "", errors.New("it has no list of instances")
	}
	for n, raw := range *in.Instances {
		one, err := readInstance(raw)
		if err != nil {
			return nil, "", fmt.Errorf("instance %d of %d: %w", n+1, len(*in.Instances), err)
		}
		rows = append(rows, one)
	}
	for _, link := range in.Links {
		if link.Rel != "next" {
			continue
		}
		u, err := url.Parse(link.Href)
		if err != nil {
			return nil, "", fmt.Errorf("the link to the next page: %w", err)
		}
		if next = u.Query().Get("marker"); next == "" {
			return nil, "", errors.New("the link to the next page has no marker")
		}
	}
	return rows, next, nil
}

func readInstance(raw []byte) (Instance, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return Instance{}, err
	}
	var r jsondoc.Reader
	root := d.Root()
	i := Instance{
		ID:       r.NeedID(root, "", "id"),
		Name:     redact.URLs(r.Text(root, "", "name")),
		Status:   r.NeedText(root, "", "status"),
		Tenant:   r.ID(root, "", "tenant_id"),
		FlavorID: r.ID(r.Object(root, "", "flavor"), "flavor", "id"),
		Region:   redact.URLs(r.Text(root, "", "region")),
		Deleted:  isTrue(root.Get("deleted")),
		Task:     r.Text(root, "", "task_description"),
	}
	if store := root.Get("datastore"); store.Kind() == jsondoc.Object {
		i.Datastore = redact.URLs(r.Text(store, "datastore", "type"))
	}
	if volume := root.Get("volume"); volume.Kind() == jsondoc.Object {
		i.HasVolume, i.VolumeGB = true, r.Count(volume, "volume", "size")
	}
	i.Created, i.Updated, i.DeletedAt = stamp(&r, root, "created"), stamp(&r, root, "updated"),
		stamp(&r, root, "deleted_at")
	for _, text := range []string{i.ID, i.Tenant, i.FlavorID, i.Region, i.Datastore, i.Name} {
		if len(text) > limit.MaxID {
			return Instance{}, jsondoc.TooLong("instance")
		}
	}
	i.Raw = root.Append(nil, jsondoc.Edit{Drop: dropped, Text: redact.URLs})
	return i, r.Err()
}

// stamp reads a time: naive, in UTC. Null is none.
func stamp(r *jsondoc.Reader, of jsondoc.Value, key string) time.Time {
	text := r.Text(of, "", key)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 2000 && t.Year() < 2200 {
			return t.UTC()
		}
	}
	r.Fail(of.Get(key), "", key, "a time such as 2026-11-01T10:00:00, in UTC")
	return time.Time{}
}

// dropped tells whether a member is left out of Raw, at every depth: only known members stay.
func dropped(key []byte) bool {
	switch string(key) {
	case "id", "name", "status", "operating_status", "flavor", "datastore", "type", "version", "version_number",
		"region", "tenant_id", "volume", "size", "created", "updated", "service_status", "service_status_updated",
		"cluster_id", "shard_id", "replica_of", "replicas", "server_id", "volume_id", "deleted", "deleted_at",
		"task_description":
		return false
	}
	return true
}

func isTrue(v jsondoc.Value) bool { return v.Kind() == jsondoc.Bool && string(v.Raw()) == "true" }
