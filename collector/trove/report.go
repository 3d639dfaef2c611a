package trove

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/internal/redact"
)

const (
	maxIgnored = 100         // event types counted by name, beside two of a resize; the rest are "other"
	minSilence = time.Minute // after which markers are missed, however often they are sent
)

// Report says how a Trove collector is doing.
type Report struct {
	Broker    string        // where it is connected, without credentials; empty while it is not
	Connected time.Time     // since when
	Bound     bool          // to every exchange of an earlier binding, and to one at least
	Unbound   time.Time     // since when it is not bound, or not known to be; zero while it is
	Lost      time.Duration // of the gaps: it was not bound then, or may not have been
	Unproven  string        // why no horizon can be published, though it is bound
	Unstored  string        // why nothing can be stored at the moment
	// why the last notification could not be read at all, when its publisher's setting is the
	// reason
	Unread    string
	Sessions  int       // connections with a consumer
	LastSeen  time.Time // when the last notification came
	Observed  time.Time // the newest timestamp of a stored fact
	Horizon   time.Time // the last published one
	LastBeat  time.Time // when markers came back through every exchange
	Facts     int       // stored by this process
	Known     int       // notifications of facts in USAGE
	Ignored   map[string]int
	Refused   int // quarantined
	Dead      int // delivered too often, and taken from the queue for that
	Gaps      int
	LastGap   time.Time
	LastError string
	ErrorAt   time.Time
}

// reporter keeps the report and the metrics together.
type reporter struct {
	metrics *Metrics
	now     func() time.Time

	mu sync.Mutex
	r  Report // guarded by mu
}

func newReporter(metrics *Metrics, now func() time.Time) *reporter {
	s := &reporter{metrics: metrics, now: now}
	s.r.Ignored = map[string]int{}
	s.r.Unbound = now()
	return s
}

func (s *reporter) report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.r
	r.Ignored = maps.Clone(r.Ignored)
	return r
}

// with changes the report.
func (s *reporter) with(f func(r *Report)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.r)
}

func (s *reporter) failed(err error) {
	if err == nil {
		return
	}
	s.metrics.errors.Inc()
	s.with(func(r *Report) { r.LastError, r.ErrorAt = redact.Text(err.Error()), s.now() })
}

// started notes the horizon of an earlier process.
func (s *reporter) started(horizon time.Time) {
	if !horizon.IsZero() {
		s.horizon(horizon)
	}
}

func (s *reporter) connected(broker string) {
	s.metrics.sessions.Inc()
	s.metrics.connected.Set(1)
	s.with(func(r *Report) { r.Broker, r.Connected, r.Sessions = broker, s.now(), r.Sessions+1 })
}

func (s *reporter) disconnected() {
	s.metrics.connected.Set(0)
	s.with(func(r *Report) { r.Broker = "" })
	s.bound(false)
}

func (s *reporter) stopped() { s.disconnected() }

func (s *reporter) bound(is bool) {
	s.metrics.bound.Set(map[bool]float64{true: 1}[is])
	s.with(func(r *Report) {
		switch {
		case is:
			r.Unbound = time.Time{}
		case r.Unbound.IsZero():
			r.Unbound = s.now()
		}
		r.Bound = is
	})
}

func (s *reporter) dead() {
	s.metrics.dead.Inc()
	s.with(func(r *Report) { r.Dead++ })
}

// gap counts a time without a binding. The same time of two exchanges counts once.
func (s *reporter) gap(from, to time.Time) {
	s.metrics.gaps.Inc()
	s.with(func(r *Report) {
		if from.Before(r.LastGap) {
			from = r.LastGap
		}
		lost := max(to.Sub(from), 0)
		s.metrics.unbound.Add(lost.Seconds())
		r.Gaps++
		r.Lost += lost
		r.LastGap = to
	})
}

func (s *reporter) unproven(reason string) {
	s.with(func(r *Report) { r.Unproven = reason })
}

// unstored notes a failure to store, until something is stored.
func (s *reporter) unstored(err error) {
	s.failed(err)
	s.with(func(r *Report) { r.Unstored = redact.Text(err.Error()) })
}

func (s *reporter) beat() {
	s.with(func(r *Report) { r.LastBeat = s.now() })
}

func (s *reporter) horizon(at time.Time) {
	s.metrics.horizon.Set(seconds(at))
	s.metrics.complete.Store(at.UnixNano())
	s.with(func(r *Report) {
		if at.After(r.Horizon) {
			r.Unstored = "" // it has just been stored
		}
		r.Horizon = at
	})
}

// count counts the notifications of a batch by their verdicts.
func (s *reporter) count(batch []message) {
	if len(batch) == 0 {
		return
	}
	now := s.now()
	var facts, known, refused, ignored int
	s.mu.Lock()
	for i := range batch {
		m := &batch[i]
		switch m.verdict {
		case isKnown:
			known++
			s.r.Unread = ""
		case isFact:
			facts++
			s.r.Unread = ""
		case isQuarantined:
			refused++
			if m.unread {
				s.r.Unread = m.reason
			}
		case isIgnored:
			ignored++
			name := m.eventType
			if _, ok := s.r.Ignored[name]; !ok && len(s.r.Ignored) >= maxIgnored &&
				name != notification.ResizeStarted &&
				name != notification.ResizeFailed {
				name = "other"
			}
			s.r.Ignored[name]++
		}
		if m.observed.After(s.r.Observed) {
			s.r.Observed = m.observed
		}
	}
	s.r.LastSeen, s.r.Unstored = now, ""
	s.r.Facts += facts
	s.r.Known += known
	s.r.Refused += refused
	s.mu.Unlock()
	m := s.metrics
	m.stored.Add(float64(facts))
	m.known.Add(float64(known))
	m.refused.Add(float64(refused))
	m.ignored.Add(float64(ignored))
	m.batches.Observe(float64(len(batch)))
	m.seen.Set(seconds(now))
}

// Ready is a readiness check: nil while the collector does its work.
func (c *Collector) Ready() error {
	r := c.Report()
	switch {
	case !c.learned.Load():
		return errors.New("reading what USAGE holds")
	case r.Unstored != "":
		return fmt.Errorf("notifications cannot be stored: %s", r.Unstored)
	case r.Unread != "":
		return fmt.Errorf("notifications cannot be read, and their content is lost: %s", r.Unread)
	case len(c.brokers) == 0:
		return nil
	case r.Broker == "" && r.LastError != "":
		return fmt.Errorf("not connected to RabbitMQ at %s: %s", withoutUser(c.brokers), r.LastError)
	case r.Broker == "":
		return fmt.Errorf("connecting to RabbitMQ at %s", withoutUser(c.brokers))
	case r.Bound && r.Unproven != "":
		return errors.New(r.Unproven)
	case r.Bound:
		return c.beating(&r)
	case r.LastError != "":
		return fmt.Errorf("not bound since %s: %s", r.Unbound.UTC().Format(time.RFC3339), r.LastError)
	}
	return fmt.Errorf("not bound: none of the exchanges %q exists on %s: Trove makes one with its first "+
		"notification; --durable-exchange yes or no lets the collector make it",
		c.cfg.Exchanges, r.Broker)
}

// beating is an error when no marker comes back any more, though we are bound.
func (c *Collector) beating(r *Report) error {
	last := r.Connected
	if r.LastBeat.After(last) {
		last = r.LastBeat
	}
	if c.deps.Now().Sub(last) <= max(3*c.cfg.Beat, minSilence) {
		return nil
	}
	return fmt.Errorf("no marker has come back since %s: another collector consumes queue %s and this one is its "+
		"standby, or the broker does not deliver",
		last.UTC().Format(time.RFC3339), c.cfg.Queue)
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
