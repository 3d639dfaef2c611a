package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("daybook rate, in which order and form its input comes", func() {
	var folder string
	BeforeEach(func() { folder = GinkgoT().TempDir() })
	input := func(notation ...string) string {
		lines, err := jsonLines(strings.Join(notation, "\n"))
		ExpectWithOffset(1, err).NotTo(HaveOccurred())
		return lines
	}
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		ExpectWithOffset(1, os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		return path
	}
	rate := func(stdin string, args ...string) answer {
		a := daybook(stdin, append([]string{
			"rate", "--catalogue", "testdata/rate/catalogue.yaml", "--format", "json",
		}, args...)...)
		a.stderr = strings.ReplaceAll(a.stderr, folder+"/", "")
		return a
	}
	amount := func(a answer) string {
		ExpectWithOffset(1, a.stderr).To(BeEmpty())
		ExpectWithOffset(1, a.status).To(BeZero())
		got := objects(a.stdout)
		return got[len(got)-1].Total.Amount
	}

	Context("with pages whose names sort wrong", func() {
		var files []string
		BeforeEach(func() {
			one := input("2001-01-01T10:00Z app-started", "2001-01-01T10:20Z app-started instances=2 was-instances=1 "+
				"previous=STARTED",
				"2001-01-01T10:50Z app-stopped instances=2 previous=STARTED")
			lines := strings.SplitAfter(one, "\n")
			files = []string{file("page-1.jsonl", lines[0]), file("page-10.jsonl", lines[2]), file("page-2.jsonl",
				lines[1])}
		})
		It("says both places, and bills nothing", func() {
			a := rate("", append(files, "--now", "2001-01-08")...)
			Expect(a.status).To(Equal(1))
			Expect(a.stdout).To(BeEmpty())
			Expect(a.stderr).To(Equal("daybook: page-2.jsonl:1 (STARTED of 2001-01-01T10:20:00Z) comes behind " +
				"page-10.jsonl:1 (STOPPED of 2001-01-01T10:50:00Z): this is not the order in which Cloud " +
				"Foundry's API " +
				"lists events, and the order decides what they cost. --order natural takes the files in the order of " +
				"their numbers (page-1.jsonl, page-2.jsonl, page-10.jsonl); --order created_at puts the events " +
				"in the " +
				"order of their times; --order given takes them as they stand, where clocks of the platform are to " +
				"blame\n"))
		})
		DescribeTable("bills them rightly in each of the orders that it offers", func(order string) {
			Expect(amount(rate("", append(files, "--now", "2001-01-08", "--order", order)...))).To(Equal("0.02"))
		}, Entry(nil, "natural"), Entry(nil, "created_at"))
		It("takes them as they stand when it is told so, and says what does not fit", func() {
			a := rate("", append(files, "--now", "2001-01-01T11:00:00Z", "--order", "given")...)
			Expect(a.stderr).To(ContainSubstring("anomaly: lost_change of A at 2001-01-01T10:50:00Z: contradiction"))
			Expect(objects(a.stdout)).NotTo(BeEmpty())
			Expect(a.status).To(Equal(3))
		})
	})

	DescribeTable("refuses what the API never lists so, within files and across them",
		func(later, earlier string, notation ...string) {
			lines := strings.SplitAfter(input(notation...), "\n")
			a := rate(strings.Join(lines, ""), "-")
			Expect(a.stderr).To(HavePrefix("daybook: -:" + later))
			Expect(a.stderr).To(ContainSubstring(" comes behind -:" + earlier))
			Expect(a.status).To(Equal(1))
			a = rate("", file("a", strings.Join(lines[:1], "")), file("b", strings.Join(lines[1:], "")))
			Expect(a.stderr).To(ContainSubstring(" comes behind a:1 "))
			Expect(a.status).To(Equal(1))
			Expect(a.stdout).To(BeEmpty())
		},
		Entry("the newest first", "2 (STARTED of 2001-01-01T10:00:00Z)", "1 (STOPPED of 2001-01-01T11:00:00Z)",
			"2001-01-01T11:00Z app-stopped", "2001-01-01T10:00Z app-started"),
		Entry("a minute and a second back", "2 (STARTED of 2001-01-01T10:00:00Z)",
			"1 (STARTED of 2001-01-01T10:01:01Z)",
			"2001-01-01T10:01:01Z app-started", "2001-01-01T10:00Z app-started process=Q"),
		Entry("a task that ends before it begins, within the skew of clocks", "2 (TASK_STARTED of "+
			"2001-01-01T10:00:02Z)",
			"1 (TASK_STOPPED of 2001-01-01T10:00:05Z)", "2001-01-01T10:00:05Z task-stopped", "2001-01-01T10:00:02Z "+
				"task-started"),
		Entry("a task of less than a second", "2 (TASK_STARTED", "1 (TASK_STOPPED", "2001-01-01T10:00:05Z task-stopped",
			"2001-01-01T10:00:05Z task-started"),
		Entry("a service that is deleted before it is there", "2 (CREATED", "1 (DELETED",
			"2001-01-01T10:00:30Z service-deleted", "2001-01-01T10:00Z service-created"),
		Entry("an app whose first event is its stop, and the second its earlier start", "2 (STARTED", "1 (STOPPED",
			"2001-01-01T10:00:40Z app-stopped", "2001-01-01T10:00Z app-started"),
	)

	DescribeTable("takes what the API lists, though times go back",
		func(want string, notation ...string) {
			Expect(amount(rate(input(notation...), "-"))).To(Equal(want))
		},
		Entry("a minute between two clocks", "0.02", "2001-01-01T10:01Z app-started",
			"2001-01-01T10:00Z app-started process=Q app=B", "2001-01-01T10:30Z app-stopped",
			"2001-01-01T10:30Z app-stopped process=Q app=B"),
		Entry("the two lists one after the other", "0.02", "2001-01-01T10:00Z app-started",
			"2001-01-01T10:30Z app-stopped", "2001-01-01T09:00Z service-created", "2001-01-01T09:30Z service-deleted"),
		Entry("a restart with another clock", "0.02", "2001-01-01T10:00Z app-started", "2001-01-01T10:30:30Z "+
			"app-stopped",
			"2001-01-01T10:30Z app-started", "2001-01-01T10:40Z app-stopped"),
	)

	It("takes the same page again, wherever it stands", func() {
		one := input("2001-01-01T10:00Z app-started", "2001-01-01T10:30Z app-stopped")
		two := input("# event-1", "# event-2", "2001-01-01T12:00Z task-started", "2001-01-01T12:30Z task-stopped")
		Expect(amount(rate("", file("a", one), file("b", two), file("c", one)))).To(Equal("0.02"))
	})

	DescribeTable("does not offer the order of times where the times are equal", func(order string) {
		wrong := input("2001-01-01T10:00Z task-stopped", "2001-01-01T10:00Z task-started", "2001-01-01T10:00Z "+
			"app-started",
			"2001-01-01T10:30Z app-stopped")
		a := rate(wrong, "--order", order, "-")
		Expect(a.stderr).To(HaveSuffix("the input has its newest events first: turn it round, as tac does with " +
			"lines\n"))
		Expect(a.status).To(Equal(1))
		lines := strings.SplitAfter(wrong, "\n")
		Expect(amount(rate(lines[1]+lines[0]+lines[2]+lines[3], "--order", order, "-"))).To(Equal("0.01"),
			"the app; the task ran no second")
	}, Entry(nil, "api"), Entry(nil, "created_at"))

	Context("whatever the form", func() {
		var lines []string
		BeforeEach(func() {
			lines = strings.Split(strings.TrimSpace(input("2001-01-01T10:00Z app-started",
				"2001-01-01T10:20Z app-started instances=2 was-instances=1 previous=STARTED", "2001-01-01T10:50Z "+
					"app-stopped instances=2")),
				"\n")
		})
		packed := func(pack func(*bytes.Buffer, string)) string {
			var out bytes.Buffer
			pack(&out, strings.Join(lines, "\n"))
			return out.String()
		}
		zipped := func(out *bytes.Buffer, text string) {
			w := gzip.NewWriter(out)
			_, err := w.Write([]byte(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(w.Close()).To(Succeed())
		}
		zstandard := func(out *bytes.Buffer, text string) {
			w, err := zstd.NewWriter(out)
			Expect(err).NotTo(HaveOccurred())
			_, err = w.Write([]byte(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(w.Close()).To(Succeed())
		}
		DescribeTable("bills the same, from a file and from standard input", func(form func() string) {
			Expect(amount(rate("", file("events", form())))).To(Equal("0.02"))
			Expect(amount(rate(form(), "-"))).To(Equal("0.02"))
			Expect(amount(rate(form(), "--order", "created_at", "-"))).To(Equal("0.02"))
		},
			Entry("lines", func() string { return strings.Join(lines, "\n") }),
			Entry("an array", func() string { return "[" + strings.Join(lines, ",\n") + "]" }),
			Entry("a page", func() string {
				return `{"pagination":{"total_results":3,"next":null},"resources":[` + strings.Join(lines, ",") + `]}`
			}),
			Entry("two pages of v2's API", func() string {
				return `{"total_results":3,"next_url":"…","resources":[` + strings.Join(lines[:2], ",") + "]}\n" +
					`{"total_results":3,"next_url":null,"resources":[` + lines[2] + `]}`
			}),
			Entry("pretty-printed", func() string {
				return strings.ReplaceAll(strings.Join(lines, "\n"), ",",
					",\n  ")
			}),
			Entry("gzip", func() string { return packed(zipped) }),
			Entry("zstd", func() string { return packed(zstandard) }),
			Entry("two gzip files in one", func() string { return packed(zipped) + packed(zipped) }),
		)
	})
})
