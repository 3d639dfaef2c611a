package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/daybook-billing/daybook/ledger/postgres/migrations"
)

// Schema is the schema of the views for readers.
const Schema = "daybook"

// Advisory locks of a database.
const (
	lockSchema  = 7_264_001 // to change the schema
	lockPost    = 7_264_002 // to post, with the number of a generation that is not in use yet
	lockRead    = 7_264_003 // to ask several questions of one generation, shared
	lockRebuild = 7_264_004 // to fill a new generation
	lockPoster  = 7_264_005 // of each process that posts, shared
)

// quoted is a name in SQL, with its schema in front.
func quoted(name ...string) string { return pgx.Identifier(name).Sanitize() }

// generation is the name of the schema with the tables of a generation.
func generation(n int) string { return fmt.Sprintf("%s_%d", Schema, n) }

// readers is the role that may read the views, made where the user may make roles.
const readers = "daybook_reader"

// migrate makes the schema, or brings it up to this version. Processes take turns.
func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }() // which releases the lock
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockSchema)); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+Schema+
		"; CREATE TABLE IF NOT EXISTS "+Schema+".generation (number integer NOT NULL)"+
		"; COMMENT ON TABLE "+Schema+".generation IS 'The generation of the ledger that the views show.'"+
		"; COMMENT ON COLUMN "+Schema+".generation.number IS 'Its tables are in the schema daybook_<number>.'"+
		"; CREATE TABLE IF NOT EXISTS "+Schema+".rebuild (number integer NOT NULL, started timestamptz NOT NULL)"+
		"; COMMENT ON TABLE "+Schema+".rebuild IS 'The generation that is filled, or was and is not in use.'"+
		"; COMMENT ON COLUMN "+Schema+".rebuild.number IS 'Its tables are in the schema daybook_<number>.'"+
		"; COMMENT ON COLUMN "+Schema+".rebuild.started IS 'When its filling began.'"+
		"; INSERT INTO "+Schema+".generation SELECT 1 WHERE NOT EXISTS (SELECT FROM "+Schema+".generation)",
	); err != nil {
		return err
	}
	var number int
	if err := conn.QueryRow(ctx, "SELECT number FROM "+Schema+".generation").Scan(&number); err != nil {
		return err
	}
	if err := build(ctx, config, generation(number)); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return expose(ctx, tx, generation(number)) })
}

// build makes the tables of a generation, or brings them up to this version.
func build(ctx context.Context, config *pgx.ConnConfig, schema string) (err error) {
	own := config.Copy()
	own.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*own)
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return err
	}
	all, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithTableName(versions))
	if err != nil {
		return err
	}
	_, err = all.Up(ctx)
	return err
}

// versions is goose's table.
const versions = "migrations"

// expose makes the views of the fixed schema show a generation, with its comments.
func expose(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, err := tx.Query(ctx, `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace
		AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname <> $2 ORDER BY oid`, schema, versions)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, name := range names {
		fmt.Fprintf(&script, "CREATE OR REPLACE VIEW %s AS SELECT * FROM %s;\n", quoted(Schema, name),
			quoted(schema, name))
	}
	if _, err := tx.Exec(ctx, script.String()); err != nil {
		return err
	}
	if err := comment(ctx, tx, schema); err != nil {
		return err
	}
	return grant(ctx, tx)
}

// comment gives the views the comments of their tables.
func comment(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, err := tx.Query(ctx, `SELECT format('COMMENT ON %s %I.%I%s IS %L',
			CASE objsubid WHEN 0 THEN 'VIEW' ELSE 'COLUMN' END, $2::text, relname, '.' || quote_ident(attname),
			description)
		FROM pg_description JOIN pg_class ON pg_class.oid = objoid
		LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
		WHERE classoid = 'pg_class'::regclass AND relnamespace = $1::regnamespace
			AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname <> $3`, schema, Schema, versions)
	if err != nil {
		return err
	}
	comments, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, strings.Join(comments, ";\n")); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DO $$"+inherited+"$$")
	return err
}

// inherited gives the columns of corrections the comments of those of charges.
const inherited = `
DECLARE of record;
BEGIN
	FOR of IN SELECT attname, col_description('daybook.charges'::regclass, attnum) AS text FROM pg_attribute
		WHERE attrelid = 'daybook.charges'::regclass AND attnum > 0 LOOP
		EXECUTE format('COMMENT ON COLUMN daybook.corrections.%I IS %L', of.attname, of.text);
	END LOOP;
END`

// grant lets the readers read the views. A user who may not make roles is passed over: docs/sql.md
// has the commands for who may.
func grant(ctx context.Context, tx pgx.Tx) error {
	var may, is bool
	if err := tx.QueryRow(ctx, `SELECT rolcreaterole OR rolsuper, EXISTS(SELECT FROM pg_roles WHERE rolname = $1)
		FROM pg_roles WHERE rolname = current_user`, readers).Scan(&may, &is); err != nil {
		return err
	}
	script := "GRANT USAGE ON SCHEMA " + Schema + " TO " + readers +
		"; GRANT SELECT ON ALL TABLES IN SCHEMA " + Schema + " TO " + readers
	switch {
	case !is && !may:
		return nil
	case !is:
		script = "CREATE ROLE " + readers + " NOLOGIN; " + script
	}
	_, err := tx.Exec(ctx, script)
	return err
}
