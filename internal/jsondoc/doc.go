// Package jsondoc reads one JSON object into a flat list of nodes over its own bytes, for the
// collector's hot path.
//
// The collector needs four things at once, and decoders into structs give none of them: the
// verbatim bytes of every value (one token can be replaced and the rest stays byte for byte), null
// told apart from missing, duplicate keys refused, and errors with the path, the finding and the
// expectation.
//
// Two other packages read JSON by hand. The scanner of events knows its fields, reads straight into
// Daybook's types, and allocates nothing: it could use a tree of nodes only at a cost in every
// service, and events imports nothing. The splitter of internal/cfapi cuts pages of up to 64 MiB
// into the verbatim text of their rows; a Document would have to hold every value of 5,000 rows,
// beyond MaxNodes, and would refuse a page for one bad row.
//
// A Document is strict: RFC 8259 JSON, valid UTF-8, no duplicate keys at any depth, no unpaired
// surrogates, and no \u0000 (Postgres' jsonb cannot hold it). It refuses more than MaxDepth levels
// and MaxNodes values. The time to parse is linear in the bytes, with any number of keys. Documents
// are reused: Parse overwrites their content.
package jsondoc
