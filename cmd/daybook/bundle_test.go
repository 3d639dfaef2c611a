package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// verified runs a command without a server, and returns its status and all that it says.
func verified(args ...string) (status int, said string) {
	var out, errs strings.Builder
	status = run(append([]string{"statement", "verify"}, args...), strings.NewReader(""), &out, &errs)
	return status, out.String() + errs.String()
}

// recomputed runs the Python script over a bundle.
func recomputed(ctx context.Context, file string) (status int, said string) {
	GinkgoHelper()
	python, err := exec.LookPath("python3")
	Expect(err).NotTo(HaveOccurred(), "python3 is missing: apt-get install --no-install-recommends python3")
	cmd := exec.CommandContext(ctx, python, "../../docs/recompute.py", file)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		Expect(err).NotTo(HaveOccurred())
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// contents are the files of a bundle.
func contents(bundle string) map[string]string {
	GinkgoHelper()
	file, err := os.Open(bundle)
	Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	plain, err := gzip.NewReader(file)
	Expect(err).NotTo(HaveOccurred())
	all := map[string]string{}
	for archive := tar.NewReader(plain); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(archive)
		Expect(err).NotTo(HaveOccurred())
		all[h.Name] = string(text)
	}
}

var _ = Describe("A bundle of a statement", func() {
	It("is checked and computed again by a stranger, as are credit notes and the lines", func(ctx SpecContext) {
		s := newSite(ctx)
		folder := GinkgoT().TempDir()
		key, public := filepath.Join(folder, "key.pem"), filepath.Join(folder, "public.pem")
		keys := func(args ...string) (int, string, string) {
			var out, errs strings.Builder
			status := run(append([]string{"keys"}, args...), strings.NewReader(""), &out, &errs)
			return status, out.String(), errs.String()
		}
		status, shown, fingerprint := keys("generate", "--signing-key", key)
		Expect(status).To(BeZero(), fingerprint)
		Expect(os.WriteFile(public, []byte(shown), 0o600)).To(Succeed())
		_, again, _ := keys("show", "--signing-key", key)
		Expect(again).To(Equal(shown))
		Expect(fingerprint).To(HavePrefix("fingerprint SHA256:"))
		status, _, said := keys("generate", "--signing-key", key)
		Expect(status).To(Equal(1))
		Expect(said).To(ContainSubstring("file exists"))
		info, err := os.Stat(key)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))

		By("a month closes, is opened again, priced otherwise and closed once more")
		s.ran("month", "mode", "manual", "--by", "ann")
		first, second, prices := month(400)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "A", prices)
		s.ran("collect", "file", "--horizon", "2026-11-06T00:00:00Z", first)
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("month", "close", "2026-10", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("month", "reopen", "2026-10", "--by", "ann", "--note", "a dispute", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "B", priced(prices, dearer))
		s.ran("month", "close", "2026-10", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)

		By("another price corrects it in November, which closes, too")
		s.ran("catalogue", "publish", "--yes", "--wait", "0", "--name", "C", "--reprice-closed", "2026-10", prices)
		s.ran("collect", "file", "--horizon", "2026-12-01T00:00:00Z", second)
		s.issue(ctx, timeline.CutDay, 1)
		s.ran("month", "close", "2026-11", "--by", "ann", "--wait", "0")
		s.issue(ctx, timeline.CutDay, 1)

		tenant := ""
		for _, x := range s.statements(ctx) {
			if x.Source == events.SourceCF {
				tenant = max(tenant, x.Tenant)
			}
		}
		of := func(month string) []string {
			return []string{"--tenant", tenant, "--month", month, "--foundation", "file"}
		}
		export := func(name, month string, args ...string) string {
			GinkgoHelper()
			file := filepath.Join(folder, name)
			s.ran(append(append([]string{"statement", "export", "--bundle", file}, of(month)...), args...)...)
			return file
		}
		check := func(x *statement.Statement) (checked string) {
			GinkgoHelper()
			number := strconv.FormatUint(x.Number, 10)
			file := export(number+".tar.gz", x.Month, "--number", number, "--signing-key", key)
			status, checked := verified(file, "--key", public)
			Expect(status).To(BeZero(), checked)
			Expect(checked).To(And(Not(ContainSubstring("wrong")), ContainSubstring("by SHA256:")))
			if !scale.Short() {
				status, said := recomputed(ctx, file)
				Expect(status).To(BeZero(), said)
			}
			for _, line := range []int{1, len(x.Lines)} {
				out := s.ran(append([]string{"explain", number + "/" + strconv.Itoa(line)}, of(x.Month)...)...)
				Expect(out).To(ContainSubstring("\nequal\n"))
			}
			return checked
		}
		issued := func(month string) (all []statement.Statement) {
			GinkgoHelper()
			text := s.ran(append([]string{"statement", "--all", "--format", "json"}, of(month)...)...)
			for line := range strings.Lines(text) {
				var x statement.Statement
				Expect(x.DecodeJSON([]byte(line))).To(Succeed())
				all = append(all, x)
			}
			return all
		}
		all := issued("2026-10")
		Expect(all).To(HaveLen(3), "two revisions, and a credit note")
		for i := range all {
			check(&all[i])
		}
		november := issued("2026-11")
		Expect(november).To(HaveLen(1))
		Expect(check(&november[0])).To(MatchRegexp(`; \d+ corrections are`))

		By("the statement that stands is exported without a number, and the same each time")
		text := func(file string) []byte {
			GinkgoHelper()
			b, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			return b
		}
		last := strconv.FormatUint(all[2].Number, 10)
		Expect(text(export("again.tar.gz", "2026-10", "--signing-key", key))).To(Equal(text(filepath.Join(folder,
			last+".tar.gz"))))

		By("without a key it is unsigned, and says so")
		GinkgoT().Chdir(folder)
		status, _, said = s.daybook(append([]string{"statement", "export", "--bundle", "plain.tar.gz"},
			of("2026-10")...)...)
		Expect(status).To(BeZero())
		Expect(said).To(ContainSubstring("unsigned: there is no signing key"))
		status, said = verified("plain.tar.gz")
		Expect(status).To(BeZero(), said)
		Expect(said).To(ContainSubstring("the bundle is unsigned"))
		status, _ = verified("plain.tar.gz", "--key", public)
		Expect(status).To(Equal(5))

		status, _, said = s.daybook("statement", "export", "--bundle", "x.tar.gz", "--tenant", tenant[:30], "--month",
			"2026-10")
		Expect(status).To(Equal(1))
		Expect(said).To(ContainSubstring(tenant))

		By("a bundle that is cut off is no bundle")
		whole := text("plain.tar.gz")
		Expect(os.WriteFile("half.tar.gz", whole[:len(whole)/2], 0o600)).To(Succeed())
		status, said = verified("half.tar.gz")
		Expect(status).To(Equal(1))
		Expect(said).To(ContainSubstring("it is no whole bundle"))

		By("a line is one of the statement's, with its tenant and month")
		status, _, said = s.daybook("explain", "1/1", "--month", "2026-10")
		Expect(status).To(Equal(2))
		Expect(said).To(ContainSubstring("NUMBER/LINE"))
		status, _, said = s.daybook(append([]string{"explain", last + "/99"}, of("2026-10")...)...)
		Expect(status).To(Equal(1))
		Expect(said).To(ContainSubstring("and no line 99"))

		By("one made after an erasure has guids for names, and the same digest")
		before := contents(last + ".tar.gz")
		s.ran("names", "erase", tenant, "--yes", "--by", "ann", "--note", "the contract has ended")
		erased := export("erased.tar.gz", "2026-10", "--number", last, "--signing-key", key)
		status, said = verified(erased, "--key", public)
		Expect(status).To(BeZero(), said)
		after := contents(erased)
		names := regexp.MustCompile(`"(?:space_)?name":("[^"]+")`).FindAllStringSubmatch(before["spans.jsonl"], -1)
		Expect(names).NotTo(BeEmpty())
		for _, name := range names {
			Expect(after["spans.jsonl"] + after["facts.jsonl"]).NotTo(ContainSubstring(name[1]))
		}
		for _, same := range []string{"entries.jsonl", "statement.json"} {
			Expect(after[same]).To(Equal(before[same]))
		}

		By("a statement whose entries are others by now is not exported")
		for _, stream := range []string{events.StreamMetered, events.StreamBilling} {
			s.restored(ctx, stream, nil)
		}
		s.issue(ctx, timeline.CutHour, 1)
		status, _, said = s.daybook(append([]string{"statement", "export", "--bundle", "x.tar.gz"},
			of("2026-10")...)...)
		Expect(status).To(Equal(1))
		Expect(said).To(ContainSubstring("derived otherwise since"))
	}, SpecTimeout(scale.Patience))
})
