package formula

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-billing/daybook/events/money"
)

// This file reads the formulas of alphagov/paas-billing, which PostgreSQL computes. They look like
// Daybook's own and mean something else in places:
//
//   - all operators group to the left, ^ too, and a minus before a number binds more strongly than
//     ^: 2^3^2 is 64 and -2^2 is 4;
//   - numbers have types: whole numbers (12, and what is cast to integer or bigint) are divided
//     without their rest, so that 5/3 is 1. Variables and numbers with a point are of another type;
//   - a cast to integer or bigint rounds halves away from 0, and to the even number in floating
//     point, which is the type of a power of whole numbers;
//   - quotients are rounded to some 16 digits.
//
// All but the last is kept, by operators and functions of Daybook's language.

// Note is a difference between a formula's dialect and Daybook's language, and how it was read.
type Note struct {
	Column  int // in characters, from 1
	Message string
}

// paasVariables are the names of the first variables in the dialect.
var paasVariables = [...]string{"$time_in_seconds", "$number_of_nodes", "$memory_in_mb", "$storage_in_mb"}

// IsPaas reports whether a text has a variable of the dialect of alphagov/paas-billing.
func IsPaas(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(paasVariables[:], func(name string) bool { return strings.Contains(text, name) })
}

// ParsePaas reads a formula in the dialect of alphagov/paas-billing. The notes are the differences
// that matter to it, by column. Its error is an *Error. The formula's String is in Daybook's
// language, its Text as it was written.
func ParsePaas(text string) (*Formula, []Note, error) {
	p := paasParser{parser: parser{text: text}}
	if i := strings.Index(text, "--"); i >= 0 {
		return nil, nil, errorAt(text, i, "-- begins a comment in PostgreSQL; write a blank between")
	}
	root, err := p.parse(func() (*node, error) {
		x, err := p.expression(0)
		return x.node, err
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(p.notes, func(a, b Note) int { return cmp.Compare(a.Column, b.Column) })
	return newFormula(text, root), p.notes, nil
}

type paasParser struct {
	parser
	notes []Note
}

// sqlType is a type of PostgreSQL's numbers.
type sqlType uint8

const (
	sqlWhole sqlType = iota // integer, bigint
	sqlExact                // numeric
	sqlFloat                // double precision
)

// paasValue is an expression of the dialect.
type paasValue struct {
	*node
	kind sqlType
	bare bool // a sign or a power without parentheses around it
	// quotient tells that PostgreSQL rounds it, and carried that PostgreSQL computes on with a
	// rounded quotient, so that ceil and casts may see another number than here.
	quotient, carried bool
}

func (p *paasParser) note(offset int, format string, args ...any) {
	p.notes = append(p.notes, Note{errorAt(p.text, offset, "").Column, fmt.Sprintf(format, args...)})
}

// The binding strengths of the dialect.
const (
	paasSum = iota + 1
	paasProduct
	paasPower
	paasSign
)

func paasBind(o op) int {
	switch o {
	case opAdd, opSubtract:
		return paasSum
	case opMultiply, opDivide:
		return paasProduct
	default:
		return paasPower
	}
}

func (p *paasParser) expression(bind int) (x paasValue, err error) {
	if p.depth++; p.depth > MaxDepth {
		return x, errorAt(p.text, p.token.offset, fmt.Sprintf("the formula is nested more than %d deep", MaxDepth))
	}
	defer func() { p.depth-- }()
	if x, err = p.operand(); err != nil {
		return x, err
	}
	for {
		o, ok := p.operator()
		if !ok || paasBind(o) <= bind {
			return x, nil
		}
		offset := p.token.offset
		p.next()
		y, err := p.expression(paasBind(o))
		if err != nil {
			return x, err
		}
		if x, err = p.combine(o, offset, x, y); err != nil {
			return x, err
		}
	}
}

// operand reads the beginning of an expression, with the casts behind it.
func (p *paasParser) operand() (x paasValue, err error) {
	t := p.token
	switch {
	case t.kind == tokenNumber, p.symbol("."):
		x, err = p.literal()
	case t.kind == tokenName:
		x, err = p.word()
	case p.symbol("("):
		p.next()
		if x, err = p.expression(0); err == nil {
			x.bare = false
			err = p.closing(t.offset)
		}
	case p.symbol("-"), p.symbol("+"):
		p.next()
		if x, err = p.expression(paasSign); err == nil && t.text == "-" {
			x.bare = true
			x.node, err = p.build(&node{op: opNegate, offset: t.offset, args: []*node{x.node}})
		}
		return x, err
	default:
		return x, p.unexpected("a number, a variable, ceil, - or (")
	}
	for err == nil && p.symbol(":") {
		x, err = p.cast(x)
	}
	return x, err
}

// literal reads a number; .5 is 0.5.
func (p *paasParser) literal() (x paasValue, err error) {
	t := p.token
	if t.kind == tokenSymbol {
		p.next()
		if p.token.kind != tokenNumber || p.token.offset != t.offset+1 || strings.Contains(p.token.text, ".") {
			return x, errorAt(p.text, t.offset, `unexpected "."; a number has digits behind it, such as 0.5`)
		}
		t = token{tokenNumber, "0." + p.token.text, t.offset}
	}
	x.kind = sqlWhole
	if strings.Contains(t.text, ".") {
		x.kind = sqlExact
	}
	x.node, err = p.number(t)
	return x, err
}

// word reads a variable or ceil, in letters of any case.
func (p *paasParser) word() (x paasValue, err error) {
	t := p.token
	p.next()
	name := strings.ToLower(t.text)
	if i := slices.Index(paasVariables[:], name); i >= 0 {
		x.kind = sqlExact
		x.node, err = p.build(&node{op: opVariable, offset: t.offset, variable: i})
		return x, err
	}
	if name != "ceil" {
		return x, errorAt(p.text, t.offset, fmt.Sprintf("unknown name %q in a formula of paas-billing; the variables "+
			"are %s, the function ceil", t.text, strings.Join(paasVariables[:], ", ")))
	}
	if !p.symbol("(") {
		return x, errorAt(p.text, p.end, `missing "(" after the function ceil`)
	}
	open := p.token.offset
	p.next()
	if x, err = p.expression(0); err != nil {
		return x, err
	}
	if err = p.closing(open); err != nil {
		return x, err
	}
	p.noteCarried(t.offset, "ceil", &x)
	if x.kind == sqlWhole {
		x.kind = sqlFloat
	}
	return p.rounded(&node{op: opCeil, offset: t.offset, args: []*node{x.node}}, x.kind)
}

// rounded is a value of a node that PostgreSQL computes from a rounded number.
func (p *paasParser) rounded(n *node, kind sqlType) (paasValue, error) {
	n, err := p.build(n)
	return paasValue{node: n, kind: kind}, err
}

func (p *paasParser) noteCarried(offset int, what string, x *paasValue) {
	if x.carried {
		p.note(offset, "PostgreSQL rounds a quotient to some 16 digits and computes on with it before %s; Daybook "+
			"computes exactly, so that %s may differ by 1 there", what, what)
	}
}

// cast reads a cast of a value.
func (p *paasParser) cast(x paasValue) (paasValue, error) {
	offset := p.token.offset
	p.next()
	if !p.symbol(":") || p.token.offset != offset+1 {
		return x, errorAt(p.text, offset, `unexpected ":"; a cast is written ::integer, ::bigint or ::numeric`)
	}
	p.next()
	name := p.token.text
	x.bare = false
	switch strings.ToLower(name) {
	case "numeric":
		x.kind = sqlExact
		p.next()
		return x, nil
	case "integer", "bigint":
		p.next()
	default:
		return x, errorAt(p.text, p.token.offset, fmt.Sprintf("unknown type %q; the casts of paas-billing are "+
			"::integer, ::bigint and ::numeric", name))
	}
	if x.kind == sqlWhole || x.whole() {
		x.kind, x.quotient, x.carried = sqlWhole, false, false
		return x, nil
	}
	p.noteCarried(offset, "::"+strings.ToLower(name), &x)
	if x.kind == sqlFloat {
		return p.rounded(&node{op: opRound, offset: offset, args: []*node{x.node}}, sqlWhole)
	}
	n, err := p.halfAway(offset, x.node)
	if err == nil {
		p.note(offset, "::%s rounds halves away from 0 in PostgreSQL, where Daybook's round takes the even number; it "+
			"is read so: %s", strings.ToLower(name), n.appendText(nil, 0))
	}
	return paasValue{node: n, kind: sqlWhole}, err
}

// halfAway rounds to a whole number, halves away from 0.
func (p *paasParser) halfAway(offset int, x *node) (*node, error) {
	half := money.New(5, -1)
	y, err := p.build(&node{op: opNumber, offset: offset, number: half, value: half.Ratio(), constant: true})
	if err != nil {
		return nil, err
	}
	up, err := p.build(&node{op: opAdd, offset: offset, args: []*node{x, y}})
	if err != nil {
		return nil, err
	}
	if x.neverNegative() {
		return p.build(&node{op: opFloor, offset: offset, args: []*node{up}})
	}
	down, err := p.build(&node{op: opSubtract, offset: offset, args: []*node{x, y}})
	if err != nil {
		return nil, err
	}
	return p.towards(offset, up, down)
}

// towards is up without its fraction where it is positive, and down without its where it is
// negative.
func (p *paasParser) towards(offset int, up, down *node) (*node, error) {
	zero, err := p.build(&node{op: opNumber, offset: offset, constant: true})
	if err != nil {
		return nil, err
	}
	floor, err := p.build(&node{op: opFloor, offset: offset, args: []*node{up}})
	if err != nil {
		return nil, err
	}
	ceil, err := p.build(&node{op: opCeil, offset: offset, args: []*node{down}})
	if err != nil {
		return nil, err
	}
	positive, err := p.build(&node{op: opMax, offset: offset, args: []*node{floor, zero}})
	if err != nil {
		return nil, err
	}
	negative, err := p.build(&node{op: opMin, offset: offset, args: []*node{ceil, zero}})
	if err != nil {
		return nil, err
	}
	return p.build(&node{op: opAdd, offset: offset, args: []*node{positive, negative}})
}

// resultType is the type of what an operator makes of two types.
func resultType(o op, x, y sqlType) sqlType {
	switch {
	case x == sqlFloat || y == sqlFloat:
		return sqlFloat
	case x == sqlExact || y == sqlExact:
		return sqlExact
	case o == opPower:
		return sqlFloat
	}
	return sqlWhole
}

// noteGroup notes a power of a power or of a sign, which Daybook's own language groups otherwise.
func (p *paasParser) noteGroup(offset int, x, y *paasValue) {
	group := "^ groups to the left"
	if x.op == opNegate {
		group = "a minus binds more strongly than ^"
	}
	p.note(offset, "%s in paas-billing; it is read so: (%s)^%s", group, x.appendText(nil, 0),
		y.appendText(nil, bindPower))
}

// combine applies a binary operator.
func (p *paasParser) combine(o op, offset int, x, y paasValue) (z paasValue, err error) {
	z.kind = resultType(o, x.kind, y.kind)
	z.carried = x.carried || y.carried || x.quotient || y.quotient || o == opPower && !y.neverNegative()
	z.quotient = x.quotient || y.quotient || o == opDivide && z.kind != sqlWhole && !y.ends()
	z.bare = o == opPower
	if o == opPower && x.bare {
		p.noteGroup(offset, &x, &y)
	}
	z.node, err = p.build(&node{op: o, offset: offset, args: []*node{x.node, y.node}})
	if err == nil && o == opDivide && z.kind == sqlWhole && !z.whole() {
		z.node, err = p.withoutRest(offset, z.node)
	}
	return z, err
}

// withoutRest is a quotient without its fraction.
func (p *paasParser) withoutRest(offset int, n *node) (_ *node, err error) {
	if n.neverNegative() {
		n, err = p.build(&node{op: opFloor, offset: offset, args: []*node{n}})
	} else {
		n, err = p.towards(offset, n, n)
	}
	if err == nil {
		p.note(offset, "PostgreSQL divides whole numbers without the rest; it is read so: %s", result(n))
	}
	return n, err
}

// result is the number of a node without variables, the text of another one.
func result(n *node) string {
	if n.constant {
		return string(n.appendText(nil, 0)) + " is " + n.value.Round(0).String()
	}
	return string(n.appendText(nil, 0))
}

// neverNegative reports whether the node's text alone shows that it is not negative.
func (n *node) neverNegative() bool {
	switch {
	case n.constant:
		return n.value.Sign() >= 0
	case n.op == opVariable:
		return true
	case n.op == opNegate || n.op == opSubtract:
		return false
	}
	return !slices.ContainsFunc(n.args, func(arg *node) bool { return !arg.neverNegative() })
}

// whole reports whether the node's text alone shows that it is a whole number. Counts are; seconds
// have fractions.
func (n *node) whole() bool {
	switch n.op {
	case opVariable:
		return variableNames[n.variable] != "seconds"
	case opCeil, opFloor, opRound:
		return true
	case opNegate, opAdd, opSubtract, opMultiply, opMin, opMax:
		if !slices.ContainsFunc(n.args, func(arg *node) bool { return !arg.whole() }) {
			return true
		}
	}
	return n.constant && n.value.Cmp(n.value.Floor()) == 0
}

// ends reports whether a division by the node gives a decimal number that ends.
func (n *node) ends() bool {
	if !n.constant {
		return false
	}
	x, ten := absolute(n.value), money.Whole(10)
	for range MaxLiteralDigits {
		if i, whole := x.Int64(); whole {
			for _, factor := range []int64{2, 5} {
				for i != 0 && i%factor == 0 {
					i /= factor
				}
			}
			return i == 1
		}
		x = x.Mul(ten)
	}
	return false
}
