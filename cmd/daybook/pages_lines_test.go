package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// indented finds the lines of commands on a page: indented ones, and ones behind a $,
// each with the variables in front of it.
var indented = regexp.MustCompile(`(?m)^(?: {4,}| *\$ )((?:[A-Z_]+=(?:"[^"]*"|\S+) +)*)(daybook [a-z].*)$`)

// assigned finds the variables in front of a line.
var assigned = regexp.MustCompile(`([A-Z_]+)=("[^"]*"|\S+)`)

// exports finds the lines that set variables for the lines behind them.
var exports = regexp.MustCompile(`(?m)^(?: {4,}| *\$ )(export .*)$`)

// continued is the end of an unfinished line.
var continued = regexp.MustCompile(`\\\n\s*`)

// optional is an optional part of a line.
var optional = regexp.MustCompile(`\[(.*?)\]`)

// lineWords are those of a line as a shell has them, up to a comment, a pipe, or what goes
// elsewhere, with the variables that are set before it.
func lineWords(ctx context.Context, before, line string) []string {
	GinkgoHelper()
	line, _, _ = strings.Cut(optional.ReplaceAllString(line, "$1"), " #")
	for _, end := range []string{" |", " >", " &"} {
		line, _, _ = strings.Cut(line, end)
	}
	script := before + "\nset -f; daybook() { printf '%s\\n' \"$@\"; }; " + line
	out, err := exec.CommandContext(ctx, "sh", "-c", script).Output()
	Expect(err).NotTo(HaveOccurred(), line)
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

var _ = Describe("The pages", func() {
	It("have command lines that Daybook understands", func(ctx SpecContext) {
		pages, err := filepath.Glob("../../docs/*.md")
		Expect(err).NotTo(HaveOccurred())
		pages = append(pages, "../../README.md", "../../deploy/README.md")
		read, refused := 0, []string{}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			Expect(err).NotTo(HaveOccurred())
			text = continued.ReplaceAll(text, []byte(" "))
			before := bytes.Join(exports.FindAll(text, -1), []byte("\n"))
			before = bytes.ReplaceAll(before, []byte("$ export"), []byte("export"))
			for _, m := range indented.FindAllSubmatch(text, -1) {
				variables := assigned.FindAllStringSubmatch(string(m[1]), -1)
				for _, v := range variables {
					Expect(os.Setenv(v[1], strings.Trim(v[2], `"`))).To(Succeed())
				}
				var commands cli
				parser, err := kong.New(&commands, kong.Name("daybook"), defaults(), kong.Exit(func(int) {}))
				Expect(err).NotTo(HaveOccurred())
				if _, err := parser.Parse(lineWords(ctx, string(before), string(m[2]))); err != nil {
					refused = append(refused, fmt.Sprintf("%s: %s: %s", page, m[2], err))
				}
				for _, v := range variables {
					Expect(os.Unsetenv(v[1])).To(Succeed())
				}
				read++
			}
		}
		Expect(refused).To(BeEmpty())
		Expect(read).To(BeNumerically(">=", 25))
	})

	It("ask the API from the command line, and get what stands behind the lines", func(ctx SpecContext) {
		text, err := os.ReadFile("../../docs/api.md")
		Expect(err).NotTo(HaveOccurred())
		server := httptest.NewServer(demonstrated(ctx).ask(ctx).handler)
		DeferCleanup(server.Close)
		GinkgoT().Setenv("DAYBOOK_API_URL", server.URL)
		asked := 0
		for _, m := range indented.FindAllSubmatch(text, -1) {
			_, want, told := strings.Cut(string(m[2]), "# ")
			Expect(told).To(BeTrue(), "%s says nothing of its answer", m[2])
			var out, errs bytes.Buffer
			code := run(lineWords(ctx, "", string(m[2])), strings.NewReader(""), &out, &errs)
			Expect(code).To(BeElementOf(0, 3), errs.String())
			Expect(out.String()).To(ContainSubstring(want), "%s", m[2])
			asked++
		}
		Expect(asked).To(BeNumerically(">=", 1))
	})
})
