// Package wire reads and writes the JSON of Daybook's messages: one Scanner for all types of
// events, by hand, because every service reads every message, and functions that write single
// fields.
package wire
