package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/limit"
)

// Replayer is what a stage needs to finish a replay: constructors of processors in their empty
// state, and of comparers.
type Replayer struct {
	Processor func() Processor
	Comparer  func(Processor) Comparer
}

// begun is the act of the last replay by this logic, where the outputs are not, or not wholly,
// behind it: the replay was interrupted, or lost in a power cut. Otherwise the act is zero. What
// stands in a stream of a later date, or begins behind the replay's beginning, was derived since.
func (c *Config) begun(ctx context.Context, b Source, cp *checkpoint, output *bus.StreamState) (act events.Act,
	err error,
) {
	if c.Acts == "" || cp.Sequence == 0 {
		return act, nil
	}
	var at time.Time
	filters := []string{events.ActSubject(events.ActReplay, "", "")}
	_, err = b.Each(ctx, c.Acts, 1, bus.End, bus.ReadOptions{Filters: filters}, func(m *bus.Stored) error {
		var a events.Act
		if m.Header(events.HeaderType) == events.TypeAct && a.DecodeJSON(m.Data) == nil &&
			a.Misplaced(m.Subject) == nil && a.Replay.Projection == c.Name {
			act, at = a, m.Time
		}
		return nil
	})
	before := act.Replay.Output
	if err != nil || act.Replay.Logic != limit.Label(c.Logic) || cp.base.Output > before || output.First > before ||
		output.Created.After(at) {
		act = events.Act{}
	}
	if errors.Is(err, bus.ErrNotFound) { // nothing was collected yet
		err = nil
	}
	return act, err
}

// finish finishes a replay that was interrupted or lost, and reports whether there was one.
func (s *Stage) finish(ctx context.Context, output *bus.StreamState) (finished bool, err error) {
	if s.cfg.Replays == nil {
		return false, nil
	}
	act, err := s.cfg.begun(ctx, s.bus, &s.cp, output)
	if err != nil || act.ID == "" {
		return false, err
	}
	if err := s.await(ctx, act.Replay.Input); err != nil {
		return false, err
	}
	s.log.Warn("a replay was interrupted or lost; finishing it", slog.String("stream", s.cfg.Output),
		slog.String("act", act.ID))
	s.progress.Waits(fmt.Errorf("finishing the replay of %s that act %s began", s.cfg.Output, act.ID))
	defer s.progress.Waits(nil)
	_, err = Replay(ctx, s.cfg, s.bus, s.cfg.Replays.Processor, s.cfg.Replays.Comparer, ReplayOptions{
		Log: s.log, alone: true,
	})
	return true, err
}

// outlast waits until a replay by somebody else has ended, or is silent for the takeover time.
func (c *Config) outlast(ctx context.Context, b Source) error {
	last := uint64(0)
	for silent := time.Duration(0); silent < c.Takeover; silent += c.Poll {
		cp, err := c.readCheckpoint(ctx, b)
		if err != nil || !strings.HasPrefix(cp.logic, unfinished) {
			return err
		}
		if cp.Sequence != last {
			last, silent = cp.Sequence, 0
		}
		if err := pause(ctx, nil, c.Poll); err != nil {
			return err
		}
	}
	return nil
}
