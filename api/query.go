package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/internal/bus/query"
	"github.com/daybook-billing/daybook/ledger"
)

// tenantParameter is the parameter that stands in the subject of a question over NATS.
const tenantParameter = "tenant"

// queried are the questions that are answered over NATS, too: each GET of the API with a JSON
// answer, by its id.
type queried map[string]*huma.Operation

func newQueried(api *huma.OpenAPI) queried {
	all := queried{}
	for _, item := range api.Paths {
		if op := item.Get; op != nil && strings.HasPrefix(op.Path, versioned) {
			if ok := op.Responses["200"]; ok != nil && ok.Content["application/json"] != nil {
				all[op.OperationID] = op
			}
		}
	}
	return all
}

// questions are the endpoints of the micro service, with the schemas of their bodies.
func (q queried) questions() (all []query.Question) {
	for _, id := range slices.Sorted(maps.Keys(q)) {
		op := q[id]
		properties, required := map[string]*huma.Schema{}, []string{}
		for _, p := range op.Parameters {
			if (p.In != "query" && p.In != "path") || p.Name == tenantParameter {
				continue
			}
			properties[p.Name] = p.Schema
			if p.Required {
				required = append(required, p.Name)
			}
		}
		schema, err := json.Marshal(map[string]any{
			"type": "object", "properties": properties, "required": required, "additionalProperties": false,
		})
		if err != nil {
			panic(err) // it is made of the parameters of /openapi.json
		}
		all = append(all, query.Question{
			Name: id, Subject: queryFilter(id),
			Metadata: map[string]string{"description": op.Summary, "schema": string(schema)},
		})
	}
	return all
}

// request is a question as a request of the API.
func (q queried) request(ctx context.Context, question string, body []byte) (*http.Request, error) {
	op := q[question]
	fields := map[string]any{}
	if len(bytes.TrimSpace(body)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if err := decoder.Decode(&fields); err != nil {
			return nil, &query.Error{
				Status: http.StatusUnprocessableEntity,
				Text:   fmt.Sprintf("the body is no JSON object such as {\"month\":\"2026-10\"}: %v", err),
			}
		}
	}
	if _, named := fields[tenantParameter]; named {
		return nil, &query.Error{
			Status: http.StatusUnprocessableEntity,
			Text: "the tenant stands in the subject alone, daybook.query.<tenant>." + question +
				": leave it out of the body",
		}
	}
	path, values := op.Path, url.Values{}
	for name, value := range fields {
		if place := "{" + name + "}"; strings.Contains(path, place) {
			path = strings.Replace(path, place, url.PathEscape(text(value)), 1)
			continue
		}
		if list, is := value.([]any); is {
			parts := make([]string, len(list))
			for i := range list {
				parts[i] = text(list[i])
			}
			values.Set(name, strings.Join(parts, ","))
			continue
		}
		values.Set(name, text(value))
	}
	if place := strings.Index(path, "{"); place >= 0 {
		return nil, &query.Error{
			Status: http.StatusUnprocessableEntity,
			Text:   "the body lacks " + path[place+1:strings.Index(path, "}")],
		}
	}
	return http.NewRequestWithContext(ctx, http.MethodGet, path+"?"+values.Encode(), nil)
}

// text is a value of JSON as a parameter.
func text(value any) string {
	if s, is := value.(string); is {
		return s
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return string(b)
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// RunQueries answers questions over NATS until ctx is done: on daybook.query.<tenant>.<question>
// about a tenant, on daybook.query.all.<question> about everybody. Who may ask is a matter of the
// permissions of NATS users, so the tenant stands in the subject alone. Without Deps.Queries it
// answers nothing.
func (s *Server) RunQueries(ctx context.Context) error {
	if s.bus == nil {
		<-ctx.Done()
		return nil
	}
	return query.Serve(ctx, s.bus, query.Config{
		Name: "daybook", Version: "1.0.0", Description: "What ran, what it costs, and why",
		Questions: s.queries.questions(), Log: s.log, Answer: s.query, Asker: queryToken,
	})
}

// query answers a question.
func (s *Server) query(ctx context.Context, question, subject string, body []byte) ([]byte, error) {
	tenant, everybody, err := queryTenant(subject)
	if err != nil {
		return nil, &query.Error{Status: http.StatusUnprocessableEntity, Text: err.Error()}
	}
	scope := answer.Scope{Everybody: everybody}
	if !scope.Everybody {
		scope.Owners, err = ledger.Owners(ctx, s.answers.Reader(), ledger.Query{Tenant: tenant})
		if err != nil {
			return nil, err
		}
	}
	asker := &answer.Asker{Name: "nats", Usage: scope, Money: scope}
	r, err := s.queries.request(context.WithValue(ctx, askerKey{}, asker), question, body)
	if err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	s.answering.ServeHTTP(w, r)
	if w.status == http.StatusOK {
		return w.Bytes(), nil
	}
	var p huma.ErrorModel
	if err := json.Unmarshal(w.Bytes(), &p); err != nil {
		return nil, err
	}
	detail := p.Detail
	for _, e := range p.Errors {
		detail += ": " + e.Location + ": " + e.Message
	}
	return nil, &query.Error{Status: w.status, Text: detail}
}
