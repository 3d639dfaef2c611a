package cf

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// verdict is what is to be thought of the listing of a kind.
type verdict struct {
	again string // why it is to be taken again; empty for no reason
	why   string // why it is incomplete, once it was taken often enough
	note  string
}

// sums are those of a listing, as the usage summary has them.
type sums struct{ instances, memory, services, tasks int64 }

// sum adds up what is listed. Excluded spaces count: the usage summary knows no exclusion.
func (s *survey) sum() (n sums) {
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil && a.started && !p.stopped {
			n.instances += int64(p.instances.Or(0))
			n.memory += int64(p.instances.Or(0)) * int64(p.memory.Or(0))
		}
	}
	for _, t := range s.tasks {
		switch t.state {
		case "RUNNING":
			n.memory += int64(t.memory.Or(0))
			n.tasks++
		case "PENDING":
			n.tasks++
		}
	}
	n.services = int64(len(s.services))
	return n
}

// pending are the kinds that are to be taken again. Apps and tasks are taken together: one sum is
// of both.
func (s *survey) pending() (again []string) {
	if s.verdicts[events.KindApp].again != "" || s.verdicts[events.KindTask].again != "" {
		again = append(again, events.KindApp, events.KindTask)
	}
	if s.verdicts[events.KindService].again != "" {
		again = append(again, events.KindService)
	}
	return again
}

// judge compares the listings of some kinds with the usage summaries from before and after.
func (s *survey) judge(ctx context.Context, taken []string, before, after *cfapi.Summary, take int) error {
	if slices.Contains(taken, events.KindApp) {
		if err := s.resolve(ctx, max(before.Instances, after.Instances)); err != nil {
			return err
		}
	}
	judged := s.compare(before, after, take)
	for _, kind := range taken {
		again := judged[kind]
		v := verdict{again: again, note: s.note(kind)}
		if again != "" && take == maxTakes {
			v.why = fmt.Sprintf("%s; it was taken %d times", again, take)
		}
		s.verdicts[kind] = v
	}
	return nil
}

// compare tells for each kind why its listing is not to be trusted, empty for no reason.
func (s *survey) compare(before, after *cfapi.Summary, take int) map[string]string {
	n := s.sum()
	doubtful := s.doubtful()
	between := func(what string, listed, less, a, b int64) string {
		low, high := min(a, b), max(a, b)
		switch {
		case listed < low || listed-less > high:
			return fmt.Sprintf("the lists have %d %s, the usage summary %s", listed, what, span(low, high))
		case take < maxTakes && high-low > max(smallSpread, high/spreadShare):
			return fmt.Sprintf("the %s of the usage summary changed from %d to %d meanwhile", what, a, b)
		}
		return ""
	}
	apps := cmp.Or(short("apps", &s.appList), short("processes", &s.processList),
		between("started instances", n.instances, doubtful.instances, before.Instances, after.Instances))
	tasks := cmp.Or(short("tasks", &s.taskList), between("pending and running tasks", n.tasks, 0, before.Tasks,
		after.Tasks))
	if memory := between("MiB of started instances and running tasks", n.memory, doubtful.memory, before.MemoryMB,
		after.MemoryMB); apps == "" && tasks == "" && memory != "" {
		apps, tasks = memory, memory // it is not told which of them
	}
	services := cmp.Or(short("service instances", &s.serviceList),
		between("managed service instances", n.services, 0, before.Services, after.Services))
	return map[string]string{events.KindApp: apps, events.KindTask: tasks, events.KindService: services}
}

func span(low, high int64) string {
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// short tells of a list with fewer rows than each of its pages says.
func short(what string, l *cfapi.Listed) string {
	if l.Rows >= l.Least {
		return ""
	}
	return fmt.Sprintf("%d of %d %s were listed", l.Rows, l.Least, what)
}

// note tells how the lists of a kind changed while they were read, and what may not run.
func (s *survey) note(kind string) string {
	lists := map[string]*cfapi.Listed{"apps": &s.appList, "processes": &s.processList}
	switch kind {
	case events.KindTask:
		lists = map[string]*cfapi.Listed{"tasks": &s.taskList}
	case events.KindService:
		lists = map[string]*cfapi.Listed{"service instances": &s.serviceList}
	}
	var notes []string
	for _, what := range slices.Sorted(mapKeys(lists)) {
		l := lists[what]
		if l.Least != l.Most {
			notes = append(notes, fmt.Sprintf("%s changed from page to page: there were %d to %d", what, l.Least,
				l.Most))
		}
		if l.Repeated > 0 {
			notes = append(notes, fmt.Sprintf("%d %s stood on two pages", l.Repeated, what))
		}
	}
	if n := s.hiddenPlans(); n > 0 && kind == events.KindService {
		notes = append(notes, fmt.Sprintf("%d service instances have a plan that is not shown to this token: it has "+
			"no name", n))
	}
	if kind == events.KindApp {
		if n := s.doubts(); n > 0 {
			notes = append(notes, fmt.Sprintf("%d processes may not run: the API does not tell", n))
		}
	}
	return strings.Join(notes, "; ")
}

func (s *survey) hiddenPlans() (n int) {
	for _, one := range s.services {
		if _, shown := s.offers.plans[one.plan]; !shown {
			n++
		}
	}
	return n
}

func (s *survey) doubts() (n int) {
	for _, p := range s.processes {
		if p.doubt != "" {
			n++
		}
	}
	return n
}

// doubtful adds up the processes that may be stopped.
func (s *survey) doubtful() (n sums) {
	for _, p := range s.processes {
		if p.doubt != "" {
			n.instances += int64(p.instances.Or(0))
			n.memory += int64(p.instances.Or(0)) * int64(p.memory.Or(0))
		}
	}
	return n
}
