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
//	replay      USAGE    usage.act.replay.all.all              events.Act, with events.Replay
//
// Reads the subject of the act, for its expectation; FindHold and Select read METERED, for the
// holds. Writes one message for each act.
//
// Guarantees: an act is stored exactly once. Its expectation is the last message on its subject at
// the time of the act; it is refused behind any other. After a refusal, and after an append without
// an answer, the subject is read again: an act found there is not appended again, and the same act
// given twice is stored once. Ids are made of the content and of the act before it on the same
// matter, so a second decision about a hold has an id of its own.
//
// A crash loses at most the acts without an append; decisions of one foundation go out in atomic
// batches of bus.MaxBatch. Giving the same acts again publishes the rest.
package acts
