// Package cfapi asks the API of one Cloud Foundry foundation: its usage events and roles, with
// tokens, retries, rate limits and redirects handled in one place.
//
// # Requests
//
//   - List reads one page of a list of usage events, Created the time of one event.
//   - Places reads the organizations, or the spaces, with their names.
//   - Root and UAA read the API's root document, CheckGlobalRead makes sure that the token reads
//     all organizations.
//   - Errand.List reads a list of the inventory, Errand.Resource one resource, Errand.Summary the
//     usage summary: a number of requests with one bound, that leaves the rate limit to others.
//   - OrganizationRoles reads the roles of one user, all of them or none.
//
// An answer counts once it is whole, has a Date header and passes its check. Everything else is
// repeated with a growing wait, Config.Retries times a request. Between two pages a client repeats
// at most four times as many requests (Reset gives them back).
//
// # Errors
//
//   - *StatusError: an answer that a repetition does not change. It wraps go-cfclient's
//     resource.CloudFoundryError where Cloud Controller has sent an error document.
//   - *WaitError: the API asks for a break of more than a minute.
//   - *RequestError: the retries are used up. Transient reports whether an error is this one or a
//     *WaitError.
//   - ErrRefused: the UAA refuses the credentials, or the API refuses every token.
//   - ErrNoGlobalRead: the token lacks the scope for all organizations.
//
// No error holds a secret of the configuration, a token, or a credential in a URL.
//
// # JSON
//
// A page is cut into its events by a splitter. It checks no more than it needs to find the end of
// each: a page holds up to 5,000 events, and jsondoc, the strict reader, parses each event later
// anyway. Everything else is read by jsondoc.
//
// # Limits
//
// Answers of 64 MiB, answers of the UAA of 1 MiB, one minute of waiting for a rate limit, 10,000
// roles of one user, a million resources of one list, a tenth of the rate limit for an errand.
//
// go-cfclient's services are not used for the inventory: they decode into structs, in which null
// and nothing are the same, and evidence is the JSON as it came.
package cfapi
