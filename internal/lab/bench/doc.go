// Command bench measures the program as its users run it, and prints one table of ratios: each
// compares two measurements of the same run, so that it says the same on another machine.
//
// Give it the binary to measure and, with -old, the binary of an earlier version. Every measurement
// is a process of its own with a data folder of its own; worlds come from the simulator.
//
// The files: main.go (the table), program.go (runs the binary), worlds.go (the inputs), chain.go,
// memory.go, history.go, latency.go, benchmarks.go (the measurements), year.go, kept.go and
// reading.go (a year of charges, that of an earlier run, and questions about them).
package main
