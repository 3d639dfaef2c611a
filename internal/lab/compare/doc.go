// Package compare holds two versions of the program against each other: the demo and simulated
// worlds go through `daybook up --once` of both binaries, and the streams are compared.
//
// Bytes compares message by message: subject, headers and body. It passes over the values of the
// moment: the time of an act, and the places where batches begin and end. The chain at the
// end of a stream covers every message before it and must be equal.
//
// Content compares the meaning: the facts of each subject, the net spans, the running and the held
// state of each subject, the net charges and their sums by tenant, kind, plan, component and month.
// It suits versions with other messages for the same bill.
//
//	go run ./internal/lab/compare/run OLD NEW
package compare
