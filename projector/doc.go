// Package projector derives what ran from what was reported: it folds the facts of USAGE into
// timelines and publishes their spans to METERED.
//
// Reads USAGE, in order: facts, horizons, gaps, and operators' decisions on what is held.
//
// Writes METERED: for each fact that changed something, one message on
// metered.<source>.<foundation>.<tenant>.<kind>.<resource> with the spans retracted, the spans
// closed, the anomalies, and all that runs and all that is held under the subject now; for each
// horizon, the spans cut at the boundaries that it passed and then the horizon; for each gap, what
// it puts in doubt and then the gap. Snapshots of its state go to the Object Store bucket
// daybook-projector.
//
// Guarantees: the output is a pure function of USAGE and of the settings, byte for byte. Spans of
// one timeline never overlap; a span that is retracted was published before, with the same id;
// spans in the services' cuts never cross a boundary. Each output is appended exactly once (see
// internal/stage).
//
// A crash at any point loses nothing: the output stream is the checkpoint, the state is derived
// again from a snapshot or from the start, and the digest of the outputs must come out the same.
//
// All but config.go and projector.go is pure, and shared with `daybook rate`. In the order in which
// a fact goes through them: meter.go, track.go, timeline.go with gap.go (processes, tasks,
// services) or builds.go or trove.go, difference.go, cut.go.
package projector
