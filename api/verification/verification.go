// Package verification runs verifications for the API: one at a time, beside everything else.
//
// Reads the streams, by the function that it is given; writes nothing. A run goes on when its asker
// has gone, until it ends, somebody stops it, or the process ends. The last run is in memory alone:
// a crash forgets it.
package verification

import (
	"context"
	"sync"
	"time"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/events"
)

// Verify derives the outputs of the stages again, compares them with the stored ones, and tells of
// each stage as it goes on. With deep it compares every byte. An error comes from the streams, or
// from ctx.
type Verify func(ctx context.Context, deep bool, tell func(VerifiedStage)) error

// StageState says how far the verification of a stage is.
type StageState string

// The states of a stage.
const (
	StageRunning StageState = "running"
	StageWhole   StageState = "whole"   // the stored output is what the input derives
	StageDiffers StageState = "differs" // it is not, or facts are missing
	StageFailed  StageState = "failed"  // it could not be told
)

// VerifiedStage is the verification of one stage.
type VerifiedStage struct {
	Stage    string     `json:"stage" doc:"projector, or pricer."`
	Input    string     `json:"input" doc:"Stream that it is derived from."`
	Output   string     `json:"output" doc:"Stream that is verified."`
	State    StageState `json:"state" enum:"running,whole,differs,failed"`
	Done     uint64     `json:"done" doc:"Inputs derived again."`
	Total    uint64     `json:"total" doc:"Inputs to derive again."`
	Outputs  uint64     `json:"outputs" doc:"Messages compared."`
	Sequence uint64     `json:"sequence,omitempty" doc:"Of the last message compared."`
	Chain    string     `json:"chain,omitempty" doc:"Digest over the messages up to there."`
	Missing  []string   `json:"missing,omitempty" doc:"What is missing of the input."`
	Problem  string     `json:"problem,omitempty" doc:"The first difference, and what to do."`
}

// RunState says how far a run is.
type RunState string

// The states of a run.
const (
	RunNone    RunState = "none" // since the process began
	RunRunning RunState = "running"
	RunEnded   RunState = "ended"
	RunStopped RunState = "stopped" // before its end
)

// Verification is the last run of one.
type Verification struct {
	State  RunState        `json:"state" enum:"none,running,ended,stopped"`
	Whole  bool            `json:"whole" doc:"It has ended, and every stage is whole."`
	Deep   bool            `json:"deep" doc:"Every byte is compared, not only the digest at the end."`
	By     string          `json:"by,omitempty" doc:"Who asked for it."`
	Begun  string          `json:"begun,omitempty" format:"date-time"`
	Ended  string          `json:"ended,omitempty" format:"date-time"`
	Stages []VerifiedStage `json:"stages"`
}

// Question asks for the last run, or stops it.
type Question struct{}

// VerifyWord asks for a run.
type VerifyWord struct {
	Deep bool `json:"deep,omitempty" doc:"Compare every byte, not only the digest at the end."`
}

// Runs are the verifications of a process. They are safe for concurrent use. Make them with New.
type Runs struct {
	verify Verify
	now    func() time.Time
	jobs   chan context.Context // one at most

	mu   sync.Mutex
	last Verification
	stop context.CancelFunc // of the run under way; nil without one
}

// New returns runs of a verification; without one the API verifies nothing.
func New(verify Verify, now func() time.Time) *Runs {
	return &Runs{
		verify: verify, now: now, jobs: make(chan context.Context, 1),
		last: Verification{State: RunNone, Stages: []VerifiedStage{}},
	}
}

// Run does what is asked for, until ctx ends.
func (r *Runs) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-r.jobs:
			own, cancel := context.WithCancel(ctx)
			release := context.AfterFunc(job, cancel)
			err := r.verify(own, r.Last().Deep, r.tell)
			release()
			cancel()
			r.ended(job.Err() != nil || ctx.Err() != nil, err)
		}
	}
}

// tell takes the news of a stage.
func (r *Runs) tell(s VerifiedStage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.last.Stages)
	if n > 0 && r.last.Stages[n-1].Stage == s.Stage {
		r.last.Stages[n-1] = s
	} else {
		r.last.Stages = append(r.last.Stages, s)
	}
}

// ended takes the end of a run.
func (r *Runs) ended(stopped bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
	r.stop = nil
	r.last.State, r.last.Ended = RunEnded, events.FormatTime(r.now().UTC().Truncate(time.Second))
	if stopped && err != nil {
		r.last.State = RunStopped
		return
	}
	r.last.Whole = err == nil && len(r.last.Stages) > 0
	for i := range r.last.Stages {
		s := &r.last.Stages[i]
		if s.State == StageRunning && err != nil {
			s.State, s.Problem = StageFailed, err.Error()
		}
		r.last.Whole = r.last.Whole && s.State == StageWhole
	}
	if err != nil && len(r.last.Stages) == 0 {
		r.last.Stages = []VerifiedStage{{State: StageFailed, Problem: err.Error()}}
	}
}

// Last is the last run.
func (r *Runs) Last() *Verification {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	last.Stages = append([]VerifiedStage{}, r.last.Stages...)
	return &last
}

// errNone: the API has no verification.
var errNone = &answer.Problem{
	Kind: answer.Refused, Detail: "this API verifies nothing: use daybook verify",
}

// State answers with the last run, to those who may see all of a foundation.
func (r *Runs) State(_ context.Context, asker *answer.Asker, _ *Question) (*Verification, error) {
	if !asker.Usage.Whole() {
		return nil, answer.NoTenant()
	}
	return r.Last(), nil
}

// Begin begins a run, for those who decide in all foundations: the streams are those of all. A
// Refused Problem says that one is under way.
func (r *Runs) Begin(_ context.Context, asker *answer.Asker, x *VerifyWord) (*Verification, error) {
	if err := may(asker); err != nil {
		return nil, err
	}
	if r.verify == nil {
		return nil, errNone
	}
	r.mu.Lock()
	if r.stop != nil {
		r.mu.Unlock()
		return nil, &answer.Problem{Kind: answer.Refused, Detail: "a verification is under way: wait, or stop it"}
	}
	var job context.Context
	job, r.stop = context.WithCancel(context.Background())
	r.last = Verification{
		State: RunRunning, Deep: x.Deep, By: asker.Name, Stages: []VerifiedStage{},
		Begun: events.FormatTime(r.now().UTC().Truncate(time.Second)),
	}
	r.jobs <- job // there is a place: no run is under way
	r.mu.Unlock()
	return r.Last(), nil
}

// Stop stops the run under way; without one nothing changes.
func (r *Runs) Stop(_ context.Context, asker *answer.Asker, _ *Question) (*Verification, error) {
	if err := may(asker); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.stop != nil {
		r.stop()
	}
	r.mu.Unlock()
	return r.Last(), nil
}

// may tells why an asker does not verify.
func may(asker *answer.Asker) error {
	switch {
	case !asker.Usage.Whole():
		return answer.NoTenant()
	case !asker.Decide.Everybody:
		return &answer.Problem{
			Kind: answer.Forbidden, Detail: "you may see what was verified, and not have it verified: the streams " +
				"are those of all foundations",
		}
	}
	return nil
}
