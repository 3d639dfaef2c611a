// Package projector derives METERED from USAGE: it folds the facts of each resource into a
// timeline, and publishes the spans of its run.
//
// Reads USAGE, in order: facts, horizons, gaps, and the acts of people on their own subjects:
// decisions on holds, retirements of collectors, words about months, catalogue versions, seals of
// statements. For a late fact of folded time, and for one of a forgotten resource about what was
// before, it reads the subject of the resource again, in USAGE and METERED.
//
// Writes METERED. For the facts of one window (a batch of a collector; else a fact) with an effect
// on a subject: one message on metered.<source>.<foundation>.<tenant>.<kind>.<resource> with the
// spans retracted, the spans closed, the anomalies, and the open spans and holds of the resources
// that change. It lists the others under the subject, too, if there are at most 20, and else counts
// them. Spans of closed months stand in a message of their own, a correction. For each horizon: the
// spans cut at the boundaries before it, and then the horizon. For each gap: the spans it makes
// unproven, and then the gap. For the pricer: each catalogue version that is put in force, on
// metered.catalogue, and each seal, on metered.<source>.<foundation>.seal. Snapshots of its state
// go to the Object Store bucket daybook-projector.
//
// Guarantees: the output is a pure function of USAGE and of the settings, byte for byte. Spans of
// one timeline never overlap. A retraction repeats its span to the letter, labels and evidence too,
// and names the message that published it with its correction month: nobody downstream has to keep
// spans. Spans in the services' cuts never cross a boundary. Each output is appended exactly once
// (see internal/stage). Nothing is put out in the middle of a window, and no snapshot divides one.
//
// A crash at any point loses nothing: the output stream is the checkpoint, the state is derived
// again from a snapshot or from the start, and the digest of the outputs must come out the same.
//
// The stage shell is config.go and projector.go. The rest is pure, and shared with `daybook rate`.
// A fact goes through meter.go, the timeline of its resource, window.go and message.go;
// published.go keeps the spans that a message published. late.go, with internal/history (what is
// read) and internal/rederive (what that gives), is the way of facts about folded months. A
// timeline belongs to a platform, in projector/cf or projector/trove; neither knows the other, and
// the meter knows both by projector/timeline only. Another platform is another folder, and one line
// in platforms.go.
package projector
