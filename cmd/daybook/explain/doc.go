// Package explain has the commands that say why: what became of an event (trace.go), what a
// charge goes back to (explain.go), and which entries a line of a statement has (line.go).
package explain
