package stage

import (
	"context"
	"fmt"
)

// Lacks says which messages an output stream lacks, "" where it lacks none: it compares what the
// server counts with the count in the last one. It reads no more, and the stage may be at work. An
// audit of the whole stream finds all of it. Of the Config it needs the output and its subjects.
func Lacks(ctx context.Context, b Source, cfg Config) (string, error) {
	before, err := b.Stream(ctx, cfg.Output)
	if err != nil {
		return "", err
	}
	cp, err := cfg.readCheckpoint(ctx, b)
	if err != nil {
		return "", err
	}
	after, err := b.Stream(ctx, cfg.Output)
	switch {
	case err != nil:
		return "", err
	case after.Last < before.Last: // it lost its end just now, and is derived again
	case cp.Sequence == 0 && before.Last > 0:
		return fmt.Sprintf("it is empty and went as far as message %d", before.Last), nil
	case after.Messages < cp.count:
		return fmt.Sprintf("the server counts %d messages, from message %d on, and the last one says that there are %d",
			after.Messages, after.First, cp.count), nil
	case cp.Sequence < before.Last:
		return fmt.Sprintf("it went as far as message %d, and nothing is delivered behind message %d", before.Last,
			cp.Sequence), nil
	}
	return "", nil
}
