package cc

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// params are the checked query parameters of a list. Source: app/messages/list_message.rb,
// base_message.rb.
type params struct {
	filters    map[string][]string
	created    []bound // on created_at
	updated    []bound // on updated_at
	page, per  int
	order      string // a column, or empty for the order of ids
	descending bool
	shown      url.Values // repeated in links to other pages
	problems   []string
}

// bound is a filter on a time, in Unix seconds.
type bound struct {
	operator string // lt, lte, gt, gte, or empty for one of times
	times    []int64
}

func (b *bound) admits(at int64) bool {
	switch b.operator {
	case "lt":
		return at < b.times[0]
	case "lte":
		return at <= b.times[0]
	case "gt":
		return at > b.times[0]
	case "gte":
		return at >= b.times[0]
	default:
		return slices.Contains(b.times, at)
	}
}

// grammar is the parameters of a list, beside those common to all.
type grammar struct {
	arrays  []string // filters with a list of values
	orders  []string
	nested  []string // parameters of the form name[key], taken as they come
	updated bool     // updated_ats may be given
}

var (
	nestedName = regexp.MustCompile(`^([a-z_]+)\[([^\]]*)\]$`)
	timestamp  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$`)
)

// common are the parameters of all lists.
var common = []string{"page", "per_page", "order_by", "created_ats", "updated_ats", "guids"}

func (g *grammar) parse(query url.Values) *params {
	p := &params{filters: map[string][]string{}, page: 1, per: 50, shown: url.Values{}}
	known := append(slices.Clone(common), g.arrays...)
	known = append(known, g.nested...)
	var unknown []string
	for _, name := range sortedKeys(query) {
		value := query[name][len(query[name])-1] // of several the last counts
		base, operator := name, ""
		if match := nestedName.FindStringSubmatch(name); match != nil {
			base, operator = match[1], match[2]
		}
		switch {
		case base == "page" || base == "per_page" || base == "order_by":
			g.paging(p, base, value)
			continue
		case !slices.Contains(known, base):
			unknown = append(unknown, base)
			continue
		case base == "updated_ats" && !g.updated:
			p.problems = append(p.problems, "Filtering by 'updated_ats' is not allowed on this resource.")
		case base == "created_ats":
			p.created = p.bound(p.created, "Created ats", operator, value)
		case base == "updated_ats":
			p.updated = p.bound(p.updated, "Updated ats", operator, value)
		case slices.Contains(g.nested, base):
			p.filters[name] = split(value)
		default:
			p.filters[base] = split(value)
		}
		p.shown.Set(name, value)
	}
	if len(unknown) > 0 {
		p.problems = append(p.problems, "Unknown query parameter(s): '"+strings.Join(unknown,
			"', '")+"'. Valid parameters are: '"+strings.Join(known, "', '")+"'")
	}
	return p
}

func sortedKeys(query url.Values) []string {
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (g *grammar) paging(p *params, name, value string) {
	switch name {
	case "page":
		if p.page = min(leadingInt(value), maxPage); p.page <= 0 {
			p.problems = append(p.problems, "Page must be a positive integer")
		}
	case "per_page":
		switch p.per = leadingInt(value); {
		case p.per <= 0:
			p.problems = append(p.problems, "Per page must be a positive integer")
		case p.per > 5000:
			p.problems = append(p.problems, "Per page must be between 1 and 5000")
		}
	default:
		if value == "" {
			return
		}
		p.order = strings.TrimLeft(value[:1], "+- ") + value[1:] // an unescaped + is a space
		p.descending = value[0] == '-'
		if !slices.Contains(g.orders, p.order) {
			p.problems = append(p.problems, "Order by can only be: '"+strings.Join(g.orders, "', '")+"'")
			return
		}
		p.shown.Set("order_by", strings.TrimPrefix(value, " "))
	}
}

// bound adds a filter on a time to others; messages call it name. Source:
// app/messages/validators.rb, TimestampValidator.
func (p *params) bound(to []bound, name, operator, value string) []bound {
	b := bound{operator: operator}
	values := split(value)
	switch {
	case !slices.Contains([]string{"", "lt", "lte", "gt", "gte"}, operator):
		p.problems = append(p.problems, name+" Invalid relational operator: '"+operator+"'")
		return to
	case operator != "" && len(values) != 1:
		p.problems = append(p.problems, name+" only accepts one value when using a relational operator")
		return to
	case len(values) == 0:
		p.problems = append(p.problems, name+" must be a comma-delimited list of timestamps")
		return to
	}
	for _, v := range values {
		t, err := time.Parse("2006-01-02T15:04:05Z", v)
		if err != nil || !timestamp.MatchString(v) {
			p.problems = append(p.problems, name+" has an invalid timestamp format. Timestamps should be formatted "+
				"as 'YYYY-MM-DDThh:mm:ssZ'")
			return to
		}
		b.times = append(b.times, t.Unix())
	}
	return append(to, b)
}

// admit reports whether a time passes all the filters on it.
func admit(all []bound, at int64) bool {
	for i := range all {
		if !all[i].admits(at) {
			return false
		}
	}
	return true
}

// passes reports whether a value passes the named filter.
func (p *params) passes(filter, value string) bool {
	values, asked := p.filters[filter]
	return !asked || slices.Contains(values, value)
}

// split is a list with commas; an empty text is an empty list.
func split(value string) []string {
	if value == "" {
		return []string{}
	}
	return strings.Split(value, ",")
}

// maxPage keeps page * per_page within an int; no list has as many.
const maxPage = 1 << 40

// leadingInt reads a number as Ruby's to_i does: the digits at its beginning, 0 for none.
func leadingInt(s string) int {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}

// pagination is the head of a list, up to and without its resources. Source:
// app/presenters/v3/pagination_presenter.rb.
func (p *params) pagination(base, path string, total int) []byte {
	last := max(1, (total+p.per-1)/p.per)
	link := func(page int) string {
		query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(p.per)}}
		for name, values := range p.shown {
			query[name] = values
		}
		return `{"href":"` + base + path + "?" + query.Encode() + `"}`
	}
	b := []byte(`{"pagination":{"total_results":`)
	b = strconv.AppendInt(b, int64(total), 10)
	b = append(b, `,"total_pages":`...)
	b = strconv.AppendInt(b, int64(last), 10)
	b = append(b, `,"first":`+link(1)+`,"last":`+link(last)+`,"next":`...)
	if p.page < last {
		b = append(b, link(p.page+1)...)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"previous":`...)
	if p.page > 1 {
		b = append(b, link(p.page-1)...)
	} else {
		b = append(b, "null"...)
	}
	return append(b, `},"resources":[`...)
}
