// Package words has what facts of Cloud Foundry say in few words: the event, the state before it,
// and the id. It is pure: it reads and writes nothing, and a crash is nothing to it.
//
// Guarantees: the numbers of the words stand in snapshots, and have one meaning for each form.
package words
