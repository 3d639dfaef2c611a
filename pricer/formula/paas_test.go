package formula_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events/money"
	"github.com/daybook-billing/daybook/pricer/formula"
)

var _ = Describe("A formula of paas-billing", func() {
	It("costs what PostgreSQL says", func() {
		text, err := os.ReadFile("testdata/paas-billing.txt")
		Expect(err).NotTo(HaveOccurred())
		compared := 0
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			parts := strings.SplitN(strings.TrimSpace(line), " | ", 3)
			Expect(parts).To(HaveLen(3), line)
			f, _, err := formula.ParsePaas(parts[2])
			Expect(err).NotTo(HaveOccurred(), line)
			seconds, err := money.Parse(parts[0])
			Expect(err).NotTo(HaveOccurred(), line)
			expected, err := money.Parse(parts[1])
			Expect(err).NotTo(HaveOccurred(), line)
			vars := footprint()
			vars.Seconds = seconds.Ratio()
			got, err := f.Eval(vars)
			Expect(err).NotTo(HaveOccurred(), line)
			// Floating point has 15 digits there, and quotients have 16.
			difference := got.Sub(expected.Ratio())
			if difference.Sign() < 0 {
				difference = difference.Neg()
			}
			allowed := expected.Ratio()
			if allowed.Sign() < 0 {
				allowed = allowed.Neg()
			}
			allowed = allowed.Add(whole(1)).Mul(money.New(1, -14).Ratio())
			Expect(difference.Cmp(allowed)).To(BeNumerically("<=", 0), "%s reads as %s: %s", line, f, got)
			compared++
		}
		Expect(compared).To(BeNumerically(">", 150))
	})

	DescribeTable("is read into Daybook's language, with the differences that matter",
		func(text, canonical string, notes ...string) {
			f, found, err := formula.ParsePaas(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(f.String()).To(Equal(canonical))
			Expect(f.Text()).To(Equal(text))
			var messages []string
			for _, n := range found {
				messages = append(messages, n.Message)
			}
			Expect(messages).To(HaveLen(len(notes)), "%q", messages)
			for i, note := range notes {
				Expect(messages[i]).To(ContainSubstring(note))
			}
		},
		Entry("variables and ceil in any case",
			"$number_of_nodes * CEIL($Time_in_Seconds / 3600) * ($memory_in_mb/1024.0) * 0.01",
			"instances * ceil(seconds / 3600) * (memory_mb / 1024) * 0.01"),
		Entry("a cast to numeric", "($storage_in_mb/1024) * ceil($time_in_seconds::numeric/2678401) * 0.127",
			"storage_mb / 1024 * ceil(seconds / 2678401) * 0.127"),
		Entry("a cast of what is whole", "$memory_in_mb::integer * 2", "memory_mb * 2"),
		Entry("whole numbers", "60 * 60 / 10 * $time_in_seconds", "60 * 60 / 10 * seconds"),
		Entry("powers", "2^3^2", "(2^3)^2", "^ groups to the left in paas-billing; it is read so: (2^3)^2"),
		Entry("a sign before a power", "-2^2", "(-2)^2",
			"a minus binds more strongly than ^ in paas-billing; it is read so: (-2)^2"),
		Entry("powers in parentheses, which mean the same", "2^(3^2) + (2^3)^2", "2^3^2 + (2^3)^2"),
		Entry("a division of whole numbers", "5 / 3 * $time_in_seconds", "floor(5 / 3) * seconds",
			"PostgreSQL divides whole numbers without the rest; it is read so: floor(5 / 3) is 1"),
		Entry("one that may be negative", "(0 - $memory_in_mb)::integer / 3",
			"max(floor((0 - memory_mb) / 3), 0) + min(ceil((0 - memory_mb) / 3), 0)", "without the rest"),
		Entry("a cast that rounds", "($time_in_seconds / 60)::integer", "floor(seconds / 60 + 0.5)",
			"halves away from 0 in PostgreSQL, where Daybook's round takes the even number"),
		Entry("one in floating point, which takes the even number, too", "(2^2 * $memory_in_mb / 3)::integer * 2^2",
			"round(2^2 * memory_mb / 3) * 2^2"),
		Entry("a quotient that is counted on with", "ceil($time_in_seconds / 3600 * 2)", "ceil(seconds / 3600 * 2)",
			"PostgreSQL rounds a quotient to some 16 digits and computes on with it before ceil"),
		Entry("a quotient that ends", "ceil($memory_in_mb / 1024 * 2)", "ceil(memory_mb / 1024 * 2)"),
		Entry("a number without a digit before the point", ".5 * +4", "0.5 * 4"),
	)

	DescribeTable("that has a mistake is refused with its position",
		func(text string, offset int, message string) {
			_, _, err := formula.ParsePaas(text)
			var at *formula.Error
			Expect(errors.As(err, &at)).To(BeTrue(), "error: %v", err)
			Expect(at.Message).To(ContainSubstring(message))
			Expect(at.Offset).To(Equal(offset))
		},
		Entry(nil, "ceil(5", 6, `missing ")" for the "(" in column 5`),
		Entry(nil, "ceil 5", 4, `missing "(" after the function ceil`),
		Entry(nil, "1+1;", 3, `unexpected ";"`),
		Entry(nil, "select", 0, `unknown name "select" in a formula of paas-billing; the variables are `+
			`$time_in_seconds, $number_of_nodes, $memory_in_mb, $storage_in_mb, the function ceil`),
		Entry(nil, "2 * $unknown", 4, `unknown name "$unknown"`),
		Entry("a name of Daybook's", "$number_of_nodes * seconds", 19, `unknown name "seconds"`),
		Entry("a function of Daybook's", "floor($memory_in_mb)", 0, `unknown name "floor"`),
		Entry("a comment of SQL", "1--1", 1, "-- begins a comment"),
		Entry("another cast", "1::text", 3, `unknown type "text"; the casts of paas-billing are ::integer, ::bigint and ::numeric`),
		Entry("a cast with one colon", "1:integer", 1, `unexpected ":"`),
		Entry("a cast with a blank in it", "1: :integer", 1, `unexpected ":"`),
		Entry("a point without digits", "1 + .", 4, `unexpected "."`),
		Entry("a division by zero", "1 / (2 - 2)", 2, "division by zero"),
		Entry("a root, which is no fraction", "2 ^ 0.5", 2, "whole number"),
		Entry(nil, "", 0, "empty"),
		Entry(nil, strings.Repeat("(", 60), 50, "nested more than 50 deep"),
	)

	It("says where its computation fails in the text as it was written", func() {
		f, _, err := formula.ParsePaas("$time_in_seconds::numeric / ($memory_in_mb - 64)")
		Expect(err).NotTo(HaveOccurred())
		_, err = f.Eval(footprint())
		Expect(err).To(MatchError("column 27: division by zero"))
	})
})

// What a formula of the dialect is read as is a formula of Daybook's language with the same value.
func TestPaasReadsAsDaybook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, _, err := formula.ParsePaas(paasExpression(3).Draw(t, "text"))
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
		vars := footprint()
		vars.Seconds = money.New(rapid.Int64Range(1, 90_000_000).Draw(t, "milliseconds"), -3).Ratio()
		x, errX := f.Eval(vars)
		y, errY := again.Eval(vars)
		if (errX == nil) != (errY == nil) || x.Cmp(y) != 0 {
			t.Fatalf("%s is %s (%v), %s is %s (%v)", f.Text(), x, errX, f, y, errY)
		}
	})
}

// paasExpression draws the text of a formula in the dialect.
func paasExpression(depth int) *rapid.Generator[string] {
	atom := rapid.SampledFrom([]string{
		"1", "2", "7", "3600", "2.5", ".25", "1024.0", "$memory_in_mb", "$storage_in_mb", "$number_of_nodes",
		"$time_in_seconds", "$TIME_IN_SECONDS",
	})
	if depth == 0 {
		return atom
	}
	sub := paasExpression(depth - 1)
	return rapid.OneOf(atom,
		rapid.Custom(func(t *rapid.T) string {
			return sub.Draw(t, "left") + rapid.SampledFrom([]string{" + ", " - ", "*", "/", "^"}).Draw(t, "operator") +
				sub.Draw(t, "right")
		}),
		rapid.Map(sub, func(s string) string { return "- " + s }),
		rapid.Map(sub, func(s string) string { return "(" + s + ")" }),
		rapid.Map(sub, func(s string) string { return "ceil( " + s + ")" }),
		rapid.Custom(func(t *rapid.T) string {
			kind := rapid.SampledFrom([]string{"integer", "bigint", "numeric"}).Draw(t, "type")
			return "(" + sub.Draw(t, "cast") + ")::" + kind
		}),
	)
}
