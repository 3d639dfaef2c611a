package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrNotFound: there is no such message, stream or object.
	ErrNotFound = errors.New("not found")
	// ErrOutcomeUnknown: nobody can say whether the append was stored. Read the stream before
	// trying again.
	ErrOutcomeUnknown = errors.New("it is unknown whether the batch was stored: read the stream before trying again")
	// ErrNotConnected: nothing was sent; the connection is being repaired, so try again.
	ErrNotConnected = errors.New("there is no connection to NATS")
	// ErrStreamChanged: the stream is another one than before; it was recreated, restored
	// or cut at its end.
	ErrStreamChanged = errors.New("the stream was recreated or restored")
	// ErrGap: messages are missing between two others and were not deleted one by one.
	ErrGap = errors.New("messages are missing")
	// ErrCorrupt: an object's content is another one than was put.
	ErrCorrupt = errors.New("the object is damaged")
	// ErrDenied: the user may not do this.
	ErrDenied = errors.New("permission denied")
)

// ConflictError tells of another writer: the expectation of an append was not met. Of an Append
// nothing was stored; of an AppendDerived, the messages before the refused one were.
type ConflictError struct {
	Stream string
	Expect Expect
	Actual uint64 // the last sequence the server found instead
	Stored uint64 // messages at the beginning of the batch
}

func (e *ConflictError) Error() string {
	on := "stream " + e.Stream
	if e.Expect.Filter != "" {
		on = e.Expect.Filter + " in " + on
	}
	stored := "nothing was stored"
	if e.Stored > 0 {
		stored = fmt.Sprintf("the first %d messages of the batch were stored", e.Stored)
	}
	return fmt.Sprintf("the last message on %s is %d, not %d: somebody else has appended; %s", on, e.Actual,
		e.Expect.Last+e.Stored, stored)
}

// Codes of the server's errors without a name in nats.go. Source:
// nats-server/server/errors.json.
const (
	codeAccountResources      = 10002
	codeNoPeers               = 10005
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStreamMismatch        = 10060
	codeSubjectOverlap        = 10065
	codeReplicasNotClustered  = 10074
	codeStoreFailed           = 10077
	codeAtomicDisabled        = 10174
	codeAtomicIncomplete      = 10176
	codeAtomicTooLarge        = 10199
	codeAtomicDuplicate       = 10201
	codeIngestDisabled        = 10205
	codeIngestUnknown         = 10208
	codeAtomicInflight        = 10210
	codeIngestInflight        = 10211
)

// advice is the way out of an error in the server's answer.
func advice(stream string, api *jetstream.APIError) string {
	if _, do, ok := lacksRoom(stream, api); ok {
		return do
	}
	switch api.ErrorCode {
	case codeAtomicDisabled:
		return "the stream does not allow atomic batches: nats stream edit " + stream + " --allow-batch"
	case codeAtomicTooLarge:
		return fmt.Sprintf("the server's limit for a batch is below %d messages: raise "+
			"jetstream.limits.max_batch_size in its configuration", MaxBatch)
	case codeAtomicIncomplete:
		return "the server did not get the whole batch and stored nothing of it: try again; if it happens again, " +
			"check that the user may publish to every subject of the batch"
	case codeAtomicDuplicate:
		return "a message has a Nats-Msg-Id that was seen before: leave that header out"
	case codeIngestDisabled:
		return "the stream does not take fast-ingest batches, as those of another version of Daybook do not: the " +
			"start of a service says what to do"
	case codeIngestUnknown:
		return "the server does not know the batch any more: it ended it, or another server leads the stream now"
	case codeAtomicInflight, codeIngestInflight:
		return "too many batches are under way: try again later"
	case codeStreamMismatch:
		return "the subjects belong to another stream: compare with nats stream ls --subjects"
	case codeSubjectOverlap:
		return "another stream takes the same subjects: find it with nats stream ls --subjects"
	case codeNoPeers:
		return "too few servers of the cluster are up for the replicas: start the others, or ask for fewer with " +
			"--replicas"
	case codeReplicasNotClustered:
		return "the server is not part of a cluster: ask for 1 replica, or connect to a cluster"
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return "a message is larger than the stream allows: nats stream edit " + stream + " --max-msg-size=-1"
	case jetstream.JSErrCodeStreamNotFound:
		return "there is no such stream: nats stream ls shows those that the user can see"
	case jetstream.JSErrCodeJetStreamNotEnabledForAccount, jetstream.JSErrCodeJetStreamNotEnabled:
		return "enable JetStream for the account"
	case jetstream.JSErrCodeMaximumConsumersLimit:
		return "too many readers: compare nats consumer ls " + stream + " with the stream's and the account's limits"
	}
	return "see the server's log"
}

// requestError explains a failed request about a stream. what is a phrase such as "reading
// stream USAGE".
func requestError(what, stream string, err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api):
		if api.ErrorCode == jetstream.JSErrCodeStreamNotFound || api.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			err = fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		return fmt.Errorf("%s: %w: %s", what, err, advice(stream, api))
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s: %w: no server with JetStream answers; check the cluster's state with nats server "+
			"report jetstream", what, err)
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: the server did not answer in time; check its load, and that the user may use "+
			"$JS.API.>", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// TooLarge reports whether an append failed because a message is larger than the server or the
// stream takes.
func TooLarge(err error) bool {
	api := apiError(err)
	return errors.Is(err, nats.ErrMaxPayload) ||
		api != nil && api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum
}
