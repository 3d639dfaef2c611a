// Package statements makes the statement of a tenant's month from its entries, compares two of
// them, and makes credit notes. It is pure.
package statements
