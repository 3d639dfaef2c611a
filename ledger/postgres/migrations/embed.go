// Package migrations is the schema of the ledger in Postgres, for goose. Each file says what it
// makes; every table and column has a comment in the database.
//
// They fill the schema of a generation of the ledger, and name none: the connection's search_path
// does.
//
// A change must leave the schema so that the version of Daybook before it can still post and read:
// new columns have a default, and what it knows keeps its name and its type.
package migrations

import "embed"

// Files are the migrations.
//
//go:embed *.sql
var Files embed.FS
