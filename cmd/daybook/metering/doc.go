// Package metering has the commands about usage as METERED has it: running resources (running.go),
// facts in conflict (anomalies.go), and holds, with the decisions about them (holds.go and its
// neighbours).
package metering
