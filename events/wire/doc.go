// Package wire reads the JSON of Daybook's messages: one Scanner for all types of events, by hand,
// because every service reads every message.
package wire
