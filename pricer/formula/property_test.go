package formula_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// expression draws the text of a formula with its grammar's freedom: spaces, parentheses and signs
// anywhere.
func expression(depth int) *rapid.Generator[string] {
	atom := rapid.SampledFrom([]string{
		"1", "2.50", "0.01", "3600", "seconds", "instances", "memory_mb", "storage_mb",
		"volume_gb", "hours_in_month", "seconds_in_month",
	})
	if depth == 0 {
		return atom
	}
	sub := expression(depth - 1)
	return rapid.OneOf(atom,
		rapid.Custom(func(t *rapid.T) string {
			return sub.Draw(t, "left") + rapid.SampledFrom([]string{"+", " - ", "*", " /", "^"}).Draw(t, "operator") +
				sub.Draw(t, "right")
		}),
		rapid.Map(sub, func(s string) string { return "-" + s }),
		rapid.Map(sub, func(s string) string { return "( " + s + ")" }),
		rapid.Map(sub, func(s string) string { return "ceil(" + s + ")" }),
		rapid.Custom(func(t *rapid.T) string { return "max(" + sub.Draw(t, "a") + "," + sub.Draw(t, "b") + ")" }),
	)
}

// The canonical form means the same: it reads back as itself and has the same value.
func TestCanonicalFormKeepsTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := formula.Parse(expression(4).Draw(t, "text"))
		if err != nil {
			return
		}
		again, err := formula.Parse(f.String())
		if err != nil {
			t.Fatalf("%s reads as %s, which is refused: %v", f.Text(), f, err)
		}
		if again.String() != f.String() {
			t.Fatalf("%s reads as %s, and that as %s", f.Text(), f, again)
		}
		number := rapid.Int64Range(0, 5_000)
		vars := &formula.Vars{
			Seconds:   money.New(number.Draw(t, "seconds"), -3).Ratio(),
			Instances: money.Whole(number.Draw(t, "instances")),
			MemoryMB:  money.Whole(number.Draw(t, "memory")), VolumeGB: money.Whole(number.Draw(t, "volume")),
			SecondsInMonth: money.Whole(30 * 86400),
		}
		x, errX := f.Eval(vars)
		y, errY := again.Eval(vars)
		if (errX == nil) != (errY == nil) || x.Cmp(y) != 0 {
			t.Fatalf("%s is %s (%v), %s is %s (%v)", f.Text(), x, errX, f, y, errY)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"ceil(seconds / 3600) * instances * 0.01", "2^3^2", "-2^-2", "max(1, 2, 3)", "ceil(5", "1+1;", "select",
		"$unknown", "((1))", "1/3*3", "é", "9^99",
	} {
		f.Add(text, int64(3_600_000_000), uint32(2))
	}
	f.Fuzz(func(t *testing.T, text string, microseconds int64, n uint32) {
		parsed, err := formula.Parse(text)
		if err != nil {
			return
		}
		again, err := formula.Parse(parsed.String())
		if err != nil || again.String() != parsed.String() {
			t.Fatalf("%q reads as %q, and that as %v, %v", text, parsed, again, err)
		}
		count := money.Whole(int64(n))
		vars := &formula.Vars{
			Seconds: money.New(microseconds, -6).Ratio(), Instances: count, MemoryMB: count,
			StorageMB: count, VolumeGB: count, SecondsInMonth: money.Whole(28 * 86400),
		}
		if x, err := parsed.Eval(vars); err == nil &&
			len(x.Round(money.Places).String()) > formula.MaxResultDigits+money.Places+2 {
			t.Fatalf("%q is %s", text, x)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	for _, text := range []string{"ceil(seconds / 3600) * instances * 0.01", "instances * memory_mb / 1024 * seconds " +
		"/ 3600", "seconds * 0.01"} {
		f, err := formula.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			vars := &formula.Vars{
				Seconds: money.Whole(5000), Instances: money.Whole(3), MemoryMB: money.Whole(512),
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Eval(vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
