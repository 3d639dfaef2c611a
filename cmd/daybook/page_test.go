package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/projector/timeline"
)

// TestCataloguePage holds the figures of docs/catalogue.md to what daybook rate answers: a block of
// yaml, one of events in the notation of notation_test.go, and one of charges make an example.
// `go test ./cmd/daybook -run CataloguePage -update` writes the charges anew.
func TestCataloguePage(t *testing.T) {
	const page = "../../docs/catalogue.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|events|charges)\n(.*?)```").FindAllSubmatchIndex(text, -1)
	if len(blocks) < 9 || len(blocks)%3 != 0 {
		t.Fatalf("%s has %d blocks; three make an example", page, len(blocks))
	}
	part := func(block int, kind string) string {
		b := blocks[block]
		if got := string(text[b[2]:b[3]]); got != kind {
			t.Fatalf("block %d of %s is of %s, not of %s", block, page, got, kind)
		}
		return string(text[b[4]:b[5]])
	}
	out, end := []byte{}, 0
	for i := 0; i < len(blocks); i += 3 {
		prices, notation, want := part(i, "yaml"), part(i+1, "events"), part(i+2, "charges")
		got := ratedOnPage(t, prices, notation)
		if got != want && !*update {
			name, _, _ := strings.Cut(prices, "\n")
			t.Errorf("%s: daybook rate prints\n%s\nthe page says\n%s", name, got, want)
		}
		out = append(append(out, text[end:blocks[i+2][4]]...), got...)
		end = blocks[i+2][5]
	}
	if *update {
		if err := os.WriteFile(page, append(out, text[end:]...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCataloguePageImports holds each config of docs/catalogue.md to what daybook catalogue import
// makes of it: a block of json and, as the next one of yaml, the catalogue.
// `go test ./cmd/daybook -run CataloguePageImports -update` writes the catalogues anew.
func TestCataloguePageImports(t *testing.T) {
	const page = "../../docs/catalogue.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```.*?```yaml\n(.*?)```").FindAllSubmatchIndex(text, -1)
	if len(blocks) == 0 {
		t.Fatalf("%s has no config", page)
	}
	out, end := []byte{}, 0
	for _, b := range blocks {
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, text[b[2]:b[3]], 0o600); err != nil {
			t.Fatal(err)
		}
		a := daybook("", "catalogue", "import", "paas-billing", file)
		if want := string(text[b[4]:b[5]]); a.stdout != want && !*update {
			t.Errorf("daybook catalogue import says\n%s%s\nthe page says\n%s", a.stdout, a.stderr, want)
		}
		out = append(append(out, text[end:b[4]]...), a.stdout...)
		end = b[5]
	}
	if *update {
		if err := os.WriteFile(page, append(out, text[end:]...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The effect on docs/catalogue.md is what daybook what-if prints behind its first line, with the
// first example of the page in force and its events metered.
// `go test ./cmd/daybook -update` writes it anew.
var _ = Describe("The effect on the page about prices", func() {
	It("is what daybook what-if prints", func(ctx SpecContext) {
		const page = "../../docs/catalogue.md"
		text := string(must(os.ReadFile(page)))
		block := func(kind string) string {
			_, rest, found := strings.Cut(text, "```"+kind+"\n")
			Expect(found).To(BeTrue(), kind)
			body, _, _ := strings.Cut(rest, "```")
			return body
		}
		folder := GinkgoT().TempDir()
		write := func(name, body string) string {
			file := filepath.Join(folder, name)
			Expect(os.WriteFile(file, []byte(body), 0o600)).To(Succeed())
			return file
		}
		s := newSite(ctx)
		s.ran("catalogue", "publish", "--yes", write("rates.yaml", block("yaml")))
		s.ran("collect", "file", write("events.jsonl", must(jsonLines(block("events")))))
		s.work(ctx, timeline.CutDay)
		_, got, _ := strings.Cut(s.ran("what-if", "--catalogue", write("next.yaml", block("next"))), "\n\n")
		if *update {
			before, rest, _ := strings.Cut(text, "```effect\n")
			_, after, _ := strings.Cut(rest, "```")
			Expect(os.WriteFile(page, []byte(before+"```effect\n"+got+"```"+after), 0o600)).To(Succeed())
			return
		}
		Expect(block("effect")).To(Equal(got))
	})
})

// ratedOnPage is what daybook rate prints for events, in the columns of the page.
func ratedOnPage(t *testing.T, prices, notation string) string {
	lines, err := jsonLines(notation)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rates.yaml")
	if err := os.WriteFile(file, []byte(prices), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := daybook("", "catalogue", "check", file); a.status != 0 {
		t.Fatalf("%s%s", prices, a.stderr)
	}
	a := daybook(lines, "rate", "--catalogue", file, "--format", "json", "-")
	if a.status != 0 || a.stderr != "" {
		t.Fatalf("%sends with %d: %s", notation, a.status, a.stderr)
	}
	type charge struct{ Plan, Component, Start, End, Quantity, Unit, Amount, VAT, Currency string }
	rows := [][]string{{"PLAN", "COMPONENT", "START", "END", "QUANTITY", "AMOUNT", "VAT", "CURRENCY"}}
	minute := func(s string) string { return strings.TrimSuffix(s, ":00Z") }
	for line := range strings.Lines(a.stdout) {
		var c struct {
			charge
			Total *charge
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Total != nil {
			rows = append(rows, []string{"total", "", "", "", "", c.Total.Amount, c.Total.VAT, c.Total.Currency})
			continue
		}
		quantity := c.Quantity
		if c.Unit == "" {
			quantity = "" // a formula gives none
		}
		rows = append(rows, []string{
			c.Plan, c.Component, minute(c.Start), minute(c.End), quantity, c.Amount, c.VAT, c.Currency,
		})
	}
	var table bytes.Buffer
	if err := print.Table(&table, rows); err != nil {
		t.Fatal(err)
	}
	return string(trimmed(table.Bytes()))
}
