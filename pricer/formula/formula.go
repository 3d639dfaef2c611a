// Package formula reads and evaluates the price formulas of a catalogue, such as
//
//	ceil(seconds / 3600) * instances * 0.01
//
// # Language
//
//   - Variables: seconds, instances, memory_mb (MiB an instance), storage_mb (MiB), volume_gb
//     (GiB).
//   - Decimal literals such as 12 or 0.01, with a digit before the point. There is no exponent
//     form.
//   - Operators, loosest first: + and -, * and /, unary minus, ^. All group to the left except ^,
//     so that 2^3^2 is 2^9; -2^2 is -4. Parentheses.
//   - Functions: ceil, floor and round (half-even, to a whole number) take one argument, min and
//     max two or more.
//
// # Arithmetic
//
// Every operation is exact as far as 50 digits go and is rounded half-even there. An exponent must
// be a whole number from -100 to 100; the power is computed by multiplication, fractional exponents
// are refused. ceil, floor and round first drop digits beyond 30 decimal places or 40 digits:
// 2/3*3 is 2.000…01 at 50 digits, and its ceil is 2 all the same. Division by zero, results beyond
// 10^100, results nearer to zero than 10^-100 and a final result of more than 30 digits before the
// point are errors with the position of the operator, never infinities, zeros or approximations. A
// part without variables is evaluated by Parse, so that such errors in it are found there.
//
// # Limits
//
// 1,000 characters without white space, 4,000 bytes in all, nesting of 50, 500 nodes, literals of
// 50 digits.
package formula

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"github.com/daybook-billing/daybook/events"
)

// The limits of a formula's text and of its result.
const (
	MaxCharacters    = 1000 // without white space
	MaxBytes         = 4000
	MaxDepth         = 50
	MaxNodes         = 500
	MaxLiteralDigits = 50
	MaxExponent      = 100
	MaxResultDigits  = 30 // before the decimal point
)

// Vars are the values of a formula's variables.
type Vars struct {
	Seconds   events.Decimal
	Instances events.Decimal
	MemoryMB  events.Decimal
	StorageMB events.Decimal
	VolumeGB  events.Decimal
}

// Error is a mistake in a formula, or a failure of its evaluation, with its position.
type Error struct {
	Offset  int // in bytes from the start of the text
	Column  int // in characters, from 1
	Message string
}

// Error writes the column and the message.
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Formula is a parsed formula. It is immutable and can be used by several goroutines at once.
type Formula struct {
	text  string
	canon string
	root  *node
	slots int
	pool  sync.Pool // of *machine
}

// Parse reads a formula. Its error is an *Error.
func Parse(text string) (*Formula, error) {
	p := parser{text: text}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Formula{text: text, canon: string(root.appendText(nil, 0)), root: root, slots: root.slots()}, nil
}

// String returns the formula in its canonical form: single spaces, no needless parentheses or
// zeros. Parse reads it back as the same formula.
func (f *Formula) String() string { return f.canon }

// Uses reports whether the result can depend on a variable, given by its name.
func (f *Formula) Uses(variable string) bool { return strings.Contains(f.canon, variable) }

// Text returns the formula as it was written. Columns in errors count in it.
func (f *Formula) Text() string { return f.text }

// Eval computes the formula. The result has up to 50 digits and is not rounded further. Its error
// is an *Error.
func (f *Formula) Eval(v *Vars) (events.Decimal, error) {
	if f.root.constant {
		return events.DecimalFromAPD(f.root.value), nil
	}
	m, ok := f.pool.Get().(*machine)
	if !ok {
		m = newMachine(f.slots)
	}
	defer f.pool.Put(m)
	m.vars = [...]apd.Decimal{v.Seconds.APD(), v.Instances.APD(), v.MemoryMB.APD(), v.StorageMB.APD(), v.VolumeGB.APD()}
	z, at, message := m.eval(f.root, 0)
	if message == "" {
		at, message = f.root, checkResult(z)
	}
	if message != "" {
		return events.Decimal{}, errorAt(f.text, at.offset, message)
	}
	var out apd.Decimal // not the slot itself, whose memory the next evaluation uses
	out.Set(z)
	if out.IsZero() {
		out.Negative, out.Exponent = false, 0
	}
	return events.DecimalFromAPD(out), nil
}

func checkResult(z *apd.Decimal) string {
	if !z.IsZero() && z.NumDigits()+int64(z.Exponent) > MaxResultDigits {
		return fmt.Sprintf("the result has more than %d digits before the decimal point", MaxResultDigits)
	}
	return ""
}

func errorAt(text string, offset int, message string) *Error {
	return &Error{Offset: offset, Column: utf8.RuneCountInString(text[:offset]) + 1, Message: message}
}
