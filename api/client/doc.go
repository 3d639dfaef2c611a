// Package client asks Daybook's HTTP API: a question is a struct of package answer, and so is what
// it is answered with.
//
// # Trust
//
// Certificates are always verified. A token is sent over TLS, or to this machine, and to no other
// host than the one that was named: redirects are not followed.
//
// # Limits
//
//   - 60 s for an answer, 256 MiB of it once it is decompressed, 64 KiB of an error.
//   - An answer of any length is written as it comes (Copy): it ends where nothing comes for 60 s.
//
// Errors are *Error for what the API refuses; it says what to do.
package client
