package print

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// pageWidth is how many columns a page for people has.
const pageWidth = 100

const (
	columnGap   = 2 // spaces between two columns
	leastColumn = 5 // a narrowed column has at least so many
)

// page is a table of columns that fit pageWidth, with lines of text between its rows.
type page struct {
	titles  []string
	numbers int // so many columns at the end are never divided; those with numbers stand to the right
	right   []bool
	rows    []pageRow
}

// pageRow is a row of cells, or a line of text. A label is the cells of the columns before the
// first one of numbers in one.
type pageRow struct {
	text  string
	label string
	cells []string // with a label, those behind it
}

func (p *page) line(text string)    { p.rows = append(p.rows, pageRow{text: text}) }
func (p *page) row(cells ...string) { p.rows = append(p.rows, pageRow{cells: cells}) }

func (p *page) sum(label string, cells ...string) {
	p.rows = append(p.rows, pageRow{label: label, cells: cells})
}
func (p *page) header()                           { p.row(p.titles...) }
func (p *page) first(cells []string) (column int) { return len(p.titles) - len(cells) }

// print prints the rows.
func (p *page) print(w io.Writer) {
	widths := p.widths()
	for i := range p.rows {
		switch r := &p.rows[i]; {
		case r.label != "":
			room := columnGap * (p.first(r.cells) - 1)
			for _, width := range widths[:p.first(r.cells)] {
				room += width
			}
			p.cells(w, slices.Concat([]string{r.label}, r.cells),
				slices.Concat([]int{room}, widths[p.first(r.cells):]))
		case r.cells != nil:
			p.cells(w, r.cells, widths)
		default:
			Text(w, r.text)
		}
	}
}

// widths are the columns' widths. The widest columns of text are narrowed until the page fits.
func (p *page) widths() []int {
	widths := make([]int, len(p.titles))
	for i := range p.rows {
		r := &p.rows[i]
		if r.text != "" {
			continue
		}
		first := p.first(r.cells)
		for j, cell := range r.cells {
			widths[first+j] = max(widths[first+j], utf8.RuneCountInString(cell))
		}
	}
	all := columnGap * (len(widths) - 1)
	for _, width := range widths {
		all += width
	}
	texts := widths[:len(widths)-p.numbers]
	for ; all > pageWidth && len(texts) > 0; all-- {
		widest := 0
		for i := range texts {
			if texts[i] > texts[widest] {
				widest = i
			}
		}
		if texts[widest] <= leastColumn {
			break
		}
		texts[widest]--
	}
	return widths
}

// cells prints a row: of cells wider than their column, the rest goes on in the next lines.
func (p *page) cells(w io.Writer, cells []string, widths []int) {
	right := p.right[len(p.right)-len(cells):]
	for more := true; more; {
		more = false
		line, at := "", 0
		rest := make([]string, len(cells))
		for i, cell := range cells {
			cell, rest[i] = divide(strings.Map(visible, cell), widths[i])
			more = more || rest[i] != ""
			room := max(widths[i]-utf8.RuneCountInString(cell), 0)
			if right[i] {
				cell = strings.Repeat(" ", room) + cell
			} else {
				cell += strings.Repeat(" ", room)
			}
			line += strings.Repeat(" ", at) + cell
			at = columnGap
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		cells = rest
	}
}

// divide cuts a text behind the last space, dash, slash or dot that a width has room for, else in
// the middle of a word.
func divide(text string, width int) (head, tail string) {
	runes := []rune(text)
	if len(runes) <= width || width <= 0 {
		return text, ""
	}
	at := width
	for i := width; i > width/2; i-- {
		if strings.ContainsRune(" -/._", runes[i-1]) {
			at = i
			break
		}
	}
	return string(runes[:at]), string(runes[at:])
}

// Text prints a sentence on lines of at most pageWidth; those behind the first are indented.
func Text(w io.Writer, text string) { hanging(w, "  ", text) }

// hanging is Text with an indentation.
func hanging(w io.Writer, indent, text string) {
	text = strings.Map(visible, text)
	for before := ""; ; before = indent {
		room := pageWidth - len(before)
		if utf8.RuneCountInString(text) <= room {
			fmt.Fprintln(w, before+text)
			return
		}
		runes := []rune(text)
		at := room
		for at > room/2 && runes[at] != ' ' {
			at--
		}
		if runes[at] != ' ' { // a word without an end
			at = room
		}
		fmt.Fprintln(w, before+string(runes[:at]))
		text = strings.TrimLeft(string(runes[at:]), " ")
	}
}
