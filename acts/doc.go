// Package acts publishes the acts of people and reads them back: catalogue versions, decisions
// about holds, retirements of collectors, beginnings of replays, discards of quarantined input,
// erasures of names, words about months, and observations of reconciliations. Seals of statements
// are the pricer's own. Commands and an API call it; it has no flags and prints nothing, and its
// errors say what to do.
//
// Every act is one message of USAGE with one envelope, events.Act: kind, source, foundation, id,
// by, note, time and expectation, and the content of the kind.
//
//	kind        subject                                        content
//	catalogue   usage.act.catalogue.all.all                    events.Catalogue
//	decision    usage.act.decision.<source>.<foundation>       events.Decision
//	retirement  usage.act.retirement.<source>.<foundation>     events.Retirement: of a collector, or
//	                                                           of a foundation that is gone
//	replay      usage.act.replay.all.all                       events.Replay
//	discard     usage.act.discard.<source>.<foundation>        events.Input
//	erasure     usage.act.erasure.<source>.<foundation>        events.Erasure: of a tenant's names
//	closing     usage.act.closing.<source>.<foundation>        events.Month: to be closed
//	reopening   usage.act.reopening.<source>.<foundation>      events.Month: the last closed one, to
//	                                                           be open again
//	mode        usage.act.mode.<source>.<foundation>, or all   events.Month: how open months close
//	grace       usage.act.grace.<source>.<foundation>, or all  events.Month: when they do
//	observation usage.act.observation.<source>.<foundation>    events.Observation: of what is there,
//	                                                           or the reversion of a plan's
//	seal        usage.act.seal.<source>.<foundation>           statement.Statement: issued, with its
//	                                                           number
//
// Reads the subject of the act, for its expectation, and for a retirement the horizons of the
// foundation, too; FindHold and Select read METERED, for the holds, and ReadMonths for the months.
// Writes one message for each act. The projector takes acts from these subjects alone, and passes
// catalogue versions on in METERED (metered.catalogue).
//
// # Order
//
// The order of the acts counts. The last catalogue act says which version is in force, unless the
// pricer refuses it: a version has one text for ever, and may be put in force again after another.
// The last decision about a hold counts. A retirement holds until the next horizon of its
// collector. The projector decides whether a closing or a reopening changes anything; mode and
// grace hold for the months that are open.
//
// # Exactly once
//
// An act expects the last message on its subject to be the one that its author knew; it is refused
// behind any other. A retirement expects more: nothing at all was added to USAGE since the horizons
// were read, for a horizon of the collector may not stand between. After a refusal, and after an
// append without an answer, the subjects are read again: an act found there is not appended again,
// and the same act given twice is stored once. Ids are made of the content and of the act before it
// on the same matter; that of a replay is the caller's, and that of an observation is made of its
// plan and resource alone: two executors of a plan store each once.
//
// A crash loses at most the acts without an append; decisions of one foundation go out in atomic
// batches of bus.MaxBatch, observations in such of at most four MiB. Giving the same acts again
// publishes the rest.
package acts
