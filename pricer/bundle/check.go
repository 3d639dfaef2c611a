package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// Report is what Check has found.
type Report struct {
	Statement statement.Statement
	Checks    []Finding // in order
}

// Finding is one thing that was checked.
type Finding struct {
	What     string
	Problems []string // the first ones
	More     int      // how many problems are not listed
}

// maxProblems is how many problems a finding lists.
const maxProblems = 10

// Right reports whether nothing differs.
func (r *Report) Right() bool {
	return !slices.ContainsFunc(r.Checks, func(f Finding) bool { return len(f.Problems) > 0 })
}

func (f *Finding) problem(format string, args ...any) {
	if len(f.Problems) == maxProblems {
		f.More++
		return
	}
	f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
}

// Check checks a bundle: its files, its signature by a key that is known (or, where that is nil,
// by its own), and the statement. It stops at a file or a signature that is wrong. Error:
// ErrUnreadable.
func Check(r io.ReadSeeker, public ed25519.PublicKey) (*Report, error) {
	o, err := open(r)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	signed, err := o.signature(public)
	if err != nil {
		return nil, err
	}
	if report.Checks = append(report.Checks, *signed); !report.Right() {
		return report, nil
	}
	files, err := o.manifest()
	if err != nil {
		return nil, err
	}
	if report.Checks = append(report.Checks, *files); !report.Right() {
		return report, nil
	}
	if err := report.Statement.DecodeJSON(o.text[fileStatement]); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", fileStatement, err, ErrUnreadable)
	}
	c, err := newChecker(o, &report.Statement)
	if err != nil {
		return nil, err
	}
	if err := c.read(r); err != nil {
		return nil, err
	}
	c.lines()
	report.Checks = append(report.Checks, c.entries, c.charges, c.sums, c.evidence)
	return report, nil
}

// signature checks the signature.
func (o *opened) signature(public ed25519.PublicKey) (*Finding, error) {
	f := &Finding{What: "signature: the bundle is unsigned"}
	if o.text[fileSignature] == nil {
		if public != nil {
			f.problem("it is to be signed by %s", Fingerprint(public))
		}
		return f, nil
	}
	var s signature
	if err := o.strict(fileSignature, &s); err != nil {
		return nil, err
	}
	if s.Algorithm != algorithm || len(s.PublicKey) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%s has no ed25519 signature: %w", fileSignature, ErrUnreadable)
	}
	f.What = "signature: over the manifest, by " + Fingerprint(s.PublicKey)
	if public == nil {
		f.What += "; compare this with what the issuer says, or name the issuer's key"
	}
	switch {
	case public != nil && !bytes.Equal(public, s.PublicKey):
		f.problem("it is to be signed by %s", Fingerprint(public))
	case s.Fingerprint != Fingerprint(s.PublicKey):
		f.problem("it says %.100q of the key", s.Fingerprint)
	case !ed25519.Verify(s.PublicKey, o.text[fileManifest], s.Signature):
		f.problem("it is not of this manifest")
	}
	return f, nil
}

// manifest compares the files with the manifest.
func (o *opened) manifest() (*Finding, error) {
	var m manifest
	if err := o.strict(fileManifest, &m); err != nil {
		return nil, err
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s is of the form %.100q, and this version of daybook reads %s: %w", fileManifest,
			m.Format, manifestFormat, ErrUnreadable)
	}
	f := &Finding{What: fmt.Sprintf("files: size and SHA-256 of %d", len(m.Files))}
	named := map[string]file{}
	for _, x := range m.Files {
		named[x.Name] = x
	}
	for _, x := range o.files {
		if x.Name == fileManifest || x.Name == fileSignature {
			continue
		}
		switch want, has := named[x.Name]; {
		case !has:
			f.problem("%s is not in the manifest", x.Name)
		case x != want:
			f.problem("%s has %d bytes and SHA-256 %s, the manifest says %d and %.64s", x.Name, x.Bytes, x.SHA256,
				want.Bytes, want.SHA256)
		}
		delete(named, x.Name)
	}
	for _, x := range m.Files {
		if _, missing := named[x.Name]; missing {
			f.problem("%.100q is missing", x.Name)
		}
	}
	return f, nil
}

// checker checks the statement of a bundle.
type checker struct {
	of        *statement.Statement
	digest    string // of the entries
	workings  *workings
	named     map[uint64]bool // by the spans as evidence; true: it is there
	count     int             // of entries
	corrected int             // corrections among them
	last      string          // id
	total     statements.Sums

	entries, charges, sums, evidence Finding
}

func newChecker(o *opened, of *statement.Statement) (*checker, error) {
	c := &checker{of: of, named: map[uint64]bool{}}
	for _, f := range o.files {
		if f.Name == fileEntries {
			c.digest = f.SHA256
		}
	}
	var terms Terms
	if err := o.strict(fileTerms, &terms); err != nil {
		return nil, err
	}
	var chains []Chain
	if err := o.strict(fileChains, &chains); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, text := range o.text {
		if digest, is := strings.CutPrefix(name, folderPrices); is {
			texts[strings.TrimSuffix(digest, ".yaml")] = string(text)
		}
	}
	var err error
	c.workings, err = newWorkings(of.Foundation, &terms, texts, o.text[fileSpans], func(s *events.Span) error {
		for _, sequence := range s.Evidence {
			c.named[sequence] = false
		}
		if len(c.named) > maxLines {
			return fmt.Errorf("more than %d facts are evidence: %w", maxLines, ErrUnreadable)
		}
		return nil
	})
	return c, err
}

// read takes the entries and the facts.
func (c *checker) read(r io.ReadSeeker) error {
	return walk(r, func(name string, content io.Reader) error {
		switch name {
		case fileEntries:
			return lines(content, c.entry)
		case fileFacts:
			return lines(content, c.fact)
		}
		return nil
	})
}

func (c *checker) entry(line []byte) error {
	var x events.Charge
	if err := x.DecodeJSON(line); err != nil {
		return fmt.Errorf("%w: %w", err, ErrUnreadable)
	}
	c.count++
	switch {
	case !bytes.Equal(x.AppendJSON(nil), line):
		c.entries.problem("entry %s has more or other fields than Daybook writes", x.ID)
	case x.ID <= c.last:
		c.entries.problem("entry %s is not behind %s, by its id", x.ID, c.last)
	case x.Tenant != c.of.Tenant || x.Period != c.of.Month:
		c.entries.problem("entry %s is of tenant %s and %s", x.ID, x.Tenant, x.Period)
	case x.Entry != events.EntryCharge && x.Entry != events.EntryCorrection:
		c.entries.problem("entry %s is a %q", x.ID, x.Entry)
	}
	c.last = x.ID
	if x.Entry == events.EntryCorrection {
		c.corrected++
	}
	price, problem := c.workings.again(&x)
	if problem != "" {
		c.charges.problem("%s", problem)
	}
	c.total.Add(&x, price)
	return nil
}

func (c *checker) fact(line []byte) error {
	var x fact
	if err := json.Unmarshal(line, &x); err != nil {
		return fmt.Errorf("%w: %w", err, ErrUnreadable)
	}
	if there, named := c.named[x.Sequence]; !named || there {
		c.evidence.problem("fact %d is the evidence of no span, or comes twice", x.Sequence)
	}
	c.named[x.Sequence] = true
	return nil
}

// lines compares the statement with its entries, and says what was checked.
func (c *checker) lines() {
	if uint64(c.count) != c.of.Entries || c.digest != c.of.Digest { //nolint:gosec // never negative
		c.entries.problem("there are %d entries with SHA-256 %s, the statement says %d and %.64s", c.count, c.digest,
			c.of.Entries, c.of.Digest)
	}
	c.entries.What = fmt.Sprintf("entries: number and SHA-256 of %d, as the statement has them", c.count)
	c.charges.What = fmt.Sprintf("charges: %d computed again, each from its span and its catalogue",
		c.count-c.corrected)
	if c.corrected > 0 {
		c.charges.What += fmt.Sprintf("; %d corrections are differences, and taken as they are", c.corrected)
	}
	want := *c.of
	want.Lines = nil
	c.total.Settle(&want)
	if c.of.CreditNote() {
		want = statements.CreditNote(&want, want.Closed)
	}
	c.sums.What = fmt.Sprintf("sums: lines %d, VAT rates %d, totals %d; added up from the entries and rounded",
		len(want.Lines), len(want.Rates), len(want.Totals))
	c.compare(&want)
	for _, id := range slices.Sorted(maps.Keys(c.workings.spans)) {
		if !c.workings.spans[id].used {
			c.evidence.problem("span %s is of no charge", id)
		}
	}
	for _, sequence := range slices.Sorted(maps.Keys(c.named)) {
		if !c.named[sequence] {
			c.evidence.problem("fact %d, the evidence of a span, is missing", sequence)
		}
	}
	c.evidence.What = fmt.Sprintf("evidence: %d facts behind %d spans; that they are those of the platform is not "+
		"checked here", len(c.named), len(c.workings.spans))
}

// compare compares what the entries come to with what the statement says.
func (c *checker) compare(want *statement.Statement) {
	if !slices.Equal(c.of.Catalogues, want.Catalogues) {
		c.sums.problem("the catalogues of the entries are %q, the statement says %q", want.Catalogues, c.of.Catalogues)
	}
	for i := range max(len(want.Lines), len(c.of.Lines)) {
		compareAt(&c.sums, "line", i, want.Lines, c.of.Lines, func(l statement.Line) *statement.Statement {
			return &statement.Statement{Lines: []statement.Line{l}}
		})
	}
	for i := range max(len(want.Rates), len(c.of.Rates)) {
		compareAt(&c.sums, "VAT rate", i, want.Rates, c.of.Rates, func(r statement.Rate) *statement.Statement {
			return &statement.Statement{Rates: []statement.Rate{r}}
		})
	}
	for i := range max(len(want.Totals), len(c.of.Totals)) {
		compareAt(&c.sums, "total", i, want.Totals, c.of.Totals, func(t statement.Total) *statement.Statement {
			return &statement.Statement{Totals: []statement.Total{t}}
		})
	}
}

// compareAt compares two elements by their JSON in a statement.
func compareAt[T any](f *Finding, what string, i int, want, said []T, in func(T) *statement.Statement) {
	text := func(list []T) string {
		if i >= len(list) {
			return "nothing"
		}
		return string(in(list[i]).AppendJSON(nil))
	}
	if a, b := text(want), text(said); a != b {
		f.problem("%s %d comes to %s, the statement says %s", what, i+1, a, b)
	}
}
