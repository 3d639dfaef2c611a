// Package explain has the commands that say why: what became of an event (trace.go), and what a
// charge goes back to (explain.go).
package explain
