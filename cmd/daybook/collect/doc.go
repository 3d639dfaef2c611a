// Package collect has the commands about input: the collectors (file.go, cf.go, trove.go), the end
// of a collector or a foundation (retire.go), their state (status.go), and input that could not be
// understood (quarantine.go and its neighbours). They write to USAGE and QUARANTINE.
package collect
