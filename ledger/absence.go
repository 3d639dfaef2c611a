package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/stage"
)

// Absent returns sentences about messages that streams lack: of USAGE, METERED and BILLING those
// that are named. It compares the server's counts, first and last sequences with the counts that
// the streams have themselves, which is quick, and may be done while services run. CatchUp finds
// all of METERED and BILLING that Absent finds. A stream that does not exist yet lacks nothing.
func Absent(ctx context.Context, b stage.Source, names ...string) (missing []string, err error) {
	for _, name := range names {
		lack := ""
		if name == events.StreamUsage {
			lack, err = usageLacks(ctx, b)
		}
		for stream, derived := range streamNames() {
			if name != derived {
				continue
			}
			lack, err = stage.Lacks(ctx, b, stage.Config{
				Name: stageNames()[stream], Output: name, OutputFilter: streamFilters()[stream],
			})
			if lack != "" {
				lack = advised(stream, lack)
			}
		}
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return missing, err
		}
		if lack != "" {
			missing = append(missing, lack)
		}
	}
	return missing, nil
}

// Kept is the part of the bus that tells whether streams lose messages.
type Kept interface {
	stage.Source
	// CheckStreams compares the settings of all streams, as bus.CheckStreams does.
	CheckStreams(ctx context.Context) error
}

// Losing returns the sentences of Absent, and one for each setting of a stream that loses messages.
// With an error it returns those that it found.
func Losing(ctx context.Context, b Kept, names ...string) (wrong []string, err error) {
	wrong, absent := Absent(ctx, b, names...)
	settings := b.CheckStreams(ctx)
	var differ *bus.StreamsError
	if errors.As(settings, &differ) {
		settings = nil
		for _, d := range differ.Differences {
			wrong = append(wrong, d.String())
		}
	}
	return wrong, errors.Join(absent, settings)
}

// usageLacks is Absent for USAGE: nothing is ever removed from it.
func usageLacks(ctx context.Context, b stage.Source) (string, error) {
	state, err := b.Stream(ctx, events.StreamUsage)
	if err != nil || state.Messages == state.Last {
		return "", err
	}
	return fmt.Sprintf("%s: %d of its %d messages are gone, and it begins at message %d: what they told is on no bill "+
		"that is derived anew. Nothing brings it back but a backup that is whole: nats stream restore",
		events.StreamUsage,
		absent(&state), state.Last, state.First), nil
}

// advised is a sentence about what METERED or BILLING lacks, with the way back.
func advised(stream int, lack string) string {
	stage := stageNames()[stream]
	return fmt.Sprintf("%s: %s; `daybook verify --deep %s` names the first difference, and `daybook replay %s` "+
		"publishes "+
		"it", streamNames()[stream], lack, stage, stage)
}
