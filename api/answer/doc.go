// Package answer answers the questions of the API, a NATS service and commands: charges,
// totals, running spans with their accruals.
//
// A question is a struct with the parameters of the API in its tags; Selection is in most of them.
// An Asker is the sender, with their scopes. Answers.query turns both into the query of
// the ledger, and is the only place that sets its owners: nothing is filtered behind an answer.
//
// Every answer names its Position: how far the ledger had posted BILLING and METERED. Errors are
// Problems of a closed set, and errors of the ledger and the bus. A tenant out of the asker's
// scope has the same Problem as an unknown one.
//
// Reads the ledger, METERED, BILLING and USAGE; writes nothing but decisions about holds, by acts.
package answer
