package jsondoc_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// manyKeys is an object of n members; key is a format of their number.
func manyKeys(n int, key string) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, `"`+key+`":1`, i)
	}
	return b.String() + "}"
}

var _ = Describe("the keys of one object", func() {
	DescribeTable("cost in proportion to their number", func(key string) {
		for _, n := range []int{10, 32, 33, 100, 7_000, 70_000} {
			text := manyKeys(n, key)
			d, err := parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(d.Compared()).To(BeNumerically("<=", 32*n), "%d keys", n)
			d, err = parse(`{"a":[` + strings.Repeat(manyKeys(20, key)+",", n/100) + text + `]}`)
			Expect(err).NotTo(HaveOccurred())
			Expect(d.Compared()).To(BeNumerically("<=", 32*(n+n/100*20)), "%d keys among small objects", n)
		}
	},
		Entry("of different lengths", "k%d"),
		Entry("the same at both ends, with the same length", "beginning%010dthe ending"),
		Entry("with escapes", `\u006b%d`),
	)

	DescribeTable("are different, wherever one is repeated", func(n, again int, key string) {
		text := manyKeys(n, key)
		repeated := fmt.Sprintf(`"k%07d"`, again)
		_, err := parse(text[:len(text)-1] + "," + repeated + `:2,"z":3}`)
		Expect(err).To(MatchError(fmt.Sprintf("column %d: found the key %s twice in one object", len(text)+1,
			repeated)))
		_, err = parse(`{"o":` + text + `,"` + fmt.Sprintf("k%07d", again) + `":1}`)
		Expect(err).NotTo(HaveOccurred())
	},
		Entry("few", 5, 0, "k%07d"),
		Entry("as many as are compared one by one", 31, 30, "k%07d"),
		Entry("one more", 32, 31, "k%07d"),
		Entry("two more", 33, 0, "k%07d"),
		Entry("very many, the first", 50_000, 0, "k%07d"),
		Entry("very many, the last", 50_000, 49_999, "k%07d"),
		Entry("very many with escapes", 50_000, 33, `\u006b%07d`),
	)
})

// BenchmarkManyKeys reports the time of a key; it must not depend on the number of keys.
func BenchmarkManyKeys(b *testing.B) {
	for _, n := range []int{10, 30, 700, 7_000, 70_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := []byte(manyKeys(n, "key%07d"))
			d := new(jsondoc.Document)
			for b.Loop() {
				if err := d.Parse(text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
		})
	}
}
