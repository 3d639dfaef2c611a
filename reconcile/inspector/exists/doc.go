// Package exists draws a floorplan from Trove's exists notifications alone. It is pure: it reads
// and writes nothing, so a crash does nothing to it.
//
// An exists proves that a database lived, and its flavour; it says nothing of a volume. Silence
// proves nothing: a task manager that is down reports nobody, one error of Nova's suppresses a
// whole round, and Trove after 25.0.0 passes over servers that were made before it tagged them,
// until an operator does. The listings are therefore never complete, for absence. Where no API can
// be asked, the projector's own rule ends a database that is reported no more while others are; a
// plan has it as a difference with its money (reconcile.Blueprint.Silent).
package exists
