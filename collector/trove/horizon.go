package trove

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// returned is a marker that has come back.
type returned struct {
	exchange string
	number   uint64
}

// assess reports whether the queue is bound to every exchange of its earlier bindings, and to one
// at least.
func (c *Collector) assess() (complete bool) {
	some, all := false, true
	for _, x := range c.exchanges {
		some = some || x.binding == bound
		all = all && (x.binding == bound || !x.binding.wasBound())
	}
	c.reports.bound(some && all)
	c.reports.unproven(c.unproven())
	return some && all
}

// unproven is the reason why no horizon can be published although the queue is bound; empty when
// one can.
func (c *Collector) unproven() string {
	for _, x := range c.exchanges {
		switch {
		case x.binding.forbidden():
			return fmt.Sprintf("notifications are stored, but no horizon can be published, so that no bill is "+
				"complete: this user may not bind to exchange %s, "+
				"and what Trove sends there passes by: grant it with rabbitmqctl set_permissions, see docs/trove.md, "+
				"or name Trove's exchanges alone with --exchange", x.name)
		case x.binding == bound && x.blind():
			return fmt.Sprintf("notifications are stored, but no horizon can be published, so that no bill is "+
				"complete: this user may not publish to exchange %s (%s), "+
				"and a binding that is lost there cannot be seen: grant it with rabbitmqctl set_permissions, see "+
				"docs/trove.md; the next connection sees it", x.name, x.durability)
		}
	}
	return ""
}

// beat sends a marker through every bound exchange.
func (c *Collector) beat(s *session) {
	if len(s.requests) > 0 || len(s.results) > 0 {
		return // the last ones are still under way
	}
	c.number++
	delete(s.sent, c.number-maxSent) // not back for so long, it is lost
	s.sent[c.number] = c.deps.Now()
	for _, x := range c.exchanges {
		if x.binding == bound {
			c.step(s, x, markerSent{c.number})
			// has room for all
			s.requests <- markerRequest{
				exchange: x.name, direct: x.route != through, number: c.number,
				answer: s.results,
			}
		}
	}
}

// answered notes where the broker has sent a marker.
func (c *Collector) answered(s *session, r markerResult) {
	x := c.exchange(r.exchange)
	if x == nil {
		return
	}
	c.step(s, x, markerAnswered{r.outcome, r.number})
	if r.outcome == unknown && r.err != nil && s.ctx.Err() == nil {
		c.reports.failed(r.err)
		c.deps.Log.Warn("a marker had no answer: no horizon is published", slog.Any("error", r.err))
	}
}

func (c *Collector) exchange(name string) *exchange {
	for _, x := range c.exchanges {
		if x.name == name {
			return x
		}
	}
	return nil
}

// arrived notes returned markers. When every bound exchange has one in this session, everything
// routed before them is stored, and a horizon is published. An exchange with an earlier binding and
// none at present holds it up.
func (c *Collector) arrived(work context.Context, s *session, markers []returned) {
	if len(markers) == 0 {
		return
	}
	for _, m := range markers {
		if x, at := c.exchange(m.exchange), s.sent[m.number]; x != nil && !at.IsZero() {
			c.step(s, x, markerArrived{m.number, at})
		}
	}
	for number := range s.sent { // markers come back in order
		if number < markers[len(markers)-1].number {
			delete(s.sent, number)
		}
	}
	if !c.assess() || c.unproven() != "" {
		return
	}
	var lowest time.Time
	for _, x := range c.exchanges {
		if x.binding == bound && (lowest.IsZero() || x.current.Before(lowest)) {
			if lowest = x.current; lowest.IsZero() {
				return
			}
		}
	}
	c.reports.beat()
	at := lowest.Add(-c.cfg.Settle).UTC().Truncate(time.Second)
	at, err := c.sink.publishHorizon(work, at)
	if err != nil {
		c.reports.failed(err)
		c.deps.Log.Error("no horizon", slog.Any("error", err))
		return // the next marker brings it
	}
	c.reports.horizon(at)
}
