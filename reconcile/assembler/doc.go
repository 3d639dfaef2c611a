// Package assembler enacts construction plans: each remodel becomes an observation in USAGE.
//
// Reads the observations of the foundation in USAGE, METERED (what is billed, and the answers of
// the projector), and the platform. Writes acts to USAGE, by package acts, and nothing else.
//
// # Guarantees
//
//   - A plan that is too old, or that was changed, is refused as a whole.
//   - A remodel is enacted only where, right before, the platform still says so about the resource
//     alone, and METERED bills what the plan says. Else it is skipped with a word.
//   - Stages follow each other: starts, changes, stops. A stage begins when METERED has the effect
//     of the one before it.
//   - Each observation is stored once, whoever enacts the plan how often: its id is that of plan
//     and resource, and the subject of the acts is the lock.
//
// # Crash
//
// What is stored stays. The same plan, enacted again while it lives, goes on behind it. Without
// that the plan stands as far as it came: each observation is true by itself, and Revert takes all
// of them back.
package assembler
