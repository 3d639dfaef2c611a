package usageevent_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf/usageevent"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// normalised writes one line for each line of the input: the fact as it goes on the wire, or the
// error.
func normalised(input []byte) []byte {
	var out []byte
	for line := range bytes.Lines(input) {
		u, err := usageevent.Normalise("f1", bytes.TrimSpace(line))
		if err != nil {
			out = append(out, "error: "+err.Error()...)
		} else {
			out = u.AppendJSON(out)
		}
		out = append(out, '\n')
	}
	return out
}

var _ = Describe("every shape of a v3 usage event", func() {
	It("becomes the fact in testdata/events.golden", func() {
		input, err := os.ReadFile("testdata/events.jsonl")
		Expect(err).NotTo(HaveOccurred())
		got := normalised(input)
		if *update {
			Expect(os.WriteFile("testdata/events.golden", got, 0o600)).To(Succeed())
		}
		want, err := os.ReadFile("testdata/events.golden")
		Expect(err).NotTo(HaveOccurred())
		gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
		Expect(gotLines).To(HaveLen(len(wantLines)))
		for i := range gotLines {
			Expect(string(gotLines[i])).To(Equal(string(wantLines[i])), "line %d", i+1)
		}
		Expect(string(got)).NotTo(ContainSubstring("PLANTED"))
	})
})

func BenchmarkNormalise(b *testing.B) {
	input, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := bytes.Cut(input, []byte("\n"))
	var out []byte
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		u, err := usageevent.Normalise("f1", line)
		if err != nil {
			b.Fatal(err)
		}
		out = u.AppendJSON(out[:0])
	}
}
