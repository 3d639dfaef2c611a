// Package postgres is the ledger in a PostgreSQL database, for who asks with SQL and for
// installations larger than memory. It needs PostgreSQL 15 or newer.
//
// The tables stand in a schema of their own for each generation of the ledger, daybook_1 and on.
// The views of the schema daybook show the one in use: readers use them, and see one generation
// whole. Package migrations has the tables.
//
// A batch is one transaction: its rows, the sums of its charges by day, month, tenant and resource,
// and the positions. Posters take turns by an advisory lock, and compare the positions with those
// of their batch.
//
// Each 100,000 charges the same transaction adds sums over them, as a part: sums as they were
// known, or posted, at an earlier time come from the parts before it, and from the charges of the
// rest. A database of an earlier version gets its parts, and its sums by tenant and resource, while
// more is posted; until then answers come from larger tables.
//
// Beside the poster, Archive keeps the usage events of Cloud Foundry, and KeepNames the names of
// the bucket daybook-names. KeepNames takes the erasures in USAGE, too: one is noted in a turn of
// the posters, and no row is written with the tenant's names from then on; then rows from before
// are written anew, some at once. A crash in between is made good by the next process, for the
// tenant is noted as not done. A generation is put in use only with all erasures of the one before.
package postgres
