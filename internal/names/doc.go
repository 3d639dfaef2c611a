// Package names has the names of tenants and spaces, and the erasure of a tenant's names.
//
//   - Record takes observations of a platform into the key-value bucket daybook-names, one List a
//     Key; Directory has the names of now, by guid and the other way; History has all of them.
//   - Erasures are the tenants with an act of the kind "erasure" in USAGE. They put guids in the
//     places of names in facts, spans, charges and quarantined input, as do the messages of a View:
//     whoever answers reads the streams through one.
//
// Reads USAGE (the acts) and the bucket; writes the bucket alone, each batch expecting that nothing
// was added for the foundation since it was read. A batch without an answer is made again of what
// stands there then: nothing is taken twice. A name that is written while somebody erases it is
// removed by the next Record, and no answer has it meanwhile.
//
// Limits: 32 names a key, each of 1 KiB; 200,000 keys in a Directory.
package names
