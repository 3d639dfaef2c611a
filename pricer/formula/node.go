package formula

import (
	"slices"

	"github.com/daybook-billing/daybook/events/money"
)

type op uint8

const (
	opNumber op = iota
	opVariable
	opNegate
	opAdd
	opSubtract
	opMultiply
	opDivide
	opPower
	opCeil
	opFloor
	opRound
	opMin
	opMax
)

const variables = 7

// variableNames are in the order of values.
var variableNames = [variables]string{
	"seconds", "instances", "memory_mb", "storage_mb", "volume_gb", "hours_in_month", "seconds_in_month",
}

type function struct {
	name string
	op   op
	many bool // two or more arguments, else exactly one
}

var functions = [...]function{
	{"ceil", opCeil, false},
	{"floor", opFloor, false},
	{"round", opRound, false},
	{"min", opMin, true},
	{"max", opMax, true},
}

// The binding strengths of operators.
const (
	bindSum = iota + 1
	bindProduct
	bindNegate
	bindPower
	bindAtom
)

type operator struct {
	text string
	bind int
}

var operators = [...]operator{
	opNegate: {"-", bindNegate}, opAdd: {"+", bindSum}, opSubtract: {"-", bindSum}, opMultiply: {"*", bindProduct},
	opDivide: {"/", bindProduct}, opPower: {"^", bindPower},
}

// node is one node of the syntax tree, immutable once built.
type node struct {
	op       op
	offset   int // of the operator, name or literal in the text
	variable int
	args     []*node
	number   money.Decimal // of a literal
	constant bool          // has no variables: value is its result
	value    money.Ratio
}

// appendText writes the node canonically, in parentheses where it binds less strongly than bind.
func (n *node) appendText(b []byte, bind int) []byte {
	switch n.op {
	case opNumber:
		return n.number.AppendText(b)
	case opVariable:
		return append(b, variableNames[n.variable]...)
	case opCeil, opFloor, opRound, opMin, opMax:
		for _, f := range functions {
			if f.op == n.op {
				b = append(b, f.name...)
			}
		}
		b = append(b, '(')
		for i, arg := range n.args {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = arg.appendText(b, 0)
		}
		return append(b, ')')
	}
	o := operators[n.op]
	// A minus sign can follow any operator without parentheses: its operand binds at least as
	// strongly as it does.
	if n.op == opNegate && bind < bindAtom {
		bind = 0
	}
	if o.bind < bind {
		b = append(b, '(')
	}
	switch n.op {
	case opNegate:
		b = append(b, '-')
		b = n.args[0].appendText(b, bindNegate)
	case opPower:
		b = n.args[0].appendText(b, bindAtom)
		b = append(b, '^')
		b = n.args[1].appendText(b, bindPower)
	default:
		b = n.args[0].appendText(b, o.bind)
		b = append(b, ' ')
		b = append(b, o.text...)
		b = append(b, ' ')
		b = n.args[1].appendText(b, o.bind+1)
	}
	if o.bind < bind {
		b = append(b, ')')
	}
	return b
}

// uses reports whether the node has a variable.
func (n *node) uses(variable string) bool {
	if n.op == opVariable {
		return variableNames[n.variable] == variable
	}
	return slices.ContainsFunc(n.args, func(arg *node) bool { return arg.uses(variable) })
}

// numbers appends the literals of a node, up to a length.
func (n *node) numbers(out []money.Ratio, most int) []money.Ratio {
	if n.op == opNumber && len(out) < most {
		return append(out, n.value)
	}
	for _, arg := range n.args {
		out = arg.numbers(out, most)
	}
	return out
}
