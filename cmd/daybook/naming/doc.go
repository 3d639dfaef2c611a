// Package naming has the commands about the names of tenants and spaces: what they are called, and
// the erasure of a tenant's names.
package naming
