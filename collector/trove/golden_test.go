package trove_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/internal/bus"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// normalised writes one line for each line of the input: the fact as it goes on the wire, or the
// error.
func normalised(input []byte) []byte {
	var out []byte
	for line := range bytes.Lines(input) {
		u, err := notification.NormaliseText(nil, "f1", bytes.TrimSpace(line))
		if err != nil {
			out = append(out, "error: "+err.Error()...)
		} else {
			out = u.AppendJSON(out)
		}
		out = append(out, '\n')
	}
	return out
}

var _ = Describe("notifications captured from Trove", func() {
	// The captures are the bodies as they were on the queue; the one that was compressed is
	// decompressed.
	DescribeTable("become the facts in the golden file", func(name string) {
		input, err := os.ReadFile("testdata/" + name + ".jsonl")
		Expect(err).NotTo(HaveOccurred())
		got := normalised(input)
		if *update {
			Expect(os.WriteFile("testdata/"+name+".golden", got, 0o600)).To(Succeed())
		}
		want, err := os.ReadFile("testdata/" + name + ".golden")
		Expect(err).NotTo(HaveOccurred())
		gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
		Expect(gotLines).To(HaveLen(len(wantLines)))
		for i := range gotLines {
			Expect(string(gotLines[i])).To(Equal(string(wantLines[i])), "line %d", i+1)
		}
		for _, secret := range []string{
			"SECRET-TOKEN", "CATALOG", "_context_", "_unique_id", "client_ip",
			"server_ip",
		} {
			Expect(string(got)).NotTo(ContainSubstring(secret))
		}
	},
		Entry("the page about notifications", "seed"),
		Entry("a whole life, Trove 18", "taskmanager_18.0.0_lifecycle"),
		Entry("a failed build, Trove 18", "taskmanager_18.0.0_failed_build"),
		Entry("a whole life with the context of older releases", "lifecycle_unsanitised_ctx_like_oslo_lt_14.4"),
		Entry("the create of the page, sent by the real notifier", "plain_seed_create"),
		Entry("without anything that Trove writes", "plain_error_priority"),
		Entry("v1, compressed, v2", "variants_v1_gzip_v2"),
	)
})

var _ = Describe("a batch", func() {
	It("holds of each notification what it would hold of it alone, whatever was in it before", func() {
		var bodies [][]byte
		for _, name := range []string{"seed", "taskmanager_18.0.0_lifecycle", "variants_v1_gzip_v2"} {
			input, err := os.ReadFile("testdata/" + name + ".jsonl")
			Expect(err).NotTo(HaveOccurred())
			for line := range bytes.Lines(input) {
				bodies = append(bodies, bytes.TrimSpace(line))
			}
		}
		bodies = append(bodies, []byte(`{`), []byte(`{"oslo.message":"{\"event_type\":1}"}`),
			[]byte(`{"oslo.message":"{}","x":"\u00e9"}`))
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			together := trove.Batches("f1")
			for range rapid.IntRange(1, 3).Draw(t, "batches") {
				some := rapid.SliceOfN(rapid.SampledFrom(bodies), 0, 8).Draw(t, "bodies")
				var alone []bus.Message
				for _, body := range some {
					alone = append(alone, trove.Batches("f1")(body)...)
				}
				if got := together(some...); !reflect.DeepEqual(got, alone) {
					t.Fatalf("%q, alone %q", got, alone)
				}
			}
		})
	})
})

func BenchmarkNormalise(b *testing.B) {
	input, err := os.ReadFile("testdata/taskmanager_18.0.0_lifecycle.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	line := bytes.Split(input, []byte("\n"))[1]
	var out []byte
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		u, err := notification.NormaliseText(nil, "f1", line)
		if err != nil {
			b.Fatal(err)
		}
		out = u.AppendJSON(out[:0])
	}
}
