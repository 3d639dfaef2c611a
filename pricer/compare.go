package pricer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/internal/stage/missing"
	"github.com/daybook-billing/daybook/internal/stage/sides"
	"github.com/daybook-billing/daybook/pricer/posted"
	"github.com/daybook-billing/daybook/pricer/statements"
)

// NewComparer returns the comparer of BILLING for one replay, with a processor of Contract.
func NewComparer(of stage.Processor) stage.Comparer {
	p, ok := of.(*processor)
	if !ok {
		panic("pricer: a comparer is for a processor of Contract")
	}
	p.book.bounded = false // all that stands is compared
	return &comparer{
		comparison: newComparison(), processor: p, closings: map[place]*lastClosings{},
		issued: missing.Messages{Type: statement.Type}, posted: statements.Posted{},
	}
}

// comparer is the stage's view of a comparison.
type comparer struct {
	*comparison
	processor *processor
	billing   events.Billing
	closings  map[place]*lastClosings
	issued    missing.Messages
	posted    statements.Posted // in BILLING
}

// lastClosings are the last closings of a foundation, by sides.Side.
type lastClosings [2]events.Closing

// closing takes a closing, in JSON.
func (c *comparer) closing(side sides.Side, text []byte) error {
	var next events.Closing
	if err := next.DecodeJSON(text); err != nil {
		return err
	}
	at := place{next.Source, next.Foundation}
	if c.closings[at] == nil {
		c.closings[at] = &lastClosings{}
	}
	c.closings[at][side] = next
	return nil
}

// Derived implements stage.Comparer. Compare reads the derived entries from the book.
func (c *comparer) Derived(out *stage.Output) error {
	c.issued.Derived(out)
	if out.Type != events.TypeClosing {
		return nil
	}
	return c.closing(sides.Derived, out.Body.AppendJSON(nil))
}

// Stored implements stage.Comparer.
func (c *comparer) Stored(in *bus.Stored) error {
	c.issued.Stored(in)
	switch in.Header(events.HeaderType) {
	case events.TypeBilling:
		b := &c.billing
		if err := c.processor.book.names.DecodeBilling(b, in.Data); err != nil {
			return stage.Unreadable(events.StreamBilling, in, err)
		}
		if !c.spans.Second() {
			c.posted.Add(b)
		}
		c.charges(origin{b.Source, b.Foundation, b.Resource}, b.Charges)
	case events.TypeUnrated:
		var u events.UnratedNotice
		if err := u.DecodeJSON(in.Data); err != nil {
			return stage.Unreadable(events.StreamBilling, in, err)
		}
		c.unrated(origin{u.Source, u.Foundation, u.Resource}, u.Unrated, u.Settled)
	case events.TypeClosing:
		if err := c.closing(sides.Stored, in.Data); err != nil {
			return stage.Unreadable(events.StreamBilling, in, err)
		}
	}
	return nil
}

// Compare implements stage.Comparer.
func (c *comparer) Compare() (again bool, err error) {
	if names := c.missing(c.processor.book); len(names) > 0 {
		return false, fmt.Errorf("%w: what stands in %s was priced with the catalogue %s, which is gone from %s, and "+
			"all of it would be taken back. "+
			"Publish it again (daybook catalogue publish FILE, with --reprice-closed for the months that are closed), "+
			"then run the replay again",
			stage.ErrInputChanged, events.StreamBilling, strings.Join(names, ", "), events.StreamMetered)
	}
	return c.compare(c.processor.book), nil
}

// Difference implements stage.Comparer.
func (c *comparer) Difference(cause events.Cause, emit func(stage.Output)) (reversed, posted int,
	err error,
) {
	c.issued.Emit(emit)
	next := numbered(cause, emit)
	reversed, posted = c.difference(c.processor.book, cause.ID, next)
	posted += c.restore(cause.ID, next)
	for _, at := range slices.SortedFunc(maps.Keys(c.closings), place.compare) {
		is, was := c.closings[at][sides.Derived], &c.closings[at][sides.Stored]
		if is.Month == "" || is.Month == was.Month && is.Reopened == was.Reopened {
			continue
		}
		is.ID, is.Cause = events.ID("billing", cause.ID, is.Source, is.Foundation, is.Month), cause
		emit(closingOutput(&is))
	}
	return reversed, posted, nil
}

// origin is the part of a subject beside a span's fields.
type origin struct{ Source, Foundation, Resource string }

func originOf(p *posted.Span) origin { return origin{p.Source, p.Foundation, p.Subject} }

// span is a span of this origin without anything else.
func (o origin) span() posted.Span {
	return posted.Span{Source: o.Source, Foundation: o.Foundation, Subject: o.Resource}
}

// comparison adds up the entries of BILLING, span by span, and compares them with a book. It
// remembers a digest of each span's entries, and the entries in full only where spans differ.
//
// Of closed months the sums count, and not the entries: there the difference is a correction.
type comparison struct {
	book      *Book                     // as derived; nil in the first round
	corrected bool                      // there are corrections in BILLING
	twice     bool                      // there is a second round
	closed    corrections               // in the second round: what the stored entries of closed months lack
	groups    grouping                  // of them
	spans     *sides.Comparison[string] // by span id
	priced    map[string]int            // charges that are not reversed, by version of the catalogue
	unsettled map[string]settled        // by id of an unrated entry
	scratch   []byte

	differs map[string]*balance // by span id, in the second round
}

// sum is the sum of the digests of a span's entries: their order does not matter, and a reversal
// subtracts the digest of its charge.
type sum uint64

// settled is an unrated entry. Settling it subtracts its digest.
type settled struct {
	span string
	sum  sum
}

// balance is the entries of a span without a reversal, and their subject.
type balance struct {
	origin  origin
	kind    string
	tenant  string
	charges map[string]*posting // by id of the charge
	unrated map[string]sum      // by id
}

// posting counts the entries under one charge's id: once, more often where the charge was stored
// again, less than nothing where a reversal was stored again or its charge is lost.
type posting struct {
	times  int
	charge events.Charge // where times < 0, the reversal
	sum    sum
}

// counts returns how often each entry is in the balance.
func (b *balance) counts() map[sum]int {
	counts := map[sum]int{}
	for _, c := range b.charges {
		counts[c.sum] += c.times
	}
	for _, digest := range b.unrated {
		counts[digest]++
	}
	maps.DeleteFunc(counts, func(_ sum, n int) bool { return n == 0 })
	return counts
}

// post takes a charge or a reversal.
func (b *balance) post(c *events.Charge, digest sum) {
	id, step := c.ID, 1
	if c.Entry == events.EntryReversal {
		id, step = c.Reverses, -1
	}
	before := b.charges[id]
	switch {
	case before == nil:
		b.charges[id] = &posting{step, *c, digest}
	case before.times+step == 0:
		delete(b.charges, id)
	default:
		before.times += step
	}
}

// reverse adds entries to bring the balance to nothing, and returns the number of charges among
// them.
func (b *balance) reverse(cause string, to *Entries) (n int) {
	for _, id := range slices.Sorted(maps.Keys(b.charges)) {
		c := b.charges[id]
		for i := range max(c.times, 0) {
			back := reversal(c.charge, cause)
			if i > 0 {
				back.ID = events.ID("reversal", cause, id, strconv.Itoa(i))
			}
			to.Charges = append(to.Charges, back)
			n++
		}
		for i := range max(-c.times, 0) { // the charge is lost: it is posted under an id of its own
			lost := reversal(c.charge, cause)
			lost.ID, lost.Entry, lost.Reverses = events.ID("charge", cause, id, strconv.Itoa(i)), events.EntryCharge, ""
			to.Charges = append(to.Charges, lost)
			n++
		}
	}
	to.Settled = append(to.Settled, slices.Sorted(maps.Keys(b.unrated))...)
	return n
}

func newComparison() *comparison {
	return &comparison{
		spans: sides.New[string](), priced: map[string]int{},
		unsettled: map[string]settled{}, differs: map[string]*balance{},
	}
}

// digest is over an entry's tenant, resource, component and price. The version of the catalogue and
// the cause are left out: the bill is the same.
func (c *comparison) digest(at origin, charge events.Charge) sum {
	if charge.Entry == events.EntryReversal {
		charge.Seconds, charge.Quantity = charge.Seconds.Neg(), charge.Quantity.Neg()
		charge.Amount, charge.VAT = charge.Amount.Neg(), charge.VAT.Neg()
	}
	charge.ID, charge.Entry, charge.Reverses, charge.Catalogue = "", "", "", ""
	b := events.Billing{
		Source: at.Source, Foundation: at.Foundation, Resource: at.Resource,
		Charges: []events.Charge{charge},
	}
	return c.hash(b.AppendJSON(c.scratch[:0]))
}

func (c *comparison) digestUnrated(at origin, u events.Unrated) sum {
	u.ID = ""
	n := events.UnratedNotice{
		Source: at.Source, Foundation: at.Foundation, Resource: at.Resource,
		Unrated: []events.Unrated{u},
	}
	return c.hash(n.AppendJSON(c.scratch[:0]))
}

func (c *comparison) hash(text []byte) sum {
	c.scratch = text
	digest := sha256.Sum256(text)
	return sum(binary.BigEndian.Uint64(digest[:]))
}

func (c *comparison) add(span string, s sum) { c.spans.Add(sides.Stored, span, uint64(s)) }

// charges takes the entries of a message.
func (c *comparison) charges(at origin, charges []events.Charge) {
	for i := range charges {
		charge := charges[i]
		switch {
		case charge.Entry == events.EntryCorrection && !c.spans.Second():
			c.corrected = true
			continue
		case c.spans.Second() && c.lacks(at, &charge):
			continue
		case c.spans.Second():
			s := c.differs[charge.Span]
			if s == nil {
				continue
			}
			s.origin, s.kind, s.tenant = at, charge.Kind, charge.Tenant
			s.post(&charge, c.digest(at, charge))
			continue
		case charge.Entry == events.EntryReversal:
			c.add(charge.Span, -c.digest(at, charge))
			c.priced[charge.Catalogue]--
		default:
			c.add(charge.Span, c.digest(at, charge))
			c.priced[charge.Catalogue]++
		}
	}
}

// lacks takes an entry of a closed month, in the second round, off what is to be posted there. It
// reports whether the entry is of one.
func (c *comparison) lacks(at origin, charge *events.Charge) bool {
	month := charge.Start.Format(events.MonthForm)
	m := c.book.months[place{at.Source, at.Foundation}]
	if charge.Entry != events.EntryCorrection && !m.closed(month) {
		return false
	}
	p := at.span()
	p.Tenant, p.Kind = charge.Tenant, charge.Kind
	k := *charge
	k.ID, k.Entry, k.Reverses, k.Corrects, k.Span, k.Flags = "", events.EntryCorrection, "", "", "", 0
	k.Month, k.Period = month, m.openOr(month)
	k.Seconds, k.Quantity, k.Amount, k.VAT = k.Seconds.Neg(), k.Quantity.Neg(), k.Amount.Neg(), k.VAT.Neg()
	c.closed.sum(c.groups.of(&p), &k, "", -1)
	return true
}

// unrated takes a message of unrated entries.
func (c *comparison) unrated(at origin, unrated []events.Unrated, settledIDs []string) {
	for i := range unrated {
		u := unrated[i]
		if c.spans.Second() {
			if s := c.differs[u.Span]; s != nil {
				s.origin, s.kind, s.tenant = at, u.Kind, u.Tenant
				s.unrated[u.ID] = c.digestUnrated(at, u)
				c.unsettled[u.ID] = settled{span: u.Span}
			}
			continue
		}
		entry := settled{u.Span, c.digestUnrated(at, u)}
		c.unsettled[u.ID] = entry
		c.add(u.Span, entry.sum)
	}
	for _, id := range settledIDs {
		entry, ok := c.unsettled[id]
		if !ok {
			continue
		}
		delete(c.unsettled, id)
		if c.spans.Second() {
			delete(c.differs[entry.span].unrated, id)
		} else {
			c.add(entry.span, -entry.sum)
		}
	}
}

// compare finds the spans with other entries than the book's. again asks for a second round, to
// keep their entries.
func (c *comparison) compare(b *Book) (again bool) {
	if c.spans.Second() {
		return false
	}
	c.book = b
	corrected := b.replaced.Len() > 0
	for _, address := range b.spans.All() {
		p := b.spans.At(address)
		corrected = corrected || p.Correction != ""
		var want sum
		for digest, n := range c.wanted(b, &p) {
			want += digest * sum(n) //nolint:gosec // a count
		}
		c.spans.Set(sides.Derived, p.ID, uint64(want))
	}
	again = c.spans.Close() || corrected || c.corrected
	c.twice = again
	c.closed = corrections{book: b, groups: &c.groups}
	for id := range c.spans.Keys() {
		c.differs[id] = &balance{charges: map[string]*posting{}, unrated: map[string]sum{}}
	}
	clear(c.unsettled)
	return again
}

// missing names the catalogues of the entries in BILLING, if the book knows none of them: then no
// charge can be derived, and all would be reversed.
func (c *comparison) missing(b *Book) []string {
	maps.DeleteFunc(c.priced, func(_ string, charges int) bool { return charges <= 0 })
	if slices.ContainsFunc(b.versions, func(v version) bool { return c.priced[v.Name] > 0 }) {
		return nil
	}
	return slices.Sorted(maps.Keys(c.priced))
}

// wanted returns how often the book has each entry of a span. One that is a part of corrections has
// no charges.
func (c *comparison) wanted(b *Book, p *posted.Span) map[sum]int {
	var entries Entries
	if p.Correction == "" && (!c.spans.Second() || !b.isClosed(p)) {
		b.charge(p, &entries)
	} else {
		b.list(p, &entries)
	}
	b.unrated -= len(entries.Unrated)
	counts := make(map[sum]int, len(entries.Charges)+len(entries.Unrated))
	for i := range entries.Charges {
		counts[c.digest(originOf(p), entries.Charges[i])]++
	}
	for i := range entries.Unrated {
		counts[c.digestUnrated(originOf(p), entries.Unrated[i])]++
	}
	return counts
}

// difference puts out, for a cause, reversals of the entries in BILLING alone and the charges in
// the book alone.
func (c *comparison) difference(b *Book, cause string, emit func(*Entries)) (reversed, charged int) {
	type due struct {
		posted.Span
		balance *balance
		inBook  bool
	}
	var all []due
	for id, s := range c.differs {
		d, wanted := due{balance: s}, map[sum]int{}
		if d.Span, d.inBook = b.spans.Find(id); d.inBook {
			wanted = c.wanted(b, &d.Span)
		} else {
			d.Span = s.origin.span()
			d.ID, d.Kind, d.Tenant = id, s.kind, s.tenant
		}
		if !maps.Equal(s.counts(), wanted) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(x, y due) int { return posted.Compare(&x.Span, &y.Span) })
	var groups grouping
	for i := range all {
		d := &all[i]
		// The entries may be on another subject than the book's.
		before := d.Span
		if len(d.balance.charges)+len(d.balance.unrated) > 0 {
			before = d.balance.origin.span()
			before.Kind, before.Tenant = d.balance.kind, d.balance.tenant
		}
		entries := groups.of(&before)
		reversed += d.balance.reverse(cause, entries)
		if d.inBook {
			d.Cause = cause
			entries = groups.of(&d.Span)
			had := len(entries.Charges)
			if b.isClosed(&d.Span) {
				b.list(&d.Span, entries)
			} else {
				b.spans.Put(&d.Span)
				b.charge(&d.Span, entries)
			}
			charged += len(entries.Charges) - had
		}
		if groups.size() >= maxEntries {
			groups.emit(emit)
		}
	}
	b.spans.Tidy()
	groups.emit(emit)
	return reversed, charged + c.corrections(cause, emit)
}

// corrections puts out what closed months lack.
func (c *comparison) corrections(cause string, emit func(*Entries)) (posted int) {
	if !c.twice {
		return 0
	}
	b := c.book
	for _, address := range b.spans.Sorted() {
		if p := b.spans.At(address); b.isClosed(&p) {
			c.closed.period = b.monthsOf(&p).open
			c.closed.take(&p, 1)
		}
	}
	c.closed.cause = cause
	posted = c.closed.emit()
	c.groups.emit(emit)
	return posted
}

// adopt notes the cause of stored entries.
func (b *Book) adopt(cause string, charges []events.Charge, unrated []events.Unrated) {
	note := func(span string) {
		if p, ok := b.spans.Find(span); ok && p.Cause != cause {
			p.Cause = cause
			b.spans.Put(&p)
		}
	}
	for i := range charges {
		if charges[i].Entry == events.EntryCharge {
			note(charges[i].Span)
		}
	}
	for i := range unrated {
		note(unrated[i].Span)
	}
	b.spans.Tidy()
}
