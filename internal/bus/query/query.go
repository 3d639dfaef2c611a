// Package query answers questions over NATS, as a micro service: `nats micro ls` shows it, and
// `nats req` asks it. Source: NATS ADR-32.
package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Limits of a service.
const (
	maxArriving      = 64              // questions of one kind that are not taken yet
	maxArrivingBytes = 1 << 20         // of them
	answerTime       = 2 * time.Minute // for one answer
)

// Question is a kind of question.
type Question struct {
	Name     string            // of the endpoint: letters, digits, - and _
	Subject  string            // may have wildcards
	Metadata map[string]string // shown by `nats micro info`, such as the schema of the body
}

// Config describes a service.
type Config struct {
	Name, Version, Description string
	Questions                  []Question
	// Answer answers a question on a subject. An *Error is the asker's; any other error
	// is logged, and the asker reads: there is no answer.
	Answer func(ctx context.Context, question, subject string, body []byte) ([]byte, error)
	// Asker is the name in a subject that shares a limit with nobody else; nil: all are one.
	Asker func(subject string) string
	Log   *slog.Logger
}

// Error is a refusal: an HTTP status, and the way out.
type Error struct {
	Status int
	Text   string
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Statuses of the service's own errors.
const (
	statusTooLarge    = 413
	statusTooMany     = 429
	statusInternal    = 500
	statusUnavailable = 503
)

// Serve answers until ctx is done, and then ends those that it has begun. Several services share
// the questions.
func Serve(ctx context.Context, b *bus.Bus, cfg Config) error {
	nc := b.Conn()
	s := &server{cfg: cfg, ctx: ctx, queue: newQueue(), most: int(nc.MaxPayload())}
	service, err := micro.AddService(nc, micro.Config{
		Name: cfg.Name, Version: cfg.Version, Description: cfg.Description,
		ErrorHandler: func(_ micro.Service, e *micro.NATSError) {
			cfg.Log.Warn("questions were lost", slog.String("subject", e.Subject), slog.String("error", e.Description))
		},
	})
	if err != nil {
		return fmt.Errorf("answering questions over NATS: %w", err)
	}
	for _, q := range cfg.Questions {
		err := service.AddEndpoint(q.Name, micro.HandlerFunc(func(r micro.Request) { s.take(q.Name, r) }),
			micro.WithEndpointSubject(q.Subject), micro.WithEndpointMetadata(q.Metadata),
			micro.WithEndpointPendingLimits(maxArriving, maxArrivingBytes))
		if err != nil {
			_ = service.Stop() // the first error counts
			return fmt.Errorf("answering questions on %s: %w", q.Subject, err)
		}
	}
	<-ctx.Done()
	err = service.Stop()
	s.answers.Wait()
	if errors.Is(err, nats.ErrConnectionClosed) {
		return nil
	}
	return err
}

type server struct {
	cfg     Config
	ctx     context.Context //nolint:containedctx // requests have none of their own
	queue   *queue
	answers sync.WaitGroup
	most    int // bytes of an answer
}

// take answers a question beside others, as soon as it has a place.
func (s *server) take(name string, r micro.Request) {
	x := question{bytes: len(r.Data()), answer: func() { s.answer(name, r) }}
	if s.cfg.Asker != nil {
		x.asker = s.cfg.Asker(r.Subject())
	}
	now, taken := s.queue.add(x)
	if !taken {
		refuse(r, &Error{statusTooMany, fmt.Sprintf("%d questions of yours wait, or %d of everybody's, the most at "+
			"once: ask again when they are answered", maxWaitingEach, maxWaiting)})
	}
	if !now {
		return
	}
	s.answers.Go(func() {
		for is := true; is; x, is = s.queue.done(x.asker) {
			x.answer()
		}
	})
}

func (s *server) answer(name string, r micro.Request) {
	if s.ctx.Err() != nil {
		refuse(r, &Error{statusUnavailable, "the service ends; ask again"})
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, answerTime)
	defer cancel()
	body, err := s.cfg.Answer(ctx, name, r.Subject(), r.Data())
	var e *Error
	switch {
	case errors.As(err, &e):
	case err != nil:
		s.cfg.Log.Error("no answer", slog.String("question", name), slog.Any("error", err))
		e = &Error{statusInternal, "there is no answer: the log of the service says why"}
	case len(body) > s.most:
		e = &Error{statusTooLarge, fmt.Sprintf("the answer has %d bytes, and a message %d at the most: ask for a "+
			"shorter time or for fewer dimensions", len(body), s.most)}
	}
	if e != nil {
		refuse(r, e)
		return
	}
	_ = r.Respond(body) // a lost asker reads nothing
}

// refuse answers with an error, in the headers of NATS and as a body.
func refuse(r micro.Request, e *Error) {
	body, err := json.Marshal(struct {
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{e.Status, e.Text})
	if err == nil {
		_ = r.Error(strconv.Itoa(e.Status), e.Text, body) // a lost asker reads nothing
	}
}

// Ask asks a question and returns the answer. Error: an *Error; status 503 where nobody answers.
func Ask(ctx context.Context, b *bus.Bus, subject string, body []byte) ([]byte, error) {
	m, err := b.Conn().RequestWithContext(ctx, subject, body)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, &Error{statusUnavailable, "nobody answers questions over NATS: start daybook serve"}
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", subject, err)
	}
	if text := m.Header.Get(micro.ErrorHeader); text != "" {
		status, err := strconv.Atoi(m.Header.Get(micro.ErrorCodeHeader))
		if err != nil {
			status = statusInternal
		}
		return nil, &Error{status, text}
	}
	return m.Data, nil
}
