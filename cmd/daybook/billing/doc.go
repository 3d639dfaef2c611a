// Package billing has the commands about money: the bill (bill.go), statements (statement.go) and
// their bundles (bundle.go, keys.go), usage without a price (unrated.go), other prices (whatif.go),
// and the prices (catalogue.go, catalogue_import.go, publish.go, rollback.go, versions.go).
package billing
