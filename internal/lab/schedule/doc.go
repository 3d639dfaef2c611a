// Package schedule runs two stages in a row over a model of the server, with faults, thousands of
// times a minute, and judges what they leave behind. Its test is all there is.
//
// A schedule is a seed, an input and a list of faults, each at one operation of a client. The seed
// orders the operations of the clients: the model carries out one at a time, when every goroutine
// waits, and time is that of testing/synctest, so it passes at once. The same schedule is the same
// run, but for the jitter of waits in the client and of a stage that starts again.
//
// A toy collector appends facts to USAGE, a toy projector makes spans of them, and a toy pricer
// charges of the spans; now and then they read what was before again. The judge computes both
// output streams from the facts alone, and compares every message. After the last fault everything
// must come to its end without a person, and the program's own verification must agree. Where
// somebody else writes into an output stream, or takes a message away, the stage must stop before
// it builds on that, or the verification must name it. A stage that starts while its last message
// is gone derives it again behind the hole, and there is nothing to name.
//
// A schedule that fails is shortened: faults and facts are left out as long as it fails. What
// remains is printed in a form that the test takes back:
//
//	DAYBOOK_SCHEDULE='…' go test ./internal/lab/schedule
//
// That the schedules find mistakes is tested, too: stages with a planted one (variant_test.go) must
// fail, and the shortened schedule must name one or two faults.
package schedule
