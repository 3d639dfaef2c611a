// Package reasons has the reasons of Cloud Foundry's holds, and their words for operators. It is
// pure: it reads and writes nothing, and a crash is nothing to it.
//
// Guarantees: a reason has one text, whoever asks.
package reasons
