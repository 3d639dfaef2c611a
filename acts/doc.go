// Package acts publishes the acts of people and reads them back: decisions about holds, retirements
// of collectors, catalogue versions. Commands and an API call it; it has no flags and prints
// nothing, and its errors say what to do.
//
// Every act has one envelope, Act: kind, source, foundation, id, by, note and expectation. Fields
// without a place in the message of a kind stay empty.
//
//	kind        stream   subject                              body
//	decision    USAGE    usage.<source>.<foundation>.decision  events.Decision
//	retirement  USAGE    usage.<source>.<foundation>.horizon   events.Horizon, with Retired
//	catalogue   METERED  catalogue.<version>                   events.Catalogue
//
// Reads the subject of the act, for its expectation; Holds reads METERED, for the holds that there
// are. Writes one message for each act.
//
// Guarantees: an act is stored exactly once. It is appended behind the last message on its subject
// that it was made in view of, and refused behind any other. After a refusal, and after an append
// without an answer, the subject is read again: an act that is found there is not appended again,
// and the same act given twice is stored once. Ids are made of the content and of the act before
// it on the same matter, so that a second decision about a hold has an id of its own.
//
// A crash loses at most the acts that were not appended yet; decisions of one foundation go out in
// atomic batches of bus.MaxBatch. Giving the same acts again publishes the rest.
package acts
