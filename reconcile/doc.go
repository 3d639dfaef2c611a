// Package reconcile has the vocabulary of a reconciliation: what is billed is compared with what is
// there, and the record is changed to fit the cloud.
//
// The names are those of a plan to build: a material is one resource with its size. The architect
// draws the blueprint, the materials that are billed, from METERED. The inspector draws the
// floorplan, the materials that are there, from the platform. The foreman, a pure function,
// compares the two by rules and makes a construction plan of remodels in stages. The assembler
// enacts a plan: each remodel becomes an observation, an act in USAGE. Limitations are rules that
// say what to leave alone; additions are an operator's own adjustments outside events.
//
// Where the names come from, the executor changes the cloud to fit the manifest. Here it is the
// other way: nothing of the platform is ever changed.
//
// This package has types only: it reads and writes nothing, so a crash does nothing to it.
package reconcile
