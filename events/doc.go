// Package events is Daybook's vocabulary: the facts that collectors store, the spans that
// projectors derive from them, the charges that pricers post, and the ids, subjects, times and
// money that all of them share.
//
// The package does no I/O and imports nothing of ours. Every type that travels has
//
//   - a plain Go struct (usage.go, metered.go, billing.go),
//   - a codec by hand, AppendJSON and Decode… (codec_*.go), fast because every service runs it for
//     every message,
//   - a proto3 message in proto/daybook/v1, whose JSON mapping is what is on the wire,
//   - a JSON Schema in schemas/,
//
// and one test that holds the four together. Optional values are left out of the JSON, not written
// as null.
package events
