package acts

import (
	"context"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/bus"
)

// sealer is the name in seals.
const sealer = "daybook pricer"

// Seal gives statements and credit notes the next numbers of their foundations, in their order, and
// stores each once: a sealed one keeps its number. A statement and its parts stand in one
// atomic batch. Error: *BusyError.
func Seal(ctx context.Context, b Bus, all []statement.Statement, at time.Time) error {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Source == all[0].Source && all[n].Foundation == all[0].Foundation {
			n++
		}
		p := sealing{statements: all[:n], at: at, sealed: map[string]uint64{}}
		p.publish = publish{
			bus: b, filters: []string{events.ActSubject(events.ActSeal, all[0].Source, all[0].Foundation)},
			read: p.read, next: p.next,
		}
		for more := true; more; more = len(p.batch) > 0 {
			if _, err := p.publish.run(ctx); err != nil {
				return err
			}
			for _, x := range p.batch {
				p.take(&x)
			}
		}
		all = all[n:]
	}
	return nil
}

// sealing seals statements of one foundation, a batch each run.
type sealing struct {
	publish    publish
	statements []statement.Statement
	at         time.Time
	sealed     map[string]uint64 // numbers, by the ids of parts
	number     uint64            // the last one
	batch      []statement.Statement
}

func (p *sealing) read(m *bus.Stored) error {
	a, ok := read(m)
	if !ok {
		return nil
	}
	if x, err := statement.Sealed(&a.Act); err == nil { // for the projector no other is a seal
		p.take(x)
	}
	return nil
}

func (p *sealing) take(x *statement.Statement) {
	p.sealed[x.ID], p.number = x.Number, max(p.number, x.Number)
}

// next makes a batch of the missing seals. A server without room may have stored the
// first parts of a statement.
func (p *sealing) next(expectation uint64) (batch []events.Act, err error) {
	number := p.number
	p.batch = p.batch[:0]
	for i := range p.statements {
		x := p.statements[i]
		if own, begun := p.sealed[x.ID]; begun {
			x.Number = own
		} else {
			number++
			x.Number = number
		}
		parts := x.Parted(maxStatement)
		if len(batch)+len(parts) > bus.MaxBatch {
			break
		}
		for j := range parts {
			if _, stored := p.sealed[parts[j].ID]; stored {
				continue
			}
			p.batch = append(p.batch, parts[j])
			batch = append(batch, events.Act{
				ID: events.ID("seal", parts[j].ID), Kind: events.ActSeal, Source: x.Source, Foundation: x.Foundation,
				By: sealer, Time: p.at, Expectation: expectation, Statement: parts[j].AppendJSON(nil),
			})
		}
	}
	return batch, nil
}

// maxStatement is the length in bytes of the longest part of a statement: its act has the rest of a
// message.
const maxStatement = events.MaxBody - 64<<10
