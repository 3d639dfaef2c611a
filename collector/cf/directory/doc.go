// Package directory takes the names of organisations and spaces of a Cloud Foundry foundation into
// the bucket of names (internal/names). It stands beside the collector of usage events, and stops
// nothing: where it fails, the names stay as they were, and the log has it once.
//
// # Reads
//
//   - GET /v3/organizations and /v3/spaces with updated_ats and created_ats since the last look,
//     every Config.Every: renamed ones, and new ones, which may have no updated_at.
//   - The whole lists at the start and every Config.Whole: names that changed without a trace, and
//     what is gone. A look at all counts only with a token that reads all organisations, for a
//     space that a token may not see is not gone.
//
// # Writes
//
// The bucket daybook-names, by names.Record: a look that was interrupted is repeated, and changes
// nothing twice. Two of them for one foundation only do the same work twice. Names of erased
// tenants are not written.
//
// # Limits
//
// One foundation's names in memory while they are compared. Pages, answers and retries:
// internal/cfapi.
package directory
