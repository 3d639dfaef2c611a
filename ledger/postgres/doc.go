// Package postgres is the ledger in a PostgreSQL database, for who asks with SQL and for
// installations larger than memory. It needs PostgreSQL 15 or newer.
//
// The tables stand in a schema of their own for each generation of the ledger, daybook_1 and on.
// The views of the schema daybook show the one in use: readers use them, and see one generation
// whole. Package migrations has the tables.
//
// A batch is one transaction: its rows, the sums of its charges by day and month, and the
// positions. Posters take turns by an advisory lock, and compare the positions with those of their
// batch.
package postgres
