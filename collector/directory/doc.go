// Package directory takes the names of tenants and spaces into the bucket of names
// (internal/names). It stands beside the collectors of usage, and stops nothing: where it fails,
// the names stay as they were, and the log has it once.
//
// # Reads
//
//   - Cloud Foundry (cf.go): GET /v3/organizations and /v3/spaces with updated_ats and created_ats
//     since the last look, every Config.Every: renamed ones, and new ones, which may have no
//     updated_at. The whole lists at the start and every Config.Whole: names that changed without a
//     trace, and what is gone. A look at all counts only with a token that reads all organisations,
//     for a space that a token may not see is not gone.
//   - Keystone (keystone.go): GET /v3/projects, all of them every Config.Every, with a token for
//     each look.
//
// # Writes
//
// The bucket daybook-names, by names.Record: a look that was interrupted is repeated, and changes
// nothing twice. Two of them for one foundation only do the same work twice. Names of erased
// tenants are not written.
//
// # Limits
//
// One foundation's names in memory while they are compared. Pages, answers and retries of Cloud
// Foundry: internal/cfapi. Answers of Keystone: internal/keystone. 1,000 of its pages, without a
// retry before the next look.
package directory
