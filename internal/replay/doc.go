// Package replay knows how METERED adds up: which spans stand, and what runs and is held under each
// subject. It tells the difference between what is stored and what today's projector derives, as
// messages that take the one back and publish the other.
//
// Only what adds up is compared: spans closed and not retracted, and the last that is said about
// each subject. Horizons, gaps and anomalies were said at their time and are not said again.
package replay
