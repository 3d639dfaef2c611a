package bundle

import (
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
)

// Contents are what a bundle says. The lines of JSON end with a newline each.
type Contents struct {
	Statement  statement.Statement // whole: in one part
	Entries    []byte              // lines of events.Charge, by id
	Spans      []byte              // lines of span, by id
	Facts      []byte              // lines of fact, by sequence
	Catalogues map[string]string   // texts, by digest
	Terms      Terms
	Chains     []Chain
}

// Terms say which catalogues priced the entries.
type Terms struct {
	Versions []Version `json:"versions"`
	Terms    []Term    `json:"terms"` // a span names one by its index
}

// Version is the name of a catalogue version, with the digest of its text.
type Version struct {
	Version   string `json:"version"`
	Catalogue string `json:"catalogue"`
}

// Term is a version with those that priced runs before it, the latest first.
type Term struct {
	Version string   `json:"version"`
	Before  []Before `json:"before,omitempty"`
}

// Before is the version that priced up to a time.
type Before struct {
	Until   time.Time `json:"until"`
	Version string    `json:"version,omitempty"` // empty: none was in force
}

// Chain is the running digest of a stream.
type Chain struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Chain    string `json:"chain"` // of all messages up to this one, in hexadecimal
}

// fact is a message of USAGE. The body is a string: white space in it would break the line.
type fact struct {
	Sequence uint64 `json:"sequence"`
	Type     string `json:"type"`
	Body     string `json:"body"`
}

// spanLine appends a line of spans.jsonl.
func spanLine(b []byte, s *events.Span, term int) []byte {
	b = append(appendInt(append(b, `{"terms":`...), term), `,"span":`...)
	return append(s.AppendJSON(b), "}\n"...)
}

// prices is a Term with its catalogues.
type prices struct {
	version   string
	catalogue *catalogue.Catalogue
	border    *rating.Border
}

// prices are the terms with the catalogues of their versions.
func (t *Terms) prices(parsed map[string]*catalogue.Catalogue) []prices {
	named := map[string]*catalogue.Catalogue{}
	for _, v := range t.Versions {
		named[v.Version] = parsed[v.Catalogue]
	}
	all := make([]prices, len(t.Terms))
	for i, term := range t.Terms {
		all[i] = prices{version: term.Version, catalogue: named[term.Version]}
		to := &all[i].border
		for _, before := range term.Before {
			*to = &rating.Border{At: before.Until, Catalogue: named[before.Version]}
			to = &(*to).Before
		}
	}
	return all
}
