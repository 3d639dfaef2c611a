// Package demo is a small price list and months of believable input, for trying Daybook without a
// platform.
//
//   - catalogue.yaml prices everything in the other files.
//   - cloud-foundry.jsonl is October 2026 of one foundation with two orgs, Retail and Logistics, as
//     its v3 API lists the usage events. It is generated: go run ./internal/lab/demo/gen.
//   - trove.jsonl holds the example notifications of the Trove wiki page
//     "Trove/trove-notifications", one a line.
//   - trove-notifier.jsonl holds the page's create message as oslo.messaging's Notifier really sent
//     it, captured.
//   - trove-captures.jsonl holds the bodies of notifications captured from Trove 18.0.0's
//     taskmanager, verbatim; compressed ones, which are no lines of text, are left out. Three of
//     them (with no tenant, or no instance) belong in the quarantine.
//   - databases.jsonl and databases-late.jsonl are September to November 2026 of a database cloud
//     with one project, Bookshop, generated too. The first file goes up to OctoberClosed. The other
//     begins with the deletion of a database in October, which is a correction then, and ends with
//     a deletion of a database that nobody heard of before, which is held.
package demo

import (
	"embed"
	"fmt"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/names"
)

//go:generate go run ./gen -o .

//go:embed catalogue.yaml cloud-foundry.jsonl trove.jsonl trove-notifier.jsonl trove-captures.jsonl databases.jsonl databases-late.jsonl
var files embed.FS

// The orgs of cloud-foundry.jsonl, and the project of databases.jsonl. Events name them by guid
// only.
const (
	Retail    = "4e7a1100-0000-4000-8000-000000000001"
	Logistics = "10915700-0000-4000-8000-000000000002"
	Bookshop  = "b00c5a1e000040008000000000000003"
)

// The foundations of cloud-foundry.jsonl and of databases.jsonl.
const (
	foundation = "demo"
	databases  = "databases"
)

// Tenant is a tenant with its name, which a platform's directory has.
type Tenant struct {
	Source, Foundation, GUID, Name string
	Spaces                         map[string]string // names by guid
	Since                          time.Time
}

// Names are the observations of the tenant's name, and of its spaces' names.
func (t *Tenant) Names() map[names.Key]names.Observation {
	own := names.Tenant{Source: t.Source, Foundation: t.Foundation, GUID: t.GUID}
	seen := map[names.Key]names.Observation{{Tenant: own}: {Name: t.Name, Born: t.Since, Seen: t.Since}}
	for guid, name := range t.Spaces {
		seen[names.Key{Tenant: own, Space: guid}] = names.Observation{Name: name, Born: t.Since, Seen: t.Since}
	}
	return seen
}

// Tenants returns the tenants with a name.
func Tenants() []Tenant {
	since := time.Date(2026, 1, 12, 9, 0, 0, 0, time.UTC)
	return []Tenant{
		{
			Source: events.SourceCF, Foundation: foundation, GUID: Retail, Name: "retail", Since: since,
			Spaces: map[string]string{
				"4e7a1100-0000-4000-8000-0000000000a1": "production", "4e7a1100-0000-4000-8000-0000000000a2": "dev",
			},
		},
		{
			Source: events.SourceCF, Foundation: foundation, GUID: Logistics, Name: "logistics", Since: since,
			Spaces: map[string]string{
				"10915700-0000-4000-8000-0000000000a1": "production", "10915700-0000-4000-8000-0000000000a2": "sandbox",
			},
		},
		{Source: events.SourceTrove, Foundation: databases, GUID: Bookshop, Name: "bookshop", Since: since},
	}
}

// OctoberClosed is up to when databases.jsonl is complete: October is closed by then.
func OctoberClosed() time.Time { return time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC) }

// File is one file of input: a name, and one usage event or notification a line.
type File struct {
	Name       string
	Foundation string
	// Horizon is up to when the file is complete; nil for the newest time in it.
	Horizon *time.Time
	Data    []byte
}

// Files returns the input, in the order in which it is best collected.
func Files() []File {
	june := time.Date(2015, 6, 28, 5, 55, 0, 0, time.UTC) // between the page's first two messages
	july := time.Date(2015, 7, 11, 0, 0, 0, 0, time.UTC)  // soon after the page's last message
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	closed := OctoberClosed()
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	list := []File{
		{Name: "cloud-foundry.jsonl", Foundation: foundation, Horizon: &november},
		{Name: "trove-notifier.jsonl", Foundation: "trove-wiki", Horizon: &june},
		{Name: "trove.jsonl", Foundation: "trove-wiki", Horizon: &july},
		{Name: "trove-captures.jsonl", Foundation: "trove-18"},
		{Name: "databases.jsonl", Foundation: databases, Horizon: &closed},
		{Name: "databases-late.jsonl", Foundation: databases, Horizon: &december},
	}
	for i := range list {
		list[i].Data = read(list[i].Name)
	}
	return list
}

// Catalogue returns the price catalogue, a YAML file.
func Catalogue() []byte { return read("catalogue.yaml") }

func read(name string) []byte {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("demo: %s is not embedded: %v", name, err)) // the embed directive above names it
	}
	return data
}
