// Package troveapi asks the API of OpenStack Trove, v1.0, for its database instances, with tokens
// of a Keystone.
//
// # Requests
//
//   - List reads the instances of a project, page by page; Manage those of all projects, in one
//     answer, for a user with the rights of management.
//   - Instance reads one alone; Deleted reads one for the management, with the time of its
//     deletion.
//   - Flavours reads the names and the memory of flavours.
//
// It reads a CA file when a client is made, then Keystone and Trove, and writes nothing: a crash
// does nothing to it. An answer counts once it is whole, has a Date header and is the expected
// JSON. Everything else is repeated with a growing wait.
//
// # Errors
//
//   - ErrNotFound: Trove says so itself; a router's 404 is none.
//   - ErrUnmanaged: the user has no rights of management. Trove 18 says so with status 400.
//   - *StatusError: an answer that a repetition does not change.
//   - *RequestError: the retries are used up.
//
// No error holds a secret or a token.
//
// # Limits
//
// A minute a request; four retries of one, from half a second's wait on, at most 30 s; rate limits
// (status 413 or 429) are waited for, at most a minute each and 30 times a request. Answers of 64
// MiB: some 40,000 instances for the management. 10,000 pages, one project's 200,000 instances.
//
// Source: openstack/trove 18.0.0, trove/instance/service.py,
// trove/common/{wsgi,auth,pagination}.py, trove/extensions/mgmt/instances/service.py.
package troveapi
