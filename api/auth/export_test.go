package auth

import (
	"context"
	"time"
)

// Limits of lookups.
const (
	MaxAnswers   = maxAnswers
	MaxQuestions = maxQuestions
)

// Lookup is a lookup of texts.
type Lookup struct{ of *lookup[string] }

// NewLookup makes a Lookup by a clock.
func NewLookup(now func() time.Time) Lookup { return Lookup{newLookup[string](now)} }

// Get answers as ask does, for a minute.
func (l Lookup) Get(ctx context.Context, key string, ask func(ctx context.Context) (string, error)) (string, error) {
	return l.of.get(ctx, key, func(ctx context.Context) (answer[string], error) {
		text, err := ask(ctx)
		return answer[string]{text, l.of.now().Add(time.Minute)}, err
	})
}

// Remembered is the number of answers.
func (l Lookup) Remembered() int { return len(l.of.young) + len(l.of.old) }
