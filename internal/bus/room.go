package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// RoomError tells that the server has no room for an append: a limit of the server, the account or
// the stream is met, or its disk is full. Where the beginning of the batch may be stored, it is an
// ErrOutcomeUnknown, too. The append succeeds when there is room.
type RoomError struct {
	Stream string
	Over   bool // Config.RoomWait has passed
	Err    error
}

func (e *RoomError) Error() string {
	if e.Over {
		return "there is no room, and the wait for it is over: " + e.Err.Error()
	}
	return "there is no room: " + e.Err.Error()
}

// Unwrap returns the error of the append.
func (e *RoomError) Unwrap() error { return e.Err }

// NoRoom reports whether an append waits for room.
func NoRoom(err error) bool {
	var room *RoomError
	return errors.As(err, &room)
}

// RoomOver reports whether an append has waited for room as long as it may.
func RoomOver(err error) bool {
	var room *RoomError
	return errors.As(err, &room) && room.Over
}

// Lack is a stream without room for an append that waits.
type Lack struct {
	Who    string    `json:"who"` // the connection: "daybook projector"
	Stream string    `json:"stream"`
	Since  time.Time `json:"since"`
	Cause  string    `json:"cause"`
	Do     string    `json:"do"`
}

// String is the lack in a line.
func (l *Lack) String() string {
	return fmt.Sprintf("no room in %s since %s (%s): %s; what was not stored waits, and is stored when there is room",
		l.Stream, l.Since.UTC().Format(time.RFC3339), l.Cause, l.Do)
}

const (
	// roomSubject is where a connection with a lack answers with its lacks.
	roomSubject = "daybook.room"
	// roomQuiet is how long AskRoom waits for another answer, and mostLacks how many it takes.
	roomQuiet = 300 * time.Millisecond
	mostLacks = 1000
	// silentTries is how many appends in a row have no answer before the server counts as one that
	// does not store.
	silentTries = 2
	silentCause = "the server answers requests and does not store"
	countsCause = "the server counts messages that it has not stored"
)

// rooms are the lacks of a connection.
type rooms struct {
	mu    sync.Mutex
	lacks map[string]*lack // by stream; guarded by mu
	asked bool             // it answers on roomSubject; guarded by mu
}

type lack struct {
	Lack
	silent int  // appends without an answer
	named  bool // the server has named the cause
	said   bool // in the log
}

// lacksRoom is the server's word that there is no room, with the way out.
func lacksRoom(stream string, err error) (cause, do string, ok bool) {
	api := apiError(err)
	if api == nil {
		return "", "", false
	}
	switch api.ErrorCode {
	case codeInsufficientResources, codeStorageExceeded:
		return api.Description, "raise max_file_store in the jetstream block of the server's configuration and " +
			"reload it, or restart a server without that setting once its disk has room", true
	case codeAccountResources:
		return api.Description, "raise the account's max_file in the server's configuration and reload it", true
	case codeStoreFailed:
		switch {
		case strings.Contains(api.Description, "maximum bytes"):
			return api.Description, "nats stream edit " + stream + " --max-bytes=-1", true
		case strings.Contains(api.Description, "no space"):
			return api.Description, diskAdvice, true
		}
	}
	return "", "", false
}

const diskAdvice = "where its disk is full or fails, which its log says, make room and restart the server"

// roomFor takes the outcome of an append, and tells a lack of room from other errors. ctx is the
// caller's.
func (b *Bus) roomFor(ctx context.Context, stream string, err error) error {
	var conflict *ConflictError
	switch {
	case errors.As(err, &conflict) && b.counts(ctx, stream, conflict):
		return b.lacking(stream, countsCause, diskAdvice, fmt.Errorf("%w: %s, and the server does not store up "+
			"to there",
			ErrOutcomeUnknown, conflict.Error()), true)
	case err == nil, conflict != nil:
		b.roomAgain(stream)
		return err
	}
	if cause, do, ok := lacksRoom(stream, err); ok {
		return b.lacking(stream, cause, do, err, false)
	}
	if b.silent(ctx, stream, err) {
		return b.lacking(stream, silentCause, diskAdvice, err, true)
	}
	return err
}

// counts reports whether a single server refuses an append for the sake of messages that it has
// counted and could not store, as after a write to a full disk.
func (b *Bus) counts(ctx context.Context, stream string, conflict *ConflictError) bool {
	if conflict.Expect.Filter != "" || conflict.Actual <= conflict.Expect.Last || ctx.Err() != nil {
		return false
	}
	info, err := b.streamInfo(ctx, stream)
	return err == nil && info.Config.Replicas <= 1 && info.State.LastSeq < conflict.Actual
}

// silent reports whether the server answers and has not answered an append, or answers that it
// lacks messages of an atomic batch. A single server whose disk is full does so until it restarts;
// a cluster elects another leader.
func (b *Bus) silent(ctx context.Context, stream string, err error) bool {
	api := apiError(err)
	mute := errors.Is(err, ErrOutcomeUnknown) && errors.Is(err, context.DeadlineExceeded)
	lacks := api != nil && api.ErrorCode == codeAtomicIncomplete
	if !mute && !lacks || ctx.Err() != nil || !b.nc.IsConnected() {
		return false
	}
	info, err := b.streamInfo(ctx, stream)
	return err == nil && info.Config.Replicas <= 1
}

// lacking notes a lack, and says so once.
func (b *Bus) lacking(stream, cause, do string, err error, silent bool) error {
	b.rooms.mu.Lock()
	l := b.rooms.lacks[stream]
	if l == nil {
		l = &lack{Lack: Lack{Who: b.cfg.Name, Stream: stream, Since: time.Now()}}
		b.rooms.lacks[stream] = l
	}
	if silent {
		l.silent++
	} else {
		l.said = l.said && l.named // the server names the cause, which was guessed before
		l.named = true
	}
	if !silent || !l.named { // a slow server does not make another cause of a named one
		l.Cause, l.Do = cause, do
	}
	say := !l.said && (l.named || l.silent >= silentTries)
	l.said = l.said || say
	ask := say && !b.rooms.asked
	b.rooms.asked = b.rooms.asked || ask
	over := b.cfg.RoomWait > 0 && time.Since(l.Since) >= b.cfg.RoomWait
	b.rooms.mu.Unlock()
	if ask {
		_, _ = b.nc.Subscribe(roomSubject, b.answerRoom) // without it, status knows less
	}
	if say {
		b.cfg.Log.Warn("no room for an append; waiting until there is", slog.String("stream", stream),
			slog.String("do", do), slog.String("cause", cause))
	}
	return &RoomError{Stream: stream, Over: over, Err: err}
}

// roomAgain ends a lack.
func (b *Bus) roomAgain(stream string) {
	b.rooms.mu.Lock()
	l := b.rooms.lacks[stream]
	delete(b.rooms.lacks, stream)
	b.rooms.mu.Unlock()
	if l != nil && l.said {
		b.cfg.Log.Info("there is room again", slog.String("stream", stream), slog.Duration("waited",
			time.Since(l.Since).Round(time.Millisecond)))
	}
}

// Lacks are the streams without room for an append of this connection's, in alphabetical order.
func (b *Bus) Lacks() []Lack {
	b.rooms.mu.Lock()
	defer b.rooms.mu.Unlock()
	var all []Lack
	for _, l := range b.rooms.lacks {
		if l.said {
			all = append(all, l.Lack)
		}
	}
	slices.SortFunc(all, func(x, y Lack) int { return cmp.Compare(x.Stream, y.Stream) })
	return all
}

// Room is an error with every lack. It is a readiness check.
func (b *Bus) Room() error {
	var all []error
	for _, l := range b.Lacks() {
		all = append(all, errors.New(l.String()))
	}
	return errors.Join(all...)
}

// RoomOver is a *RoomError where an append has waited for room for Config.RoomWait.
func (b *Bus) RoomOver() error {
	for _, l := range b.Lacks() {
		if b.cfg.RoomWait > 0 && time.Since(l.Since) >= b.cfg.RoomWait {
			return &RoomError{Stream: l.Stream, Over: true, Err: errors.New(l.String())}
		}
	}
	return nil
}

// answerRoom answers another connection's AskRoom.
func (b *Bus) answerRoom(m *nats.Msg) {
	if body, err := json.Marshal(b.Lacks()); err == nil { // null for none
		_ = m.Respond(body)
	}
}

// AskRoom asks the other connections for their lacks, and the server for streams that are full: at
// most 1,000 of them.
func (b *Bus) AskRoom(ctx context.Context) ([]Lack, error) {
	answers, err := b.nc.SubscribeSync(b.nc.NewInbox())
	if err == nil {
		defer func() { _ = answers.Unsubscribe() }()
		err = b.nc.PublishRequest(roomSubject, answers.Subject, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("asking services for room: %w", err)
	}
	var all []Lack
	for len(all) < mostLacks {
		quiet, cancel := context.WithTimeout(ctx, roomQuiet)
		m, err := answers.NextMsgWithContext(quiet)
		cancel()
		if err != nil || m.Header.Get("Status") != "" { // nobody, or nobody else
			break
		}
		var some []Lack
		if json.Unmarshal(m.Data, &some) == nil {
			all = append(all, some...)
		}
	}
	full, err := b.full(ctx)
	for _, l := range full {
		if !slices.ContainsFunc(all, func(known Lack) bool { return known.Stream == l.Stream }) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(x, y Lack) int {
		return cmp.Or(cmp.Compare(x.Stream, y.Stream), cmp.Compare(x.Who, y.Who))
	})
	return all, err
}

// fullPercent is how much of a limit is used where status warns.
const fullPercent = 98

// full are the streams that are at a limit of their own.
func (b *Bus) full(ctx context.Context) (all []Lack, err error) {
	for i := range streamTable {
		name := streamTable[i].name
		info, err := b.streamInfo(ctx, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return all, err
		}
		if limit := info.Config.MaxBytes; limit > 0 && info.State.Bytes >= uint64(limit)/100*fullPercent {
			all = append(all, Lack{
				Who: "the server", Stream: name, Since: info.State.LastTime,
				Cause: fmt.Sprintf("it has %d of %d bytes", info.State.Bytes, limit),
				Do:    "nats stream edit " + name + " --max-bytes=-1",
			})
		}
	}
	return all, nil
}

// awaitRoom repeats a request of a start for as long as there is no room, or Config.RoomWait has
// passed.
func (b *Bus) awaitRoom(ctx context.Context, stream string, request func() error) error {
	for {
		err := request()
		cause, do, ok := lacksRoom(stream, err)
		if !ok {
			b.roomAgain(stream)
			return err
		}
		if err = b.lacking(stream, cause, do, err, false); RoomOver(err) || b.cfg.RoomWait <= 0 {
			return err // a service waits outside, and is live meanwhile
		}
		if Wait(ctx, time.Second) != nil {
			return err
		}
	}
}
