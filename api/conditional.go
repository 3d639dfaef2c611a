package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daybook-billing/daybook/api/answer"
)

// HeaderPosition is the header with the position of an answer.
const HeaderPosition = "Daybook-Position"

// positionText is a position as a header; empty for nil.
func positionText(p *answer.Position) string {
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("BILLING=%d, METERED=%d", p.Billing, p.Metered)
	if p.Usage > 0 {
		text += fmt.Sprintf(", USAGE=%d", p.Usage)
	}
	return text
}

// condition is what a request says about the answer that it has, and what is known before it is
// answered.
type condition struct {
	match    string // If-None-Match
	tag      string // empty where it follows from the answer alone
	position *answer.Position
}

// conditionKey is the key of the condition in the context of a request.
type conditionKey struct{}

// conditionOf is the condition of a request; the zero one where nothing is known.
func conditionOf(ctx context.Context) condition {
	c, _ := ctx.Value(conditionKey{}).(condition)
	return c
}

// has reports whether the asker has the answer with a tag.
func (c *condition) has(tag string) bool {
	for given := range strings.SplitSeq(c.match, ",") {
		if strings.TrimSpace(given) == tag {
			return true
		}
	}
	return false
}

// conditional reads the position before a question is answered.
func (s *Server) conditional(ctx huma.Context, next func(huma.Context)) {
	at, err := s.answers.Edition(ctx.Context())
	if err != nil {
		next(ctx) // it fails in the same way
		return
	}
	next(huma.WithValue(ctx, conditionKey{}, condition{match: ctx.Header("If-None-Match"), position: &at.Position}))
}

// unchanged is conditional for answers that change with the ledger and the names alone: a request
// with the ETag of the present answer is answered (304) without work.
func (s *Server) unchanged(ctx huma.Context, next func(huma.Context)) {
	at, err := s.answers.Edition(ctx.Context())
	if err != nil {
		next(ctx) // it fails in the same way
		return
	}
	url := ctx.URL()
	c := condition{
		match: ctx.Header("If-None-Match"), position: &at.Position,
		tag: tagOf([]any{at, s.version, url.Path, url.RawQuery, askerOf(ctx.Context())}),
	}
	if c.has(c.tag) {
		ctx.SetHeader("ETag", c.tag)
		ctx.SetHeader(HeaderPosition, positionText(c.position))
		ctx.SetStatus(http.StatusNotModified)
		return
	}
	next(huma.WithValue(ctx, conditionKey{}, c))
}

// tagOf is a tag for what JSON says of a value.
func tagOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // answers and questions are made for JSON
	}
	sum := sha256.Sum256(text)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// body is an answer as a response.
type body[O any] struct {
	Status   int
	ETag     string `header:"ETag"`
	Position string `header:"Daybook-Position"`
	Body     *O
}

// newBody is an answer to a request, or 304 where the asker has it. An answer about the ledger has
// its position; any other one has at least that of before.
func newBody[O any](ctx context.Context, op *huma.Operation, out *O) *body[O] {
	b := &body[O]{Status: http.StatusOK, Body: out}
	c := conditionOf(ctx)
	if op.Method != http.MethodGet {
		return b
	}
	if own := reflect.ValueOf(out).Elem(); own.Kind() == reflect.Struct {
		if field := own.FieldByName("Position"); field.IsValid() {
			c.position, _ = field.Addr().Interface().(*answer.Position)
		}
	}
	b.Position = positionText(c.position)
	if b.ETag = c.tag; b.ETag == "" {
		b.ETag = tagOf(out)
	}
	if c.has(b.ETag) {
		b.Status = http.StatusNotModified
	}
	return b
}
