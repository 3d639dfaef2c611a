// Package inflow bounds in bytes what a broker of AMQP 0.9.1 sends ahead. AMQP's prefetch bounds
// messages only.
//
// A connection fails where the bodies that wait in memory would be too many, and Fewer is the
// prefetch with which the next one will do.
package inflow
