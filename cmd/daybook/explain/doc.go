// Package explain has the commands that say why: what became of an event (trace.go).
package explain
