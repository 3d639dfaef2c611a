package formula_test

import (
	"errors"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/formula"
)

// anything is a domain of small footprints, of which a formula may have any.
func anything() *formula.Domain {
	return &formula.Domain{
		Seconds:   formula.Range{Least: money.New(1, -9).Ratio(), Most: whole(100_000_000_000)},
		Instances: formula.Range{Least: whole(1), Most: whole(5000)},
		MemoryMB:  formula.Range{Least: whole(0), Most: whole(5000)},
		StorageMB: formula.Only(whole(128)), VolumeGB: formula.Range{Least: whole(0), Most: whole(5000)},
		SecondsInMonth: formula.Range{Least: whole(28 * 86400), Most: whole(31 * 86400)},
	}
}

var _ = Describe("Before any footprint comes, a formula", func() {
	DescribeTable("is refused where it divides by what can be 0, or can never be computed",
		func(text string, offset int, message string) {
			f, err := formula.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			_, err = f.Bounds(anything())
			var at *formula.Error
			Expect(errors.As(err, &at)).To(BeTrue(), "error: %v", err)
			Expect(at.Message).To(ContainSubstring(message))
			Expect(at.Offset).To(Equal(offset))
		},
		Entry(nil, "1 / (seconds - seconds)", 2, "no footprint can compute this: division by zero: seconds - seconds "+
			"is always 0"),
		Entry(nil, "1 / (memory_mb * 0)", 2, "memory_mb * 0 is always 0"),
		Entry(nil, "1 / memory_mb", 2, "memory_mb can be 0, and nothing can be divided by it; write max(1, …)"),
		Entry(nil, "1 / (instances - 1)", 2, "instances - 1 can be 0"),
		Entry(nil, "1 / floor(seconds / 3600)", 2, "floor(seconds / 3600) can be 0"),
		Entry(nil, "1 / round(seconds / 3600)", 2, "can be 0"),
		Entry(nil, "1 + 2 / (seconds - 7200.5)", 6, "seconds - 7200.5 can be 0"),
		Entry(nil, "1 / (hours_in_month - 720)", 2, "hours_in_month - 720 can be 0"),
		Entry(nil, "1 / (storage_mb - 128)", 2, "storage_mb - 128 is always 0"),
		Entry(nil, "memory_mb ^ -1", 10, "memory_mb can be 0, and the exponent negative"),
		Entry(nil, "memory_mb ^ (instances - 3)", 10, "the exponent negative"),
		Entry(nil, "seconds ^ 1000", 8, "no footprint can compute this: the exponent must be a whole number from "+
			"-100 to 100"),
		Entry(nil, "seconds ^ 0.5", 8, "no footprint can compute this: the exponent must be a whole number"),
		Entry(nil, "2 ^ (instances + 100)", 2, "no footprint can compute this: the exponent"),
		Entry(nil, "seconds * 10 ^ 60", 8, "no footprint can compute this: the result has more than 30 digits"),
		Entry(nil, "hours_in_month ^ 50", 15, "no footprint can compute this: the result is beyond 10^100"),
		Entry(nil, "hours_in_month ^ -50", 15, "no footprint can compute this: the result is nearer to zero"),
		Entry(nil, "min(1, 2 / (seconds - 3))", 9, "seconds - 3 can be 0"),
	)

	DescribeTable("is taken where some footprint can compute it, with bounds of its values",
		func(text, least, most string) {
			f, err := formula.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			r, err := f.Bounds(anything())
			Expect(err).NotTo(HaveOccurred())
			Expect([]string{r.Least.Round(9).String(), r.Most.Round(9).String()}).To(Equal([]string{least, most}))
		},
		Entry(nil, "1 / seconds", "0", "1000000000"),
		Entry(nil, "1 / ceil(seconds / 3600)", "0.000000036", "1"),
		Entry(nil, "1 / instances", "0.0002", "1"),
		Entry(nil, "10 / max(1, memory_mb)", "0.002", "10"),
		Entry(nil, "1 / (memory_mb + 1)", "0.00019996", "1"),
		Entry(nil, "1 / (memory_mb * memory_mb + 1)", "0.00000004", "1"),
		Entry(nil, "1 / ((memory_mb - 512)^2 + 1)", "0.00000005", "1"),
		Entry(nil, "seconds / (seconds - seconds + 2)", "0", "50000000000"),
		Entry(nil, "memory_mb ^ 3", "0", "125000000000"),
		Entry(nil, "(memory_mb - 10) ^ 3", "-1000", "124251499000"),
		Entry(nil, "(2 - instances) ^ 0", "1", "1"),
		Entry(nil, "instances ^ -2", "0.00000004", "1"),
		Entry(nil, "2 ^ min(instances, 3)", "2", "8"),
		Entry(nil, "0 - instances", "-5000", "-1"),
		Entry(nil, "(instances + 1) / (instances + 1)", "1", "1"),
		Entry(nil, "storage_mb / seconds_in_month", "0.00004779", "0.00005291"),
	)
})

// TestBoundsHold: what a formula gives lies within its bounds, and one with bounds never divides by
// zero; one of which no footprint gives a result has none.
func TestBoundsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := formula.Parse(expression(4).Draw(t, "text"))
		if err != nil {
			return
		}
		number := rapid.Int64Range(0, 5_000)
		seconds := money.New(rapid.Int64Range(1, 5_000_000).Draw(t, "seconds"), -3).Ratio()
		vars := &formula.Vars{
			Seconds: seconds, Instances: whole(number.Draw(t, "instances") + 1),
			MemoryMB:  whole(number.Draw(t, "memory")),
			StorageMB: whole(128), VolumeGB: whole(number.Draw(t, "volume")), SecondsInMonth: whole(30 * 86400),
		}
		domain := anything()
		domain.Instances.Most = whole(5001)
		bounds, refused := f.Bounds(domain)
		z, failed := f.Eval(vars)
		var at *formula.Error
		switch {
		case refused == nil && failed == nil && (z.Cmp(bounds.Least) < 0 || z.Cmp(bounds.Most) > 0):
			t.Fatalf("%s is %s, not from %s to %s", f, z, bounds.Least, bounds.Most)
		case f.Rises() && failed == nil && !rises(f, vars, z):
			t.Fatalf("%s is %s, and falls", f, z)
		case refused == nil && errors.As(failed, &at) && at.Message == "division by zero":
			t.Fatalf("%s divides by zero", f)
		case refused != nil && failed == nil && errors.As(refused, &at) && len(at.Message) > 2 &&
			at.Message[:2] == "no":
			t.Fatalf("%s is %s, though %s", f, z, refused)
		}
	})
}

// rises reports whether a formula is not negative, and not less for more time.
func rises(f *formula.Formula, v *formula.Vars, z money.Ratio) bool {
	more := *v
	more.Seconds = v.Seconds.Mul(whole(3)).Add(whole(1))
	after, err := f.Eval(&more)
	return z.Sign() >= 0 && (err != nil || after.Cmp(z) >= 0)
}
