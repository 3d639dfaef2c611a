package export

import "testing"

func TestCSVCellsAreNoFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"shop":               "shop",
		"=1+2":               "'=1+2",
		"@SUM(A1)":           "'@SUM(A1)",
		"-1+cmd|' /C calc'!": "'-1+cmd|' /C calc'!",
		"+44 20":             "'+44 20",
		"-12.5":              "-12.5",
		"-0.000000000001":    "-0.000000000001",
		"a\tb\r\n=c":         `a\tb\r\n=c`,
		"\x1b[2J\x00é":       `\x1b[2J\x00é`,
		"\t=1":               `\t=1`,
		"C:\\shop":           "C:\\shop",
	} {
		if got := Cell(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
