package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/export"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// writeTime is how long a client may take to read.
const writeTime = 30 * time.Second

// exports are the operations with an answer of any length, and those of one statement.
func (s *Server) exports(api huma.API) {
	stream(s, api, "export", "/export/{what}", "A month for a spreadsheet",
		s.export, "text/csv", "application/jsonl")
	const path = "/statements/{source}/{foundation}/{number}"
	get(s, api, "statement", path, "A statement or a credit note", s.statement)
	heavy(s, api, "statement-line", path+"/lines/{line}",
		"A line of a statement with the entries behind it, computed again", s.answers.StatementLine)
	stream(s, api, "statement-csv", path+"/csv", "The lines of a statement, for a spreadsheet", s.statementCSV,
		"text/csv")
	stream(s, api, "statement-bundle", path+"/bundle", "A statement with all that a stranger needs to compute it again",
		s.bundle, bundleType)
}

// bundleType is the media type of a bundle.
const bundleType = "application/gzip"

func (s *Server) export(ctx context.Context, asker *answer.Asker, x *export.Question, to *committed) error {
	missing, err := s.answers.Missing(ctx)
	if err != nil {
		return err
	}
	for _, sentence := range missing {
		to.to.AppendHeader(export.HeaderMissing, sentence)
	}
	return export.Write(ctx, to.as(export.MediaType(x.Format)), s.answers, asker, x)
}

func (s *Server) statement(ctx context.Context, asker *answer.Asker, x *answer.StatementQuestion) (*json.RawMessage,
	error,
) {
	issued, err := s.answers.Statement(ctx, asker, x)
	if err != nil {
		return nil, err
	}
	text := json.RawMessage(issued.AppendJSON(nil))
	return &text, nil
}

func (s *Server) statementCSV(ctx context.Context, asker *answer.Asker, x *answer.StatementQuestion,
	to *committed,
) error {
	issued, err := s.answers.Statement(ctx, asker, x)
	if err != nil {
		return err
	}
	return export.WriteStatements(to.as(export.MediaType(export.CSV)), []statement.Statement{*issued}, export.CSV)
}

func (s *Server) bundle(ctx context.Context, asker *answer.Asker, x *answer.StatementQuestion, to *committed) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	contents, err := s.answers.Bundle(ctx, asker, x)
	if err != nil {
		return err
	}
	return bundle.Write(to.as(bundleType), contents, s.key)
}

// stream registers a question whose answer is written while it is found. What fails before
// anything is written is a problem; else the connection is cut off, so that nobody takes a part for
// the whole.
func stream[I any](s *Server, api huma.API, id, path, summary string,
	write func(ctx context.Context, asker *answer.Asker, x *I, to *committed) error, media ...string,
) {
	op := operation(http.MethodGet, id, path, summary)
	op.Middlewares = huma.Middlewares{s.unchanged}
	content := map[string]*huma.MediaType{}
	for _, m := range media {
		content[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: content}}
	huma.Register(api, op, func(ctx context.Context, x *I) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(out huma.Context) {
			w := &committed{to: out, known: conditionOf(ctx)}
			err := write(ctx, askerOf(ctx), x, w)
			switch {
			case err == nil:
				w.commit()
			case w.begun:
				_ = s.failed(ctx, op.OperationID, err)
				panic(http.ErrAbortHandler)
			default:
				s.refuse(api, out, op.OperationID, err)
			}
		}}, nil
	})
}

// committed is a response whose headers are sent with the first bytes.
type committed struct {
	to    huma.Context
	media string
	known condition
	begun bool
}

// as names the type of the content.
func (c *committed) as(media string) io.Writer {
	c.media = media
	return c
}

func (c *committed) commit() {
	if !c.begun {
		c.begun = true
		c.to.SetHeader("Content-Type", c.media)
		if c.known.position != nil {
			c.to.SetHeader("ETag", c.known.tag)
			c.to.SetHeader(HeaderPosition, positionText(c.known.position))
		}
		c.to.SetStatus(http.StatusOK)
	}
}

// Write implements io.Writer.
func (c *committed) Write(p []byte) (int, error) {
	c.commit()
	_, w := humago.Unwrap(c.to)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime)) // a test's has none
	return c.to.BodyWriter().Write(p)
}
