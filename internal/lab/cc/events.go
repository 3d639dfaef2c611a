package cc

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

var eventGrammars = [2]grammar{
	{arrays: []string{"after_guid"}, orders: []string{"created_at"}},
	{
		arrays: []string{"after_guid", "service_instance_types", "service_offering_guids"},
		orders: []string{"created_at"},
	},
}

// events is GET /v3/{app,service}_usage_events. A token without global reading gets an empty list.
// Source: app/controllers/v3/app_usage_events_controller.rb,
// app/fetchers/app_usage_event_list_fetcher.rb.
func (f *Foundation) events(r *request, list List) answer {
	p := eventGrammars[list].parse(r.URL.Query())
	cursor, given := p.filters["after_guid"]
	if given && len(cursor) != 1 {
		p.problems = append(p.problems, "After guid filter accepts only one guid")
	}
	if len(p.problems) > 0 {
		return unprocessable(strings.Join(p.problems, ", ")).answer()
	}
	if most := f.knobs.MaxTotalResults; most > 0 && p.page > most/p.per {
		return unprocessable("(page * per_page) must be less than " + strconv.Itoa(most)).answer()
	}
	path := "/v3/" + list.String()
	if !r.token.global() {
		return listAnswer(p.pagination(r.base, path, 0), nil)
	}
	t, from := f.tables[list], int64(0)
	if given {
		last := t.find(cursor[0], r.now)
		if last == nil {
			return unprocessable("After guid filter must be a valid " + list.singular() + " guid.").answer()
		}
		from = last.id + 1
	}
	skip := (p.page - 1) * p.per
	delete(p.filters, "after_guid")
	if len(p.filters) == 0 && len(p.created) == 0 && p.order == "" {
		total, pieces := t.page(from, skip, p.per, r.now)
		return listAnswer(p.pagination(r.base, path, total), pieces)
	}
	rows := t.filter(from, r.now, p)
	total := len(rows)
	rows = rows[min(skip, total):]
	rows = rows[:min(p.per, len(rows))]
	pieces := make([][]byte, 0, 2*len(rows))
	for i := range rows {
		if i > 0 {
			pieces = append(pieces, []byte{','})
		}
		pieces = append(pieces, t.json(&rows[i]))
	}
	return listAnswer(p.pagination(r.base, path, total), pieces)
}

// filter lists the committed rows from the given id on, filtered and in the requested order.
func (t *table) filter(id int64, now int64, p *params) []row {
	var rows []row
	for _, r := range t.rows[t.from(id):] {
		if r.commit > now || !admit(p.created, r.created) {
			continue
		}
		event := t.json(&r)
		if !p.passes("guids", string(t.list.read(event).guid)) ||
			!p.passes("service_instance_types", string(instanceType(event))) ||
			!p.passes("service_offering_guids", string(after(event, `"service_offering":{"guid":"`))) {
			continue
		}
		rows = append(rows, r)
	}
	if p.order == "" {
		return rows
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		c := cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(t.list.read(t.json(&a)).guid,
			t.list.read(t.json(&b)).guid))
		if p.descending {
			return -c
		}
		return c
	})
	return rows
}

// instanceType is service_instance.type: the event has no other type.
func instanceType(event []byte) []byte {
	if i := bytes.Index(event, []byte(`"service_instance":{`)); i >= 0 {
		return after(event[i:], `"type":"`)
	}
	return nil
}

func listAnswer(head []byte, pieces [][]byte) answer {
	return answer{status: http.StatusOK, kind: jsonType, pieces: append(append([][]byte{head}, pieces...),
		[]byte("]}"))}
}

// event is GET /v3/{app,service}_usage_events/:guid.
func (f *Foundation) event(r *request, list List) answer {
	if r.token.global() {
		t := f.tables[list]
		if found := t.find(r.PathValue("guid"), r.now); found != nil {
			return answer{status: http.StatusOK, kind: jsonType, pieces: [][]byte{t.json(found)}}
		}
	}
	what := list.singular()
	return notFound(strings.ToUpper(what[:1]) + what[1:]).answer()
}
