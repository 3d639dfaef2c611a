// Package posted keeps the spans that have charges, in as few bytes as a pure step allows.
//
// The pricer reverses a span by rating it again, and a new catalogue rates all of them, so it keeps
// all that a price depends on. There are very many of them, and few are read again.
//
// Spans is a log of records in memory, with an index by id. A record adds a text, adds a span, or
// takes a span away. A span names its texts (where it belongs, its name, its footprint) by their
// numbers, so each of them stands once however many spans have it; ids are 16 bytes, times are
// seconds and differences. The log is divided into pieces. Only the last piece grows, and the
// others never change, so a snapshot writes each of them once. When more than half of the log is
// dead, or a quarter when a month was dropped, the live spans are written to a new one.
//
// The records, each in a piece of its own as a whole (uvarint: as in encoding/binary; text: its
// length as uvarint, and its bytes; time: seconds, twice zig-zagged, plus 1 where nanoseconds
// follow):
//
//	text  tag 1, text                            takes the next number, from 0
//	gone  tag 2, uvarint address of the span
//	span  tag 3, flags, form, id, cause, resource where form says so, uvarint number of the place,
//	      of the name and of the footprint, start, end after start, start after since where form
//	      says so, uvarint version plus 1, correction where form says so
//
// The package is pure and not safe for concurrent use.
package posted
