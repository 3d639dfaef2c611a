// Package shell has the parts that commands share: their world, the flags of the NATS server, of
// the person who acts and of the wait for room, the exit statuses, and the forms of arguments.
// Packages of commands import it; it imports none of them.
package shell
