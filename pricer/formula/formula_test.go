package formula_test

import (
	"errors"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/formula"
)

func whole(n int64) money.Ratio { return money.Whole(n) }

// footprint is the one of paas-billing's own formula tests: memory 64, storage 128, 60 seconds.
func footprint() *formula.Vars {
	return &formula.Vars{
		Seconds: whole(60), Instances: whole(2), MemoryMB: whole(64), StorageMB: whole(128),
		VolumeGB: whole(5), SecondsInMonth: whole(28 * 86400),
	}
}

func eval(text string) string {
	GinkgoHelper()
	f, err := formula.Parse(text)
	Expect(err).NotTo(HaveOccurred())
	x, err := f.Eval(footprint())
	Expect(err).NotTo(HaveOccurred())
	return x.Round(50).String()
}

var _ = Describe("A price formula", func() {
	DescribeTable("is computed exactly",
		func(text, expected string) { Expect(eval(text)).To(Equal(expected)) },
		Entry(nil, "seconds*2", "120"),
		Entry(nil, "memory_mb/1024*2", "0.125"),
		Entry(nil, "2^2", "4"),
		Entry(nil, "ceil(5.0/3.0)", "2"),
		Entry(nil, "12147483647 * (2)", "24294967294"),
		Entry(nil, "ceil(seconds / 3600) * instances * 0.01", "0.02"),
		Entry(nil, "storage_mb + volume_gb", "133"),
		Entry(nil, "0.1 + 0.2", "0.3"),
		Entry(nil, "1 / 3", "0."+strings.Repeat("3", 50)),
		Entry(nil, "2 / 3", "0."+strings.Repeat("6", 49)+"7"),
		Entry(nil, "7", "7"),
		Entry(nil, "hours_in_month + seconds_in_month", "2419872"),
		Entry(nil, "0 * -1", "0"),
	)

	DescribeTable("groups as mathematics does",
		func(text, expected string) { Expect(eval(text)).To(Equal(expected)) },
		Entry(nil, "1 + 2 * 3", "7"),
		Entry(nil, "(1 + 2) * 3", "9"),
		Entry(nil, "10 - 4 - 3", "3"),
		Entry(nil, "100 / 10 / 5", "2"),
		Entry(nil, "2 ^ 3 ^ 2", "512"),
		Entry(nil, "(2 ^ 3) ^ 2", "64"),
		Entry(nil, "-2 ^ 2", "-4"),
		Entry(nil, "(-2) ^ 2", "4"),
		Entry(nil, "2 ^ -2", "0.25"),
		Entry(nil, "2 * -3", "-6"),
		Entry(nil, "--3", "3"),
		Entry(nil, "instances ^ (seconds / 20)", "8"),
		Entry(nil, "0 ^ 0", "1"),
		Entry(nil, "1.000001 ^ 3", "1.000003000003000001"),
	)

	DescribeTable("has functions",
		func(text, expected string) { Expect(eval(text)).To(Equal(expected)) },
		Entry(nil, "ceil(0.001)", "1"),
		Entry(nil, "ceil(-1.5)", "-1"),
		Entry(nil, "floor(1.999)", "1"),
		Entry(nil, "floor(-0.001)", "-1"),
		Entry(nil, "round(0.5)", "0"),
		Entry(nil, "round(1.5)", "2"),
		Entry(nil, "round(2.5)", "2"),
		Entry(nil, "round(-2.51)", "-3"),
		Entry(nil, "min(3, 1, 2)", "1"),
		Entry(nil, "max(seconds, 3600)", "3600"),
		Entry(nil, "max(1, instances, min(4, seconds))", "4"),
		Entry("a division does not start another unit", "ceil(2/3*3)", "2"),
		Entry(nil, "floor(1/3*3)", "1"),
		Entry(nil, "floor(seconds/7*7 - seconds)", "0"),
		Entry(nil, "ceil(seconds/7*7*10^20)", "6000000000000000000000"),
	)

	DescribeTable("that has a mistake is refused with its position",
		func(text string, offset int, message string) {
			_, err := formula.Parse(text)
			var at *formula.Error
			Expect(errors.As(err, &at)).To(BeTrue(), "error: %v", err)
			Expect(at.Message).To(ContainSubstring(message))
			Expect(at.Offset).To(Equal(offset))
		},
		Entry(nil, "ceil(5", 6, `missing ")" for the "(" in column 5`),
		Entry(nil, "1+1;", 3, `unexpected ";"`),
		Entry(nil, "select", 0,
			`unknown name "select"; the variables are seconds, instances, memory_mb, storage_mb, volume_gb, hours_in_month, seconds_in_month, the functions ceil`),
		Entry(nil, "$unknown", 0, `unknown name "$unknown"`),
		Entry(nil, "", 0, "empty"),
		Entry(nil, " \n", 0, "empty"),
		Entry(nil, "1 +", 3, "ends too early"),
		Entry(nil, "1 + * 2", 4, `unexpected "*"; expected a number`),
		Entry(nil, "+1", 0, `unexpected "+"`),
		Entry(nil, "1 2", 2, `unexpected "2"; expected an operator`),
		Entry(nil, "1e3", 1, `unexpected "e3"`),
		Entry(nil, "1.", 1, `unexpected "."`),
		Entry(nil, ".5", 0, `such as 0.5`),
		Entry(nil, "(1 + 2", 6, `missing ")"`),
		Entry(nil, "(1, 2)", 2, `unexpected ","`),
		Entry(nil, "1)", 1, `unexpected ")"`),
		Entry(nil, "ceil", 4, `missing "("`),
		Entry(nil, "ceil()", 0, "ceil takes one argument, not 0"),
		Entry(nil, "1 + ceil(1, 2)", 4, "ceil takes one argument, not 2"),
		Entry(nil, "min(1)", 0, "min takes two or more arguments, not 1"),
		Entry(nil, "min(1,)", 6, `unexpected ")"`),
		Entry(nil, "seconds(1)", 7, "seconds is a variable"),
		Entry(nil, "2 ^ 0.5", 2, "whole number from -100 to 100"),
		Entry(nil, "2 ^ 101", 2, "whole number from -100 to 100"),
		Entry(nil, "seconds * (1 / (2 - 2))", 13, "division by zero"),
		Entry(nil, "0 ^ -1", 2, "division by zero"),
		Entry(nil, "1000 ^ 100", 5, "beyond 10^100"),
		Entry(nil, "0.001 ^ 100", 6, "nearer to zero"),
		Entry(nil, "10 ^ 30", 3, "more than 30 digits"),
		Entry(nil, "\xff", 0, "UTF-8"),
		Entry("the column counts characters", "1 + é", 4, `unknown name "é"`),
		Entry(nil, strings.Repeat("1", 51), 0, "more than 50 digits"),
		Entry(nil, strings.Repeat("(", 50)+"1", 50, "nested more than 50"),
		Entry(nil, strings.Repeat("1+", 250)+"1", 499, "more than 500"),
		Entry(nil, strings.Repeat("seconds*", 126), 1000, "more than 1000 characters"),
		Entry(nil, strings.Repeat(" ", 4000)+"1", 4000, "more than 4000 bytes"),
	)

	It("counts columns in characters", func() {
		_, err := formula.Parse("1 + é + 2;")
		Expect(err).To(MatchError(HavePrefix("column 5: ")))
	})

	DescribeTable("that fails with some values says where",
		func(text string, offset int, message string) {
			f, err := formula.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			_, err = f.Eval(footprint())
			var at *formula.Error
			Expect(errors.As(err, &at)).To(BeTrue(), "error: %v", err)
			Expect(at.Message).To(ContainSubstring(message))
			Expect(at.Offset).To(Equal(offset))
		},
		Entry(nil, "1 / (instances - 2)", 2, "division by zero"),
		Entry(nil, "1 + (instances - 2) / (seconds - 60)", 20, "division by zero"),
		Entry(nil, "2 ^ (seconds / 7)", 2, "whole number"),
		Entry(nil, "2 ^ (seconds * 2)", 2, "whole number"),
		Entry(nil, "min(seconds ^ 100, 1)", 12, "beyond 10^100"),
		Entry(nil, "seconds * 10 ^ 29", 8, "more than 30 digits"),
	)

	DescribeTable("has one canonical form",
		func(text, canonical string) {
			f, err := formula.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(f.String()).To(Equal(canonical))
			Expect(f.Text()).To(Equal(text))
		},
		Entry(nil, "((ceil( (seconds)/3600.00 )))*007.10", "ceil(seconds / 3600) * 7.1"),
		Entry(nil, "1-(2-3)", "1 - (2 - 3)"),
		Entry(nil, "(1-2)-3", "1 - 2 - 3"),
		Entry(nil, "(2^3)^2^1", "(2^3)^2^1"),
		Entry(nil, "(-2)^-(2*3)", "(-2)^-(2 * 3)"),
		Entry(nil, "-(2^2)", "-2^2"),
		Entry(nil, "2*(-3)+(-(-4))", "2 * -3 + --4"),
		Entry(nil, "max( 1,2 , 3)", "max(1, 2, 3)"),
	)

	It("can be evaluated by many at once", func() {
		f, err := formula.Parse("ceil(seconds / 7) * instances / 3 + memory_mb ^ 2")
		Expect(err).NotTo(HaveOccurred())
		var wg sync.WaitGroup
		for i := range int64(8) {
			vars := footprint()
			vars.Seconds = whole(i * 7)
			expected := whole(i).Mul(whole(2))
			wg.Go(func() {
				defer GinkgoRecover()
				for range 200 {
					x, err := f.Eval(vars)
					Expect(err).NotTo(HaveOccurred())
					Expect(x.Sub(whole(4096)).Mul(whole(3)).String()).To(Equal(expected.String()))
				}
			})
		}
		wg.Wait()
	})
})
