package formula

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/daybook-billing/daybook/events/money"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenName
	tokenSymbol
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

// parser is a Pratt parser: expression(bind) reads on while operators bind more strongly than bind.
type parser struct {
	text  string
	token token // the one to be read next
	end   int   // offset behind the last token
	depth int
	nodes int
}

// parse reads a whole formula, whose expressions are read by the given function.
func (p *parser) parse(expression func() (*node, error)) (*node, error) {
	if err := p.checkSize(); err != nil {
		return nil, err
	}
	p.next()
	if p.token.kind == tokenEnd {
		return nil, errorAt(p.text, 0, `the formula is empty; a price of nothing is written "0"`)
	}
	root, err := expression()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.unexpected("an operator or the end of the formula")
	}
	if root.constant {
		if message := checkResult(root.value); message != "" {
			return nil, errorAt(p.text, root.offset, message)
		}
	}
	return root, nil
}

func (p *parser) checkSize() error {
	if len(p.text) > MaxBytes {
		return errorAt(p.text, MaxBytes, fmt.Sprintf("the formula has more than %d bytes", MaxBytes))
	}
	characters := 0
	for i, r := range p.text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(p.text[i:]); size == 1 {
				return errorAt(p.text, i, "the formula is not valid UTF-8")
			}
		}
		if !space(r) {
			characters++
		}
		if characters > MaxCharacters {
			return errorAt(p.text, i, fmt.Sprintf("the formula has more than %d characters", MaxCharacters))
		}
	}
	return nil
}

func space(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func nameStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }

func digit(r rune) bool { return r >= '0' && r <= '9' }

// next reads a token. A character outside the language is a symbol, expected by no rule.
func (p *parser) next() {
	p.end = p.token.offset + len(p.token.text)
	rest := p.text[p.end:]
	trimmed := strings.TrimLeftFunc(rest, space)
	start := p.end + len(rest) - len(trimmed)
	kind, length := tokenEnd, 0
	if r, size := utf8.DecodeRuneInString(trimmed); size > 0 {
		switch {
		case digit(r):
			kind, length = tokenNumber, span(trimmed, digit)
			if fraction := strings.TrimPrefix(trimmed[length:], "."); len(fraction) < len(trimmed)-length {
				if n := span(fraction, digit); n > 0 {
					length += 1 + n
				}
			}
		case nameStart(r):
			kind = tokenName
			length = size + span(trimmed[size:], func(r rune) bool { return nameStart(r) || digit(r) })
		default:
			kind, length = tokenSymbol, size
		}
	}
	p.token = token{kind, trimmed[:length], start}
}

func span(s string, in func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); n >= 0 {
		return n
	}
	return len(s)
}

func (p *parser) symbol(text string) bool { return p.token.kind == tokenSymbol && p.token.text == text }

func (p *parser) expression(bind int) (*node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, errorAt(p.text, p.token.offset, fmt.Sprintf("the formula is nested more than %d deep", MaxDepth))
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for {
		o, ok := p.operator()
		if !ok || operators[o].bind <= bind {
			return left, nil
		}
		offset := p.token.offset
		p.next()
		right := operators[o].bind
		if o == opPower {
			right-- // another ^ to the right belongs to the right side
		}
		y, err := p.expression(right)
		if err != nil {
			return nil, err
		}
		if left, err = p.build(&node{op: o, offset: offset, args: []*node{left, y}}); err != nil {
			return nil, err
		}
	}
}

// operator returns the next binary operator, if one is next.
func (p *parser) operator() (op, bool) {
	if p.token.kind == tokenSymbol {
		for o := opAdd; o <= opPower; o++ {
			if operators[o].text == p.token.text {
				return o, true
			}
		}
	}
	return 0, false
}

// operand reads the beginning of an expression.
func (p *parser) operand() (*node, error) {
	t := p.token
	switch {
	case t.kind == tokenNumber:
		return p.number(p.token)
	case t.kind == tokenName:
		return p.name()
	case p.symbol("-"):
		p.next()
		x, err := p.expression(bindNegate)
		if err != nil {
			return nil, err
		}
		return p.build(&node{op: opNegate, offset: t.offset, args: []*node{x}})
	case p.symbol("("):
		p.next()
		x, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return x, p.closing(t.offset)
	case p.symbol("."):
		return nil, errorAt(p.text, t.offset, `unexpected "."; a number begins with a digit, such as 0.5`)
	}
	return nil, p.unexpected("a number, a variable, a function, - or (")
}

func (p *parser) number(t token) (*node, error) {
	n := &node{op: opNumber, offset: t.offset, constant: true}
	if digits := len(strings.Replace(t.text, ".", "", 1)); digits > MaxLiteralDigits {
		return nil, errorAt(p.text, t.offset, fmt.Sprintf("the number has more than %d digits", MaxLiteralDigits))
	}
	number, err := money.Parse(t.text)
	if err != nil {
		return nil, errorAt(p.text, t.offset, fmt.Sprintf("%q is not a decimal number such as 0.25", t.text))
	}
	n.number, n.value = number, number.Ratio()
	p.next()
	return p.build(n)
}

// name reads a variable or the call of a function.
func (p *parser) name() (*node, error) {
	t := p.token
	p.next()
	for i, name := range variableNames {
		if name != t.text {
			continue
		}
		if p.symbol("(") {
			return nil, errorAt(p.text, p.token.offset, fmt.Sprintf("unexpected \"(\": %s is a variable, not a "+
				"function", name))
		}
		return p.build(&node{op: opVariable, offset: t.offset, variable: i})
	}
	for _, f := range functions {
		if f.name == t.text {
			return p.call(f, t.offset)
		}
	}
	names := make([]string, 0, len(functions))
	for _, f := range functions {
		names = append(names, f.name)
	}
	return nil, errorAt(p.text, t.offset, fmt.Sprintf("unknown name %q; the variables are %s, the functions %s",
		t.text, strings.Join(variableNames[:], ", "), strings.Join(names, ", ")))
}

func (p *parser) call(f function, offset int) (*node, error) {
	if !p.symbol("(") {
		return nil, errorAt(p.text, p.end, fmt.Sprintf("missing \"(\" after the function %s", f.name))
	}
	open := p.token.offset
	p.next()
	n := &node{op: f.op, offset: offset}
	for !p.symbol(")") || len(n.args) > 0 {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		if !p.symbol(",") {
			break
		}
		p.next()
	}
	if err := p.closing(open); err != nil {
		return nil, err
	}
	if got := len(n.args); f.many && got < 2 {
		return nil, errorAt(p.text, offset, fmt.Sprintf("%s takes two or more arguments, not %d", f.name, got))
	} else if !f.many && got != 1 {
		return nil, errorAt(p.text, offset, fmt.Sprintf("%s takes one argument, not %d", f.name, got))
	}
	return p.build(n)
}

func (p *parser) closing(open int) error {
	if p.token.kind == tokenEnd {
		column := utf8.RuneCountInString(p.text[:open]) + 1
		return errorAt(p.text, p.end, fmt.Sprintf("missing \")\" for the \"(\" in column %d", column))
	}
	if !p.symbol(")") {
		return p.unexpected(`an operator or ")"`)
	}
	p.next()
	return nil
}

func (p *parser) unexpected(expected string) error {
	if p.token.kind == tokenEnd {
		return errorAt(p.text, p.end, "the formula ends too early; expected "+expected)
	}
	return errorAt(p.text, p.token.offset, fmt.Sprintf("unexpected %q; expected %s", p.token.text, expected))
}

// build counts the node and computes it where it has no variables.
func (p *parser) build(n *node) (*node, error) {
	if p.nodes++; p.nodes > MaxNodes {
		return nil, errorAt(p.text, n.offset, fmt.Sprintf("the formula has more than %d numbers, names and operators",
			MaxNodes))
	}
	if n.constant || n.op == opVariable {
		return n, nil
	}
	for _, arg := range n.args {
		if !arg.constant {
			return n, nil
		}
	}
	z, at, message := n.eval(nil)
	if message != "" {
		return nil, errorAt(p.text, at.offset, message)
	}
	n.value, n.constant = z, true
	return n, nil
}
