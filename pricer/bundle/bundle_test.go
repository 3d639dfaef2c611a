package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/internal/lab/scale"
	"github.com/daybook-billing/daybook/pricer/bundle"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/rating"
	"github.com/daybook-billing/daybook/pricer/statements"
)

const prices = `currency: JPY
vat_rates: [{code: V, valid_from: 2020-01-01, rate: "0.1"}]
currency_rates: [{code: USD, valid_from: 2020-01-01, rate: "151.3"}]
plans:
  - name: app
    match: {kind: app}
    valid_from: 2020-01-01
    components:
      - {name: memory, quantity: "memory_mb * seconds / 3600", unit: MiB-hour, unit_price: "0.0007", currency: USD, vat: V}
      - {name: fee, formula: "ceil(seconds / 3600) * 0.31", currency: JPY, vat: V}
      - {name: support, formula: "instances * 0.3"}
`

// ledger is the entries of a tenant's month, their spans and their prices.
type ledger struct {
	charges []events.Charge
	prices  map[string]statements.Price // by id of a charge
	spans   []events.Span
	text    string // of the catalogue
}

// metered is three spans, charged, and a correction of the month before.
func metered() *ledger {
	GinkgoHelper()
	l := &ledger{prices: map[string]statements.Price{}, text: prices}
	c, err := catalogue.Parse("prices", []byte(prices))
	Expect(err).NotTo(HaveOccurred())
	for i := range 3 {
		start := time.Date(2026, 10, 1+i, 7, 0, 0, 0, time.UTC)
		s := events.Span{
			ID: events.ID("span", fmt.Sprint(i)), Kind: "app", Resource: fmt.Sprint("P", i), Tenant: "T", Space: "S",
			Start: start, End: start.Add(time.Duration(i+1) * 97 * time.Minute), Since: start,
			Footprint: events.Footprint{Instances: events.Some(2), MemoryMB: events.Some(512)},
			Evidence:  []uint64{uint64(2*i + 1), uint64(2*i + 2)},
		}
		l.spans = append(l.spans, s)
		lines, _ := rating.Rate(c, "eu", &s)
		for j, x := range lines {
			charge := events.Charge{
				ID: events.ID("charge", s.ID, fmt.Sprint(j)), Entry: events.EntryCharge, Period: "2026-10", Span: s.ID,
				Kind: s.Kind, Resource: s.Resource, Tenant: s.Tenant, Space: s.Space, Plan: x.Plan.Name, Catalogue: "A",
				Component: x.Component.Name, Start: x.Start, End: x.End, Seconds: x.Seconds, Quantity: x.Quantity,
				Unit: x.Unit, Amount: x.Amount, VATCode: x.VATCode, VATRate: x.VATRate, VAT: x.VAT,
				Currency: x.Currency, CurrencyRate: x.CurrencyRate,
			}
			if charge.CurrencyRate == "1" {
				charge.CurrencyRate = ""
			}
			l.charges = append(l.charges, charge)
			l.prices[charge.ID] = statements.PriceOf(x.Component)
		}
	}
	l.charges = append(l.charges, events.Charge{
		ID: events.ID("correction"), Entry: events.EntryCorrection, Period: "2026-10", Month: "2026-09", Kind: "app",
		Resource: "P0", Tenant: "T", Plan: "app", Component: "fee", Amount: events.NewDecimal(-15, -1),
		VAT: events.NewDecimal(-15, -2), VATRate: "0.1", Currency: "JPY",
		Start: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC),
	})
	return l
}

// contents is the bundle of the statement of all that.
func (l *ledger) contents() *bundle.Contents {
	var d statements.Draft
	slices.SortFunc(l.charges, func(a, b events.Charge) int { return strings.Compare(a.ID, b.ID) })
	c := &bundle.Contents{
		Catalogues: map[string]string{catalogue.Digest([]byte(l.text)): l.text},
		Terms: bundle.Terms{
			Versions: []bundle.Version{{Version: "A", Catalogue: catalogue.Digest([]byte(l.text))}},
			Terms:    []bundle.Term{{Version: "A"}},
		},
		Chains: []bundle.Chain{{Stream: events.StreamBilling, Sequence: 9, Chain: strings.Repeat("ab", 32)}},
	}
	for i := range l.charges {
		d.Add(&l.charges[i], l.prices[l.charges[i].ID])
		c.Entries = append(l.charges[i].AppendJSON(c.Entries), '\n')
	}
	slices.SortFunc(l.spans, func(a, b events.Span) int { return strings.Compare(a.ID, b.ID) })
	for i := range l.spans {
		c.Spans = fmt.Appendf(c.Spans, "{\"terms\":0,\"span\":%s}\n", l.spans[i].AppendJSON(nil))
	}
	for i := range 2 * len(l.spans) {
		c.Facts = fmt.Appendf(c.Facts, "{\"sequence\":%d,\"type\":\"t\",\"body\":\"{}\"}\n", i+1)
	}
	c.Statement = d.Statement(&statement.Statement{
		Source: "cf", Foundation: "eu", Tenant: "T", Month: "2026-10", Number: 7, Revision: 1,
	})
	return c
}

// part is a file of an archive.
type part struct {
	name string
	text string
	kind byte
	size int64 // 0: that of the text
}

// packed is the archive of files as they are given.
func packed(parts ...part) []byte {
	GinkgoHelper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, p := range parts {
		h := &tar.Header{Name: p.name, Size: max(p.size, int64(len(p.text))), Mode: 0o644, Typeflag: p.kind}
		if p.kind == tar.TypeSymlink {
			h.Linkname = "README.txt"
		}
		Expect(t.WriteHeader(h)).To(Succeed())
		_, err := io.WriteString(t, p.text)
		Expect(err).NotTo(HaveOccurred())
	}
	if err := t.Close(); err != nil {
		Expect(err).To(MatchError(ContainSubstring("missed writing"))) // of a size without a text
	}
	Expect(z.Close()).To(Succeed())
	return b.Bytes()
}

// unpacked is the files of an archive.
func unpacked(archive []byte) (parts []part) {
	GinkgoHelper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	Expect(err).NotTo(HaveOccurred())
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return parts
		}
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(t)
		Expect(err).NotTo(HaveOccurred())
		parts = append(parts, part{name: h.Name, text: string(text), kind: h.Typeflag})
	}
}

// sealed is the files with a manifest that fits them, and without a signature: what a forger can
// make.
func sealed(parts []part) []byte {
	GinkgoHelper()
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.name == "signature.json" })
	type file struct {
		Name   string `json:"name"`
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}
	var files []file
	at := 0
	for i, p := range parts {
		if p.name == "manifest.json" {
			at = i
			continue
		}
		sum := sha256.Sum256([]byte(p.text))
		files = append(files, file{p.name, len(p.text), hex.EncodeToString(sum[:])})
	}
	text, err := json.MarshalIndent(map[string]any{"format": "daybook.bundle.v1", "files": files}, "", "  ")
	Expect(err).NotTo(HaveOccurred())
	// of a map the keys are sorted; the form has the files last
	_, list, _ := strings.Cut(string(text), `"files": `)
	list, _, _ = strings.Cut(list, ",\n  \"format\"")
	parts[at].text = "{\n  \"format\": \"daybook.bundle.v1\",\n  \"files\": " + list + "\n}\n"
	return packed(parts...)
}

// said is what Check says of an archive that it reads.
func said(archive []byte, key ed25519.PublicKey) string {
	GinkgoHelper()
	report, err := bundle.Check(bytes.NewReader(archive), key)
	Expect(err).NotTo(HaveOccurred())
	var problems []string
	for _, f := range report.Checks {
		problems = append(problems, f.Problems...)
	}
	Expect(report.Right()).To(Equal(len(problems) == 0))
	return strings.Join(problems, "\n")
}

var _ = Describe("A bundle", func() {
	var (
		key    ed25519.PrivateKey
		public ed25519.PublicKey
		l      *ledger
	)
	write := func(c *bundle.Contents, key ed25519.PrivateKey) []byte {
		GinkgoHelper()
		var b bytes.Buffer
		Expect(bundle.Write(&b, c, key)).To(Succeed())
		return b.Bytes()
	}
	BeforeEach(func() {
		key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
		public = key.Public().(ed25519.PublicKey)
		l = metered()
	})

	It("is the same each time, and right by the issuer's key, by its own, and unsigned", func() {
		signed := write(l.contents(), key)
		Expect(write(l.contents(), key)).To(Equal(signed))
		Expect(said(signed, public)).To(BeEmpty())
		Expect(said(signed, nil)).To(BeEmpty())
		Expect(said(write(l.contents(), nil), nil)).To(BeEmpty())
		Expect(said(sealed(unpacked(signed)), nil)).To(BeEmpty())
	})

	It("of a credit note has the entries of the statement that it takes back", func() {
		c := l.contents()
		c.Statement = statements.CreditNote(&c.Statement, c.Statement.Closed)
		c.Statement.Number = 8
		Expect(said(write(c, key), public)).To(BeEmpty())
	})

	It("is wrong, or unreadable, when any byte of a file is another", func() {
		for _, signed := range []ed25519.PrivateKey{key, nil} {
			parts := unpacked(write(l.contents(), signed))
			for i, p := range parts {
				for _, at := range []int{0, len(p.text) / 3, len(p.text) / 2, len(p.text) - 1} {
					forged := slices.Clone(parts)
					text := []byte(p.text)
					text[at] ^= 1
					forged[i].text = string(text)
					report, err := bundle.Check(bytes.NewReader(packed(forged...)), nil)
					Expect(err != nil || !report.Right()).To(BeTrue(), "byte %d of %s", at, p.name)
				}
			}
		}
	})

	It("is wrong with another key than the issuer's, and unsigned where a signature is due", func() {
		other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
		due := "it is to be signed by " + bundle.Fingerprint(public)
		Expect(said(write(l.contents(), other), public)).To(Equal(due))
		Expect(said(write(l.contents(), nil), public)).To(Equal(due))
	})

	It("is wrong when a file is missing, or the signature or the manifest is that of another bundle", func() {
		parts := unpacked(write(l.contents(), key))
		without := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.name == "facts.jsonl" })
		Expect(said(packed(without...), public)).To(Equal(`"facts.jsonl" is missing`))
		l.charges = l.charges[1:]
		other := unpacked(write(l.contents(), key))
		for i, p := range other {
			if p.name == "signature.json" {
				parts[i] = p
			}
		}
		Expect(said(packed(parts...), public)).To(Equal("it is not of this manifest"))
		for i, p := range other {
			if p.name == "manifest.json" {
				parts[i] = p
			}
		}
		Expect(said(packed(parts...), public)).To(ContainSubstring("entries.jsonl has"))
	})

	DescribeTable("is wrong though its manifest fits", func(forge func(text string) string, name, problem string) {
		parts := unpacked(write(l.contents(), key))
		for i, p := range parts {
			if p.name == name {
				parts[i].text = forge(p.text)
				Expect(parts[i].text).NotTo(Equal(p.text))
			}
		}
		Expect(said(sealed(parts), nil)).To(ContainSubstring(problem))
	},
		Entry("an entry is removed", func(s string) string { return s[strings.Index(s, "\n")+1:] }, "entries.jsonl",
			"there are 9 entries with SHA-256"),
		Entry("an entry comes twice", func(s string) string { return s[:strings.Index(s, "\n")+1] + s },
			"entries.jsonl", "is not behind"),
		Entry("an entry has another field", func(s string) string { return strings.Replace(s, `{"id"`, `{"x":1,"id"`, 1) },
			"entries.jsonl", "has more or other fields"),
		Entry("the digest is another", func(s string) string {
			return strings.Replace(s, `"digest":"`, `"digest":"0`, 1)
		}, "statement.json", "the statement says 10 and 0"),
		Entry("a line is another", func(s string) string { return strings.Replace(s, `"vat":"-0.15"`, `"vat":"-0.16"`, 1) },
			"statement.json", "comes to"),
		Entry("a total is another", func(s string) string {
			i := strings.Index(s, `"total":"`) + len(`"total":"`)
			return s[:i] + "9" + s[i:]
		}, "statement.json", "total 1 comes to"),
		Entry("a catalogue is named that prices nothing", func(s string) string {
			return strings.Replace(s, `"catalogues":["A"]`, `"catalogues":["A","B"]`, 1)
		}, "statement.json", `the catalogues of the entries are ["A"]`),
		Entry("a span is shorter", func(s string) string { return strings.Replace(s, "T07:00:00Z", "T07:00:01Z", 2) },
			"spans.jsonl", "its span has no such line"),
		Entry("a span is smaller", func(s string) string {
			return strings.Replace(s, `"memory_mb":512`, `"memory_mb":511`, 1)
		}, "spans.jsonl", "quantity is charged as"),
		Entry("a span is of another tenant", func(s string) string {
			return strings.Replace(s, `"tenant":"T"`, `"tenant":"U"`, 1)
		}, "spans.jsonl", "is of another resource than its span"),
		Entry("a span is missing", func(s string) string { return s[strings.Index(s, "\n")+1:] }, "spans.jsonl",
			"which is not there"),
		Entry("a fact is missing", func(s string) string { return s[strings.Index(s, "\n")+1:] }, "facts.jsonl",
			"fact 1, the evidence of a span, is missing"),
		Entry("a fact is of no span", func(s string) string { return s + `{"sequence":99,"type":"t","body":"{}"}` + "\n" },
			"facts.jsonl", "fact 99 is the evidence of no span"),
	)

	It("is wrong when an amount is raised everywhere but in the price", func() {
		i := slices.IndexFunc(l.charges, func(c events.Charge) bool { return c.Component == "fee" })
		l.charges[i].Amount = l.charges[i].Amount.Add(events.NewDecimal(5, 0))
		Expect(said(write(l.contents(), nil), nil)).To(MatchRegexp("^charge .*: the amount is charged as"))
	})

	It("is computed again by Python, and so is what differs", func(ctx SpecContext) {
		scale.Long(Skip)
		python, err := exec.LookPath("python3")
		Expect(err).NotTo(HaveOccurred(), "python3 is missing: apt-get install --no-install-recommends python3")
		recompute := func(c *bundle.Contents) string {
			file := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
			Expect(os.WriteFile(file, write(c, nil), 0o600)).To(Succeed())
			out, _ := exec.CommandContext(ctx, python, "../../docs/recompute.py", file).CombinedOutput()
			return string(out)
		}
		whole := l.contents()
		Expect(recompute(whole)).To(And(HavePrefix("2026-10, number 7: 10 entries, "), HaveSuffix("as stated\n")))
		for _, forge := range []func(x *statement.Statement){
			func(x *statement.Statement) { x.Digest = strings.Repeat("0", 64) },
			func(x *statement.Statement) { x.Lines[0].Amount = x.Lines[0].Amount.Add(events.NewDecimal(1, -12)) },
			func(x *statement.Statement) {
				x.Lines[1].RoundedVAT = x.Lines[1].RoundedVAT.Add(events.NewDecimal(1, 0))
			},
			func(x *statement.Statement) { x.Rates[0].RoundedAmount = events.NewDecimal(1, 0) },
			func(x *statement.Statement) { x.Totals[0].Total = events.NewDecimal(1, 0) },
		} {
			forged := l.contents()
			forge(&forged.Statement)
			Expect(recompute(forged)).To(HavePrefix("differs: "))
		}
	})

	It("explains a line by its entries, and says where they come to something else", func() {
		c := l.contents()
		for n := range c.Statement.Lines {
			line, err := c.Line(n + 1)
			Expect(err).NotTo(HaveOccurred())
			Expect(line.Equal()).To(BeTrue())
			Expect(line.Entries).To(HaveLen(int(c.Statement.Lines[n].Entries)))
		}
		_, err := c.Line(len(c.Statement.Lines) + 1)
		Expect(err).To(MatchError(ContainSubstring("and no line")))
		c.Statement.Lines[0].Amount = events.NewDecimal(1, 0)
		line, err := c.Line(1)
		Expect(err).NotTo(HaveOccurred())
		Expect(line.Equal()).To(BeFalse())
	})

	DescribeTable("is unreadable", func(damage func(whole []byte) []byte, problem string) {
		_, err := bundle.Check(bytes.NewReader(damage(write(l.contents(), key))), nil)
		Expect(err).To(MatchError(bundle.ErrUnreadable))
		Expect(err).To(MatchError(ContainSubstring(problem)))
	},
		Entry("as another kind of file", func([]byte) []byte { return []byte("%PDF-1.7 and more") }, "not compressed"),
		Entry("as an empty file", func([]byte) []byte { return nil }, "not compressed"),
		Entry("without files", func([]byte) []byte { return packed() }, "EOF"),
		Entry("cut off in a file", func(whole []byte) []byte { return whole[:len(whole)/2] }, "unexpected EOF"),
		Entry("cut off at its end", func(whole []byte) []byte { return whole[:len(whole)-1] }, "unexpected EOF"),
		Entry("with more behind its end", func(whole []byte) []byte { return append(whole, 0) }, "more stands behind"),
		Entry("with another archive behind its end", func(whole []byte) []byte { return append(whole, whole...) },
			"more stands behind"),
		Entry("with a file out of the folder", func([]byte) []byte { return packed(part{name: "../README.txt"}) },
			`no bundle has one of that name`),
		Entry("with a file at the root", func([]byte) []byte { return packed(part{name: "/README.txt"}) },
			`no bundle has one of that name`),
		Entry("with a catalogue out of the folder", func([]byte) []byte {
			return packed(part{name: "catalogues/../../0123456789ab.yaml"})
		}, `no bundle has one of that name`),
		Entry("with a link", func([]byte) []byte { return packed(part{name: "README.txt", kind: tar.TypeSymlink}) },
			`no bundle has one of that name`),
		Entry("with a file twice", func([]byte) []byte {
			return packed(part{name: "README.txt"}, part{name: "README.txt"})
		}, "not sorted by name, or come twice"),
		Entry("with a huge file", func([]byte) []byte { return packed(part{name: "entries.jsonl", size: 1 << 40}) },
			"larger than a bundle may be"),
		Entry("with a huge statement", func([]byte) []byte {
			return packed(part{name: "statement.json", size: 17 << 20})
		}, "larger than a bundle may be"),
		Entry("with too many lines", func(whole []byte) []byte {
			parts := unpacked(whole)
			for i, p := range parts {
				if p.name == "spans.jsonl" {
					parts[i].text += strings.Repeat("{}\n", 1<<20)
				}
			}
			return sealed(parts)
		}, "spans.jsonl: line"),
		Entry("with too many files", func([]byte) []byte {
			var many []part
			for i := range 1001 {
				many = append(many, part{name: fmt.Sprintf("catalogues/%012x.yaml", i)})
			}
			return packed(many...)
		}, "larger than a bundle may be"),
		Entry("without a statement", func(whole []byte) []byte {
			named := func(p part) bool { return p.name == "statement.json" }
			return packed(slices.DeleteFunc(unpacked(whole), named)...)
		}, "it has no statement.json"),
	)

	It("is too large where its entries are", func() {
		c := l.contents()
		c.Entries = make([]byte, 256<<20+1)
		Expect(bundle.Write(io.Discard, c, nil)).To(MatchError(bundle.ErrTooLarge))
	})
})

var _ = Describe("A key", func() {
	It("is read as it was written, and another kind is refused", func() {
		_, key, err := ed25519.GenerateKey(nil)
		Expect(err).NotTo(HaveOccurred())
		private, err := bundle.PrivatePEM(key)
		Expect(err).NotTo(HaveOccurred())
		again, err := bundle.ParsePrivate(private)
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(key))
		public, err := bundle.PublicPEM(key.Public().(ed25519.PublicKey))
		Expect(err).NotTo(HaveOccurred())
		known, err := bundle.ParsePublic(public)
		Expect(err).NotTo(HaveOccurred())
		Expect(known).To(Equal(key.Public()))
		_, err = bundle.ParsePublic(private)
		Expect(err).To(MatchError(ContainSubstring("no public key in PEM")))
		_, err = bundle.ParsePrivate(public)
		Expect(err).To(MatchError(ContainSubstring("no private key in PEM")))
	})
})
