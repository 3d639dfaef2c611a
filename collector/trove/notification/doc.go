// Package notification turns the body of a Trove notification into a fact: it undoes the
// compression of oslo.messaging's transport, opens the envelope, and takes out the fields of
// billing. It does no I/O and asks no clock. Its specs stand in collector/trove, beside the
// captured messages.
package notification
