// Package answer answers the questions that the API, a NATS service and commands ask: charges,
// totals, what runs and what it has accrued.
//
// A question is a struct with the parameters of the API in its tags; Selection is what most of them
// share. An Asker is who asks, with what they may see. Answers.query turns both into the query of
// the ledger, and is the only place that sets its owners: nothing is filtered behind an answer.
//
// Every answer names its Position: how far the ledger had posted BILLING and METERED. Errors are
// Problems of a closed set, and those of the ledger and the bus. A tenant that the asker may not
// see has the same Problem as one that does not exist.
//
// Reads the ledger, METERED, BILLING and USAGE; writes nothing but decisions about holds, by acts.
package answer
