// Package keystone asks an OpenStack Keystone, v3, by an application credential or by a user.
//
// It reads a CA file when a client is made, then the Keystone. It writes nothing, so a crash does
// nothing to it. No request is repeated, and no redirect is followed: it would take the secret
// elsewhere.
//
// Limits: 30 seconds a request, answers of 16 MiB, 200 bytes of an answer in an error.
//
// Source: Keystone's API reference, v3.
package keystone
