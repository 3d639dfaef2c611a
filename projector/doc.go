// Package projector derives what ran from what was reported: it folds the facts of USAGE into
// timelines and publishes their spans to METERED.
//
// Reads USAGE, in order: facts, horizons, gaps, and operators' decisions on holds.
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
// The stage shell is config.go and projector.go. The rest is pure, and shared with `daybook rate`.
// A fact goes through meter.go, the timeline of its resource and message.go. A timeline belongs to
// a platform, in projector/cf or projector/trove; neither knows the other, and the meter knows both
// by projector/timeline only. Another platform is another folder, and one line in platforms.go.
package projector
