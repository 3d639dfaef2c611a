package months

import "time"

// Text is a month as it is written, of its number; empty for 0.
func Text(month uint32) string {
	if month == 0 {
		return ""
	}
	return time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).Format(Form)
}

// Number is the number of a month, year*12+month-1; 0 for any other text.
func Number(text string) uint32 {
	t, err := time.Parse(Form, text)
	if err != nil {
		return 0
	}
	return uint32(t.Year()*12 + int(t.Month()) - 1) //nolint:gosec // four digits
}
