// Package formula reads and evaluates the price formulas of a catalogue, such as
//
//	ceil(seconds / 3600) * instances * 0.01
//
// # Language
//
//   - Variables: seconds, instances, memory_mb (MiB an instance), storage_mb (MiB), volume_gb
//     (GiB), and hours_in_month and seconds_in_month: the length of the calendar month (UTC).
//   - Decimal literals such as 12 or 0.01, with a digit before the point. There is no exponent
//     form.
//   - Operators, loosest first: + and -, * and /, unary minus, ^. All group to the left except ^,
//     so that 2^3^2 is 2^9; -2^2 is -4. Parentheses.
//   - Functions: ceil, floor and round (half-even, to a whole number) take one argument, min and
//     max two or more.
//
// # Arithmetic
//
// Values are exact fractions: seconds / 3 * 3 is seconds, and nothing is rounded but by ceil, floor
// and round. An exponent must be a whole number from -100 to 100; fractional exponents are refused.
// Division by zero, results beyond 10^100, results nearer to zero than 10^-100, fractions of more
// than some 9,800 digits and a final result of more than 30 digits before the point are errors with
// the position of the operator, never infinities, zeros or approximations. A part without variables
// is evaluated by Parse, so that such errors in it are found there.
//
// # The dialect of alphagov/paas-billing
//
// ParsePaas reads formulas that were written for PostgreSQL, such as
//
//	$number_of_nodes * ceil($time_in_seconds / 3600) * ($memory_in_mb / 1024.0) * 0.01
//
// and keeps their meaning: the result is a formula of the language above.
//
// # Limits
//
// 1,000 characters without white space, 4,000 bytes in all, nesting of 50, 500 nodes, literals of
// 50 digits.
package formula

import (
	"fmt"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events/money"
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
	Seconds   money.Ratio
	Instances money.Ratio
	MemoryMB  money.Ratio
	StorageMB money.Ratio
	VolumeGB  money.Ratio
	// SecondsInMonth is of the month in which the piece lies.
	SecondsInMonth money.Ratio
}

// values are variables in the order of variableNames.
type values [variables]money.Ratio

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

	monthly bool
}

// Parse reads a formula. Its error is an *Error.
func Parse(text string) (*Formula, error) {
	p := parser{text: text}
	root, err := p.parse(func() (*node, error) { return p.expression(0) })
	if err != nil {
		return nil, err
	}
	return newFormula(text, root), nil
}

func newFormula(text string, root *node) *Formula {
	return &Formula{
		text: text, canon: string(root.appendText(nil, 0)), root: root,
		monthly: root.uses("hours_in_month") || root.uses("seconds_in_month"),
	}
}

// String returns the formula in its canonical form: single spaces, no needless parentheses or
// zeros. Parse reads it back as the same formula.
func (f *Formula) String() string { return f.canon }

// Uses reports whether the formula has a variable, given by its name.
func (f *Formula) Uses(variable string) bool { return f.root.uses(variable) }

// Numbers returns the first literals of the formula, up to a number of them.
func (f *Formula) Numbers(most int) []money.Ratio { return f.root.numbers(nil, most) }

// Monthly reports whether the formula has a variable that is about the month.
func (f *Formula) Monthly() bool { return f.monthly }

// Text returns the formula as it was written. Columns in errors count in it.
func (f *Formula) Text() string { return f.text }

// Eval computes the formula, exactly. Its error is an *Error.
func (f *Formula) Eval(v *Vars) (money.Ratio, error) {
	if f.root.constant {
		return f.root.value, nil
	}
	x := values{v.Seconds, v.Instances, v.MemoryMB, v.StorageMB, v.VolumeGB}
	if f.monthly {
		x[variables-2], x[variables-1] = v.SecondsInMonth.Quo(money.Whole(3600)), v.SecondsInMonth
	}
	z, at, message := f.root.eval(&x)
	if message == "" {
		at, message = f.root, checkResult(z)
	}
	if message != "" {
		return z, errorAt(f.text, at.offset, message)
	}
	return z, nil
}

func errorAt(text string, offset int, message string) *Error {
	return &Error{Offset: offset, Column: utf8.RuneCountInString(text[:offset]) + 1, Message: message}
}
