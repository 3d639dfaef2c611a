package statements

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
)

// Limits of the lists in one statement: elements, and their texts in bytes.
const (
	maxListed = 100
	maxText   = 500
)

// Draft gathers what a statement says. The zero value is an empty one.
type Draft struct {
	sums     Sums
	ids      []entry
	text     []byte // the JSON lines of the entries, behind one another
	Held     []statement.Unbilled
	Unrated  []statement.Unbilled
	Gaps     []statement.Gap
	Unlisted int // holds beside Held, of which only the number is known
	// Concerned is set once anything of the month itself is in it.
	Concerned bool
}

// entry is the place of an entry in the text.
type entry struct {
	id       string
	from, to int
}

// Add adds an entry.
func (d *Draft) Add(c *events.Charge, price Price) {
	d.sums.Add(c, price)
	d.Concerned = true
	from := len(d.text)
	d.text = AppendEntry(d.text, c)
	d.ids = append(d.ids, entry{c.ID, from, len(d.text)})
}

// AppendEntry appends an entry as the digest has it: the JSON of the charge without its name, which
// may be erased, and a newline.
func AppendEntry(b []byte, c *events.Charge) []byte {
	nameless := *c
	nameless.Name = ""
	return append(nameless.AppendJSON(b), '\n')
}

// Statement is the statement of the draft, with the names, the revision and the horizon of a frame.
func (d *Draft) Statement(frame *statement.Statement) statement.Statement {
	x := *frame
	x.ID, x.Parts = id(&x), 1
	d.state(&x)
	x.Held, x.HeldOmitted = listed(d.Held)
	x.HeldOmitted += uint32(d.Unlisted) //nolint:gosec // far below 2^32
	x.Unrated, x.UnratedOmitted = listed(d.Unrated)
	x.Gaps = slices.Clone(d.Gaps)
	slices.SortFunc(x.Gaps, func(a, b statement.Gap) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.List, b.List))
	})
	n := min(len(x.Gaps), maxListed)
	x.Gaps, x.GapsOmitted = x.Gaps[:n], uint32(len(x.Gaps)-n) //nolint:gosec // far below 2^32
	for i := range x.Gaps {
		x.Gaps[i].List, x.Gaps[i].Reason = short(x.Gaps[i].List), short(x.Gaps[i].Reason)
	}
	return x
}

// state states the entries and their sums.
func (d *Draft) state(x *statement.Statement) {
	x.Entries, x.Digest = uint64(len(d.ids)), d.digest()
	d.sums.Settle(x)
}

// id is the id of a statement or a credit note: the same however often it is derived.
func id(x *statement.Statement) string {
	what := "statement"
	if x.CreditNote() {
		what = "credit note"
	}
	return events.ID(what, x.Source, x.Foundation, x.Tenant, x.Month, strconv.FormatUint(uint64(x.Revision), 10))
}

// digest is the SHA-256 over the entries, sorted by id.
func (d *Draft) digest() string {
	slices.SortFunc(d.ids, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	sum := sha256.New()
	for _, e := range d.ids {
		sum.Write(d.text[e.from:e.to])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// listed are the first ones of a list, by start.
func listed(all []statement.Unbilled) (first []statement.Unbilled, omitted uint32) {
	first = slices.Clone(all)
	slices.SortFunc(first, func(a, b statement.Unbilled) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource),
			a.End.Compare(b.End), cmp.Compare(a.Reason, b.Reason))
	})
	n := min(len(first), maxListed)
	first, omitted = first[:n], uint32(len(first)-n) //nolint:gosec // far below 2^32
	for i := range first {
		first[i].Resource, first[i].Reason = short(first[i].Resource), short(first[i].Reason)
	}
	return first, omitted
}
