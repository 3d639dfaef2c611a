// Package print writes the results of Daybook's commands: tables for people, JSON for scripts (one
// object a line), and progress on a terminal. It derives nothing and asks nobody; the shapes of the
// JSON are a contract with scripts.
package print
