package cf

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/cfapi"
)

// survey is an inspection under way.
type survey struct {
	errand   *cfapi.Errand
	ask      *Ask
	excluded *regexp.Regexp
	verdicts map[string]verdict
	held     map[string]int  // bytes of evidence, by the group of kinds that are listed together
	up       map[string]bool // processes that were asked for their instances, and have one
	asked    int             // of such questions

	apps      map[string]*app
	spaces    map[string]space
	processes map[string]*process
	tasks     map[string]*task
	services  map[string]*service
	offers    *offers
	packs     Packs
	noPacks   string // why droplets were not listed; empty for no reason

	summary cfapi.Summary // from behind the last take

	appList, processList, taskList, serviceList cfapi.Listed
}

// keep copies the evidence of a row, while there is room for it.
func (s *survey) keep(group string, raw []byte) []byte {
	if s.held[group]+len(raw) > maxHeld/2 || len(raw) > maxEvidence {
		return nil
	}
	s.held[group] += len(raw)
	return slices.Clone(raw)
}

// take lists kinds anew.
func (s *survey) take(ctx context.Context, kinds []string) error {
	if s.spaces == nil {
		s.spaces, s.offers, s.held = map[string]space{}, newOffers(), map[string]int{}
	}
	if slices.Contains(kinds, events.KindApp) {
		if err := s.takeApps(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(kinds, events.KindService) {
		return s.takeServices(ctx)
	}
	return nil
}

// ignore is for lists without included resources.
func ignore(string, []byte) {}

// takeApps lists apps, processes and tasks. A process whose app was left out has its app asked for,
// and a started app without processes its processes.
func (s *survey) takeApps(ctx context.Context) (err error) {
	s.held[events.KindApp] = 0
	s.apps, s.processes, s.tasks = map[string]*app{}, map[string]*process{}, map[string]*task{}
	if s.appList, err = s.listApps(ctx, nil); err != nil {
		return err
	}
	if s.processList, err = s.listProcesses(ctx, nil); err != nil {
		return err
	}
	states := url.Values{"states": {"PENDING,RUNNING,CANCELING"}}
	s.taskList, err = s.errand.List(ctx, "tasks", states, ignore, func(r cfapi.Row) error {
		t, err := readTask(r.Raw)
		if err == nil {
			t.raw = s.keep(events.KindApp, r.Raw)
			s.tasks[t.guid] = &t
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.fillApps(ctx)
}

func (s *survey) listApps(ctx context.Context, guids []string) (cfapi.Listed, error) {
	query := url.Values{"include": {"space.organization"}}
	if guids != nil {
		query.Set("guids", strings.Join(guids, ","))
	}
	var problem error
	l, err := s.errand.List(ctx, "apps", query, s.spacesInto(&problem), func(r cfapi.Row) error {
		a, err := readApp(r.Raw)
		if err == nil {
			a.raw = s.keep(events.KindApp, r.Raw)
			s.apps[a.guid] = &a
		}
		return err
	})
	return l, errors.Join(err, problem)
}

// spacesInto takes included spaces.
func (s *survey) spacesInto(problem *error) func(collection string, raw []byte) {
	return func(collection string, raw []byte) {
		if collection != "spaces" {
			return
		}
		one, err := readSpace(raw)
		if err != nil {
			*problem = errors.Join(*problem, err)
			return
		}
		s.spaces[one.guid] = one
	}
}

func (s *survey) listProcesses(ctx context.Context, apps []string) (cfapi.Listed, error) {
	query := url.Values{}
	if apps != nil {
		query.Set("app_guids", strings.Join(apps, ","))
	}
	return s.errand.List(ctx, "processes", query, ignore, func(r cfapi.Row) error {
		p, err := readProcess(r.Raw)
		if err == nil {
			p.raw = s.keep(events.KindApp, r.Raw)
			s.processes[p.guid] = &p
		}
		return err
	})
}

// fillApps asks for what the lists of apps and processes left out, as far as each points at the
// other.
func (s *survey) fillApps(ctx context.Context) error {
	missing := map[string]bool{}
	for _, p := range s.processes {
		if s.apps[p.app] == nil {
			missing[p.app] = true
		}
	}
	for _, t := range s.tasks {
		if s.apps[t.app] == nil {
			missing[t.app] = true
		}
	}
	err := inGroups(missing, func(guids []string) error {
		_, err := s.listApps(ctx, guids)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range s.processes {
		if a := s.apps[p.app]; a != nil {
			a.processes++
		}
	}
	empty := map[string]bool{}
	for guid, a := range s.apps {
		if a.started && a.processes == 0 {
			empty[guid] = true
		}
	}
	return inGroups(empty, func(guids []string) error {
		_, err := s.listProcesses(ctx, guids)
		return err
	})
}

// inGroups hands on guids in groups for one query each, in their order, up to maxLeftOut of them.
func inGroups(guids map[string]bool, yield func(guids []string) error) error {
	all := make([]string, 0, len(guids))
	for guid := range guids {
		all = append(all, guid)
	}
	slices.Sort(all)
	for group := range slices.Chunk(all[:min(len(all), maxLeftOut)], askedAtOnce) {
		if err := yield(group); err != nil {
			return err
		}
	}
	return nil
}

// serviceFields are the resources beside a service instance.
func serviceFields() url.Values {
	return url.Values{
		"type":                                  {managed},
		"fields[space]":                         {"guid,name,relationships.organization"},
		"fields[service_plan]":                  {"guid,name,relationships.service_offering"},
		"fields[service_plan.service_offering]": {"guid,name,relationships.service_broker"},
		"fields[service_plan.service_offering.service_broker]": {"guid,name"},
	}
}

func (s *survey) takeServices(ctx context.Context) (err error) {
	s.held[events.KindService] = 0
	s.services = map[string]*service{}
	var problem error
	spaces := s.spacesInto(&problem)
	beside := func(collection string, raw []byte) {
		if is, err := s.offers.take(collection, raw); is {
			problem = errors.Join(problem, err)
			return
		}
		spaces(collection, raw)
	}
	s.serviceList, err = s.errand.List(ctx, "service_instances", serviceFields(), beside, func(r cfapi.Row) error {
		one, err := readService(r.Raw)
		if err == nil && one.kind == managed {
			one.raw = s.keep(events.KindService, r.Raw)
			s.services[one.guid] = &one
		}
		return err
	})
	if err = errors.Join(err, problem); err != nil {
		return err
	}
	plans := map[string]bool{}
	for _, one := range s.services {
		plans[one.plan] = true
	}
	for _, plan := range slices.Sorted(mapKeys(plans)) {
		if err := s.offers.fill(ctx, s.errand, plan); err != nil {
			return err
		}
	}
	return nil
}
