package trove

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/daybook-billing/daybook/collector/status"
	"github.com/daybook-billing/daybook/events"
)

const (
	statusEvery    = time.Second // the writer writes less often
	lastStatusTime = 2 * time.Second
)

// keepStatus keeps the collector's status up to date, for daybook status, until ctx ends.
func (c *Collector) keepStatus(ctx context.Context) {
	w := status.NewWriter(c.deps.Status, c.deps.Log, c.deps.Now, c.status())
	every := time.NewTicker(statusEvery)
	defer every.Stop()
	for {
		w.Update(ctx, func(s *status.Status) { *s = c.status() })
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastStatusTime)
			defer cancel()
			w.Update(last, func(s *status.Status) { *s = c.status() })
			w.Flush(last)
			return
		case <-every.C:
		}
	}
}

// status is the report as it is shown.
func (c *Collector) status() status.Status {
	r, now := c.Report(), c.deps.Now()
	s := status.Status{
		Source: events.SourceTrove, Foundation: c.cfg.Foundation, Collector: c.cfg.Name,
		LastPoll: r.LastSeen.UTC(), LastError: r.LastError, LastErrorTime: r.ErrorAt.UTC(), Horizon: r.Horizon,
		Details: map[string]string{
			"facts": strconv.Itoa(r.Facts), "known": strconv.Itoa(r.Known), "quarantined": strconv.Itoa(r.Refused),
			"dead": strconv.Itoa(r.Dead),
		},
	}
	if err := c.Ready(); err != nil {
		s.Problem = err.Error()
	}
	if !r.Horizon.IsZero() {
		s.LagSeconds = int64(now.Sub(r.Horizon).Seconds())
	}
	if !r.Observed.IsZero() {
		s.Details["last notification"] = events.FormatTime(r.Observed)
	}
	if len(c.brokers) == 0 {
		return s
	}
	s.Details["broker"] = r.Broker
	s.Details["reconnects"] = strconv.Itoa(max(r.Sessions-1, 0))
	s.Details["unbound time"] = fmt.Sprint(r.Lost.Truncate(time.Second))
	if !r.Unbound.IsZero() {
		s.Details["unbound since"] = events.FormatTime(r.Unbound.Truncate(time.Second))
	}
	return s
}
