package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Limits of questions about roles and to Keystone.
const (
	remember        = time.Minute      // an answer, from the question on
	rememberNothing = 10 * time.Second // an answer that shows nothing
	lookupTimeout   = 10 * time.Second // of a question
	maxAnswers      = 10_000           // remembered
	maxQuestions    = 16               // under way at once
)

// answer is an answer with the time until which it may be given again.
type answer[V any] struct {
	value V
	until time.Time
}

// lookup asks a question once at a time for each key, and remembers the answers. Errors are not
// remembered. It is safe for concurrent use.
type lookup[V any] struct {
	now     func() time.Time
	flights singleflight.Group
	places  chan struct{} // one for each question under way

	// mu guards the two generations of answers: the older one goes when the younger one is full.
	mu         sync.Mutex
	young, old map[string]answer[V]
}

func newLookup[V any](now func() time.Time) *lookup[V] {
	return &lookup[V]{now: now, places: make(chan struct{}, maxQuestions), young: map[string]answer[V]{}}
}

// get returns the remembered answer, or asks. The question goes on when ctx ends, for others who
// wait for it. Every error wraps ErrUnavailable.
func (l *lookup[V]) get(ctx context.Context, key string, ask func(ctx context.Context) (answer[V], error)) (V, error) {
	var none V
	if value, ok := l.remembered(key); ok {
		return value, nil
	}
	flight := l.flights.DoChan(key, func() (any, error) {
		select {
		case l.places <- struct{}{}:
			defer func() { <-l.places }()
		default:
			return none, errors.New("too many questions are under way")
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		a, err := ask(ctx)
		if err != nil {
			return none, err
		}
		l.keep(key, a)
		return a.value, nil
	})
	select {
	case result := <-flight:
		value, ok := result.Val.(V)
		if result.Err == nil && ok {
			return value, nil
		}
		return none, unavailable(result.Err)
	case <-ctx.Done():
		return none, unavailable(ctx.Err())
	}
}

func (l *lookup[V]) remembered(key string) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.young[key]
	if !ok {
		a, ok = l.old[key]
	}
	return a.value, ok && l.now().Before(a.until)
}

func (l *lookup[V]) keep(key string, a answer[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.young) >= maxAnswers/2 {
		l.old, l.young = l.young, map[string]answer[V]{}
	}
	l.young[key] = a
}
