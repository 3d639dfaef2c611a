// Package paas reads the prices of alphagov/paas-billing, a config.json, and writes them as a
// catalogue.
//
// # What becomes of a plan
//
// A plan_guid is the id of a service plan in its broker's catalogue, so that one price list serves
// several foundations; usage events name a service plan by its guid in one foundation. The pages of
// /v3/service_plans join the two: a plan gets an entry for each guid with its id. Four plan_guids
// stand for kinds of resources: app, task, staging, and any service without a plan of its own.
//
// The catalogue keeps plan_guid and each formula as it was written, in a component marked dialect:
// paas-billing. Each month begins anew (restart: month), as in paas-billing. Sizes of a service's
// plan become its defaults. Apps, tasks and stagings have sizes of their own there, and no storage.
//
// # Notes
//
// A note is a difference between paas-billing and Daybook that matters to a plan, with its place in
// the file. docs/catalogue.md has the differences that matter to all of them.
package paas

import "fmt"

// MaxConfig and MaxPages are how many bytes a config.json and a file of pages may have.
const (
	MaxConfig = 16 << 20
	MaxPages  = 64 << 20
)

// The plan_guids that stand for a kind of resource.
const (
	appGUID     = "f4d4b95a-f55e-4593-8d54-3364c25798c4"
	taskGUID    = "ebfa9453-ef66-450c-8c37-d53dfd931038"
	stagingGUID = "9d071c77-7a68-4346-9981-e8dafac95b6f"
	unknownGUID = "d5091c33-2f9d-4b15-82dc-4ad69717fc03"
)

// Note is a difference that matters to a place in a file.
type Note struct {
	File    string
	Line    int // from 1
	Column  int // in characters, from 1
	Message string
}

// String writes file:line:column: message.
func (n *Note) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", n.File, n.Line, n.Column, n.Message)
}

// Prices are a price list of paas-billing as a catalogue.
type Prices struct {
	Catalogue []byte // YAML
	Plans     int    // how many entries of plans it has
	Notes     []Note
}
