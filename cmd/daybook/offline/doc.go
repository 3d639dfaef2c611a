// Package offline has the commands that need no server: metering and pricing of files (rate.go),
// and made-up platforms (simulate.go).
package offline
