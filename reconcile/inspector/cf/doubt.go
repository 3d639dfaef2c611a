package cf

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Doubts about a process of a started app.
const (
	doubtDown = "all of its instances are down: it was made while its app ran and was never started, or its " +
		"instances find no place"
	doubtUntold = "it was made while its app ran, and may never have been started: the API does not tell"
)

// resolve looks for processes that do not run though their app does, where more instances are
// listed than the usage summary has started. A process that is made while its app runs, by a
// droplet with another process type, is stopped until the app is started again, and v3 does not
// show that.
func (s *survey) resolve(ctx context.Context, started int64) error {
	excess := s.sum().instances - started
	if excess <= 0 {
		return nil
	}
	var suspects []*process
	for _, p := range s.candidates() {
		if s.asked == maxDoubts || excess <= 0 {
			break
		}
		s.asked++
		down, told, err := down(ctx, s.errand, p.guid)
		if err != nil {
			return err
		}
		if !told {
			return nil // the sums alone remain: the listing is incomplete
		}
		if down {
			suspects = append(suspects, p)
			excess -= int64(p.instances.Or(0))
		}
		s.up[p.guid] = !down
	}
	// What the summary does not count, and has no instance up, does not run.
	for _, p := range suspects {
		if excess == 0 {
			p.stopped = true
		} else {
			p.doubt = doubtDown
		}
	}
	return nil
}

// candidates are the processes of started apps that may never have been started: those that never
// changed first, then the youngest. The first web process of an app has the app's guid: it is as
// old as the app, and was started with it.
func (s *survey) candidates() (all []*process) {
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil && a.started && p.guid != p.app && p.instances.Or(0) > 0 && !s.up[p.guid] {
			all = append(all, p)
		}
	}
	rank := func(p *process) int {
		if p.changed.Sub(p.created) > time.Minute {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b *process) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.created.Compare(a.created), cmp.Compare(a.guid, b.guid))
	})
	return all
}

// down reports whether all instances of a process are down. told is unset where the API has no
// word.
func down(ctx context.Context, e *cfapi.Errand, guid string) (down, told bool, err error) {
	r, err := e.Resource(ctx, "processes/"+url.PathEscape(guid)+"/stats", nil)
	switch {
	case cfapi.NotFound(err):
		return true, true, nil // it is gone meanwhile
	case cfapi.UnknownEndpoint(err), cfapi.Transient(err) && !waits(err):
		return false, false, nil // Diego's state may be out of reach
	case err != nil:
		return false, false, err
	}
	down = true
	instances := 0
	err = read(r.Raw, "instances", func(_ *rowReader, v jsondoc.Value) {
		v.Get("resources").Each(func(_ []byte, one jsondoc.Value) {
			instances++
			down = down && one.Get("state").Text() == "DOWN"
		})
	})
	return down && instances > 0, instances > 0, err
}

// waits reports whether the API asks for a break.
func waits(err error) bool {
	var wait *cfapi.WaitError
	return errors.As(err, &wait)
}
