// Package billing has the commands about money: the bill (bill.go), usage without a price
// (unrated.go), and the prices (catalogue.go,
// catalogue_import.go).
package billing
