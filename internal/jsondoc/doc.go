// Package jsondoc reads one JSON object into a flat list of nodes over its own bytes, for the
// collector's hot path.
//
// It exists because the collector needs four things at once that decoders into structs do not give:
// the verbatim bytes of every value (so that one token can be replaced and the rest stays byte for
// byte), null told apart from missing, duplicate keys refused, and errors that name the path, what
// was found and what was expected.
//
// A Document is strict: RFC 8259 JSON, valid UTF-8, no duplicate keys at any depth, no unpaired
// surrogates, and no \u0000, which Postgres' jsonb cannot hold. It refuses more than MaxDepth
// levels and MaxNodes values. Documents are reused: Parse overwrites what the document held.
package jsondoc
