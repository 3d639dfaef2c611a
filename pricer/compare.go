package pricer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// NewComparer returns the comparer of BILLING for one replay, with a processor of Stage.
func NewComparer(of stage.Processor) stage.Comparer {
	p, ok := of.(*processor)
	if !ok {
		panic("pricer: a comparer is for a processor of Stage")
	}
	return &comparer{comparison: newComparison(), processor: p}
}

// comparer is the stage's view of a comparison.
type comparer struct {
	*comparison
	processor *processor
	billing   events.Billing
}

// Derived implements stage.Comparer. The book itself says what is derived.
func (r *comparer) Derived(*stage.Output) error { return nil }

// Stored implements stage.Comparer.
func (r *comparer) Stored(in *bus.Stored) error {
	switch in.Header(events.HeaderType) {
	case events.TypeBilling:
		b := &r.billing
		if err := r.processor.book.names.DecodeBilling(b, in.Data); err != nil {
			return unreadable(in, err)
		}
		r.charges(frame{b.Source, b.Foundation, b.Resource}, b.Charges)
	case events.TypeUnrated:
		var u events.UnratedNotice
		if err := u.DecodeJSON(in.Data); err != nil {
			return unreadable(in, err)
		}
		r.unrated(frame{u.Source, u.Foundation, u.Resource}, u.Unrated, u.Settled)
	}
	return nil
}

func unreadable(in *bus.Stored, err error) error {
	return fmt.Errorf("cannot be read: %w. Remove it (nats stream rmm %s %d) and run the replay again", err,
		events.StreamBilling, in.Sequence)
}

// Compare implements stage.Comparer.
func (r *comparer) Compare() (again bool, err error) {
	if names := r.lost(r.processor.book); len(names) > 0 {
		return false, fmt.Errorf("%w: what stands in %s was priced with the catalogue %s, which is gone from %s, and "+
			"all of it would be taken back. "+
			"Publish it again (daybook catalogue publish FILE), then run the replay again",
			stage.ErrInputChanged, events.StreamBilling, strings.Join(names, ", "), events.StreamMetered)
	}
	return r.compare(r.processor.book)
}

// Difference implements stage.Comparer.
func (r *comparer) Difference(cause events.Cause, at time.Time, emit func(stage.Output)) (back, anew int, err error) {
	return r.difference(r.processor.book, cause.ID, numbered(cause, at, emit))
}

// comparison adds up what stands in BILLING, span by span, and compares it with a book. It
// remembers a digest of each span's entries, and in full only what differs.
type comparison struct {
	spans     map[string]sum      // by span id
	moved     map[string]struct{} // ids of spans with entries that are posted to another month than their own: few
	priced    map[string]int      // charges that stand, by version of the catalogue
	unsettled map[string]settled  // by id of an unrated entry
	scratch   []byte

	closer  bool // the second round: what differs is kept in full
	differs map[string]*standing
}

// sum is the sum of the digests of a span's entries, in which the order of entries does not matter
// and a reversal takes away what its charge has added. Only a correction's reversal does not: it is
// posted to another month than its charge. So spans with such entries are looked at entry by entry.
type sum uint64

// settled is what an unrated entry adds, to be taken away when it is settled.
type settled struct {
	span string
	sum  sum
}

// standing are the entries of a span that stand, and where.
type standing struct {
	frame   frame
	kind    string
	tenant  string
	charges map[string]*stood // by id of the charge
	unrated map[string]sum    // by id
}

// stood is what stands under a charge's id: it once, or more often where it was stored again, or
// less than nothing where a reversal was stored again or is all that is left.
type stood struct {
	times  int
	charge events.Charge // where times < 0, the reversal
	sum    sum
}

// counts returns how often which entry stands.
func (s *standing) counts() map[sum]int {
	counts := map[sum]int{}
	for _, c := range s.charges {
		counts[c.sum] += c.times
	}
	for _, digest := range s.unrated {
		counts[digest]++
	}
	maps.DeleteFunc(counts, func(_ sum, n int) bool { return n == 0 })
	return counts
}

// take takes a charge or a reversal.
func (s *standing) take(c *events.Charge, digest sum) {
	id, step := c.ID, 1
	if c.Entry == events.EntryReversal {
		id, step = c.Reverses, -1
	}
	before := s.charges[id]
	switch {
	case before == nil:
		s.charges[id] = &stood{step, *c, digest}
	case before.times+step == 0:
		delete(s.charges, id)
	default:
		before.times += step
	}
}

// back adds what takes all charges back, and what is unrated.
func (s *standing) back(cause string, to *Entries) (n int) {
	for _, id := range slices.Sorted(maps.Keys(s.charges)) {
		c := s.charges[id]
		for i := range max(c.times, 0) {
			taken := reversal(c.charge, cause)
			if i > 0 {
				taken.ID = events.ID("reversal", cause, id, strconv.Itoa(i))
			}
			to.Charges = append(to.Charges, taken)
			n++
		}
		for i := range max(-c.times, 0) { // the charge is lost: it is put back under a name of its own
			lost := reversal(c.charge, cause)
			lost.ID, lost.Entry, lost.Reverses = events.ID("charge", cause, id, strconv.Itoa(i)), events.EntryCharge, ""
			to.Charges = append(to.Charges, lost)
			n++
		}
	}
	to.Settled = append(to.Settled, slices.Sorted(maps.Keys(s.unrated))...)
	return n
}

func newComparison() *comparison {
	return &comparison{
		spans: map[string]sum{}, moved: map[string]struct{}{}, priced: map[string]int{},
		unsettled: map[string]settled{}, differs: map[string]*standing{},
	}
}

// digest says what an entry costs whom and for what. Left out is which version of the catalogue
// said so, and which cause: the bill is the same.
func (r *comparison) digest(at frame, c events.Charge) sum {
	if c.Entry == events.EntryReversal {
		c.Seconds, c.Quantity, c.Amount, c.VAT = c.Seconds.Neg(), c.Quantity.Neg(), c.Amount.Neg(), c.VAT.Neg()
	}
	c.ID, c.Entry, c.Reverses, c.Catalogue = "", "", "", ""
	b := events.Billing{
		Source: at.Source, Foundation: at.Foundation, Resource: at.Resource,
		Charges: []events.Charge{c},
	}
	return r.hash(b.AppendJSON(r.scratch[:0]))
}

func (r *comparison) digestUnrated(at frame, u events.Unrated) sum {
	u.ID = ""
	n := events.UnratedNotice{
		Source: at.Source, Foundation: at.Foundation, Resource: at.Resource,
		Unrated: []events.Unrated{u},
	}
	return r.hash(n.AppendJSON(r.scratch[:0]))
}

func (r *comparison) hash(text []byte) sum {
	r.scratch = text
	digest := sha256.Sum256(text)
	return sum(binary.BigEndian.Uint64(digest[:]))
}

func (r *comparison) add(span string, s sum) {
	if s += r.spans[span]; s == 0 {
		delete(r.spans, span)
		return
	}
	r.spans[span] = s
}

// charges takes the entries of a message.
func (r *comparison) charges(at frame, charges []events.Charge) {
	for i := range charges {
		c := charges[i]
		switch {
		case r.closer:
			s := r.differs[c.Span]
			if s == nil {
				continue
			}
			s.frame, s.kind, s.tenant = at, c.Kind, c.Tenant
			s.take(&c, r.digest(at, c))
			continue
		case c.Entry == events.EntryReversal:
			r.add(c.Span, -r.digest(at, c))
			r.priced[c.Catalogue]--
		default:
			r.add(c.Span, r.digest(at, c))
			r.priced[c.Catalogue]++
		}
		if c.Period != c.Start.Format("2006-01") {
			r.moved[c.Span] = struct{}{}
		}
	}
}

// unrated takes a message of unrated entries.
func (r *comparison) unrated(at frame, unrated []events.Unrated, settledIDs []string) {
	for i := range unrated {
		u := unrated[i]
		if r.closer {
			if s := r.differs[u.Span]; s != nil {
				s.frame, s.kind, s.tenant = at, u.Kind, u.Tenant
				s.unrated[u.ID] = r.digestUnrated(at, u)
				r.unsettled[u.ID] = settled{span: u.Span}
			}
			continue
		}
		entry := settled{u.Span, r.digestUnrated(at, u)}
		r.unsettled[u.ID] = entry
		r.add(u.Span, entry.sum)
	}
	for _, id := range settledIDs {
		entry, ok := r.unsettled[id]
		if !ok {
			continue
		}
		delete(r.unsettled, id)
		if r.closer {
			delete(r.differs[entry.span].unrated, id)
		} else {
			r.add(entry.span, -entry.sum)
		}
	}
}

// compare finds the spans whose entries are not what the book says. again asks for a second round,
// which keeps theirs.
func (r *comparison) compare(b *Book) (again bool, err error) {
	if r.closer {
		return false, nil
	}
	r.closer = true
	note := func(span string) {
		r.differs[span] = &standing{charges: map[string]*stood{}, unrated: map[string]sum{}}
	}
	for id, text := range b.spans {
		p, err := b.unpack(text)
		if err != nil {
			return false, fmt.Errorf("span %s: %w", id, err)
		}
		var want sum
		for digest, n := range r.wanted(b, p) {
			want += digest * sum(n) //nolint:gosec // a count
		}
		if r.spans[id] != want {
			note(id)
		}
		delete(r.spans, id)
	}
	for id := range r.spans {
		note(id)
	}
	for id := range r.moved {
		note(id)
	}
	r.spans, r.moved = nil, nil
	clear(r.unsettled)
	return len(r.differs) > 0, nil
}

// lost names the catalogues that priced what stands, if the book knows none of them: then nothing
// can be derived from them, and everything would be taken back.
func (r *comparison) lost(b *Book) []string {
	maps.DeleteFunc(r.priced, func(_ string, standing int) bool { return standing <= 0 })
	if slices.ContainsFunc(b.versions, func(v version) bool { return r.priced[v.Name] > 0 }) {
		return nil
	}
	return slices.Sorted(maps.Keys(r.priced))
}

// wanted returns how often which entry of a span is to stand.
func (r *comparison) wanted(b *Book, p *posted) map[sum]int {
	var entries Entries
	b.charge(p, &entries)
	counts := make(map[sum]int, len(entries.Charges)+len(entries.Unrated))
	for i := range entries.Charges {
		counts[r.digest(p.Frame, entries.Charges[i])]++
	}
	for i := range entries.Unrated {
		counts[r.digestUnrated(p.Frame, entries.Unrated[i])]++
	}
	return counts
}

// difference puts out reversals of what stands and is not what the book says, and the charges that
// are, for a cause.
func (r *comparison) difference(b *Book, cause string, emit func(*Entries)) (back, anew int, err error) {
	type due struct {
		*posted
		stands *standing
		inBook bool
	}
	var all []due
	for id, s := range r.differs {
		d, wanted := due{stands: s}, map[sum]int{}
		if text := b.spans[id]; text != nil {
			if d.posted, err = b.unpack(text); err != nil {
				return 0, 0, fmt.Errorf("span %s: %w", id, err)
			}
			d.inBook, wanted = true, r.wanted(b, d.posted)
		} else {
			d.posted = &posted{Span: events.Span{ID: id, Kind: s.kind, Tenant: s.tenant}, Frame: s.frame}
		}
		if !maps.Equal(s.counts(), wanted) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(x, y due) int { return comparePosted(x.posted, y.posted) })
	var batch batch
	for _, d := range all {
		// What stands may stand on another subject than what the book says.
		stood := *d.posted
		if len(d.stands.charges)+len(d.stands.unrated) > 0 {
			stood.Frame, stood.Span.Kind, stood.Span.Tenant = d.stands.frame, d.stands.kind, d.stands.tenant
		}
		entries := batch.of(&stood)
		back += d.stands.back(cause, entries)
		if d.inBook {
			d.Cause = cause
			b.spans[d.Span.ID] = pack(d.posted)
			entries = batch.of(d.posted)
			before := len(entries.Charges)
			b.charge(d.posted, entries)
			anew += len(entries.Charges) - before
		}
		if batch.size() >= maxEntries {
			batch.emit(emit)
		}
	}
	batch.emit(emit)
	return back, anew, nil
}

// adopt notes the cause under which entries stand.
func (b *Book) adopt(cause string, charges []events.Charge, unrated []events.Unrated) error {
	note := func(span string) error {
		text := b.spans[span]
		if text == nil {
			return nil
		}
		p, err := b.unpack(text)
		if err != nil {
			return fmt.Errorf("span %s: %w", span, err)
		}
		if p.Cause != cause {
			p.Cause = cause
			b.spans[span] = pack(p)
		}
		return nil
	}
	for i := range charges {
		if charges[i].Entry == events.EntryCharge {
			if err := note(charges[i].Span); err != nil {
				return err
			}
		}
	}
	for i := range unrated {
		if err := note(unrated[i].Span); err != nil {
			return err
		}
	}
	return nil
}
