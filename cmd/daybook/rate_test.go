package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/lab/demo"
)

// answer is what a command line gave.
type answer struct {
	status         int
	stdout, stderr string
}

func daybook(stdin string, args ...string) answer {
	var stdout, stderr bytes.Buffer
	status := run(args, strings.NewReader(stdin), &stdout, &stderr)
	return answer{status, stdout.String(), stderr.String()}
}

// rated is a line of --format json, of spans and charges alike.
type rated struct {
	Kind, Resource, Plan, Component, Start, End, Seconds, Amount, VAT, Currency string

	Footprint struct {
		Instances                 int
		Memory                    int `json:"memory_mb"`
		ProcessType, Flavor, Plan string
		Volume                    int `json:"volume_gb"`
	}
	Running bool
	Flags   []string
	Total   *struct {
		Amount, VAT, Currency         string
		Charges, Unrated, Quarantined int
	}
}

func objects(output string) []rated {
	var out []rated
	for line := range strings.Lines(output) {
		var r rated
		ExpectWithOffset(1, json.Unmarshal([]byte(line), &r)).To(Succeed(), line)
		out = append(out, r)
	}
	return out
}

var _ = Describe("daybook rate", func() {
	var folder string
	BeforeEach(func() { folder = GinkgoT().TempDir() })
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		ExpectWithOffset(1, os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		return path
	}
	input := func(notation string) string {
		lines, err := jsonLines(notation)
		ExpectWithOffset(1, err).NotTo(HaveOccurred())
		return lines
	}
	const hour = "2001-01-01T00:00Z app-started\n2001-01-01T01:00Z app-stopped\n"

	// The table of cases of alphagov/paas-billing, typed by hand. The inputs are transcripts.
	DescribeTable("gives the figures of paas-billing's cases",
		func(name string, spans, charges []string, amount, withVAT string) {
			s := readTranscript(GinkgoTB(), "testdata/rate/table-"+name+".txt")
			var gotSpans, gotCharges []string
			for _, r := range objects(daybook("", s.args(true, "--format", "json")...).stdout) {
				gotSpans = append(gotSpans, r.Kind+" "+r.Seconds)
				if r.Kind == "app" || r.Kind == "staging" {
					gotSpans[len(gotSpans)-1] += " n=" + strconv.Itoa(r.Footprint.Instances)
				}
			}
			Expect(gotSpans).To(Equal(spans))
			got := objects(daybook("", s.args(false, "--format", "json")...).stdout)
			total := got[len(got)-1].Total
			for _, r := range got[:len(got)-1] {
				gotCharges = append(gotCharges, r.Amount+"/"+sum(r.Amount, r.VAT))
			}
			Expect(gotCharges).To(Equal(charges))
			Expect(total.Amount).To(Equal(amount))
			Expect(sum(total.Amount, total.VAT)).To(Equal(withVAT))
			Expect(total.Unrated + total.Quarantined).To(BeZero())
		},
		Entry("a build", "01-staging", []string{"staging 60 n=1"}, []string{"0.01/0.012"}, "0.01", "0.012"),
		Entry("an app", "02-app", []string{"app 3600 n=1"}, []string{"0.01/0.012"}, "0.01", "0.012"),
		Entry("a task", "03-task", []string{"task 3600"}, []string{"0.01/0.012"}, "0.01", "0.012"),
		Entry("a scaling", "04-scaled", []string{"app 3600 n=1", "app 3600 n=2"}, []string{"0.01/0.012", "0.01/0.012"},
			"0.02", "0.024"),
		Entry("a new price", "05-new-price", []string{"app 5097600 n=1"}, []string{"1/1.2", "33/39.6"}, "34", "40.8"),
		Entry("a new currency rate", "06-new-currency-rate", []string{"app 5097600 n=1"}, []string{"1/1.2", "2/2.4"},
			"3", "3.6"),
		Entry("a cropped span in dollars", "07-cropped", []string{"app 2678400 n=1"}, []string{"80/96"}, "80", "96"),
		Entry("745 hours", "08-745-hours", []string{"app 2682000 n=1"}, []string{"7.45/8.94"}, "7.45", "8.94"),
		Entry("everything at once", "09-all-kinds", []string{"app 3600 n=10", "service 3600", "staging 60 n=1"},
			[]string{"0.01/0.012", "0.01/0.012", "0.01/0.012"}, "0.03", "0.036"),
		Entry("formulas", "10-formulas", []string{"app 60 n=2"},
			[]string{"120/120", "0.125/0.125", "4/4", "2/2", "24294967294/24294967294", "128/128"}, "24294967548.125",
			"24294967548.125"),
	)

	It("gives 344, 80, 213 and 211 seconds for the messages of the Trove page, as they stand there", func() {
		var lines []string
		for _, f := range demo.Files() {
			if f.Name == "trove.jsonl" {
				lines = strings.SplitAfter(string(f.Data), "\n")[:4] // without the sign of life of another instance
			}
		}
		a := daybook(strings.Join(lines, ""), "rate", "--spans", "--format", "json", "-")
		Expect(a.stderr).To(BeEmpty())
		got := objects(a.stdout)
		Expect(got).To(HaveLen(4))
		Expect([]string{
			got[0].Footprint.Flavor, got[0].Seconds, got[1].Footprint.Flavor,
			got[1].Seconds,
		}).To(Equal([]string{"m1.rd-tiny", "344", "m1.rd-smaller", "80"}))
		Expect([]int{got[2].Footprint.Volume, got[3].Footprint.Volume}).To(Equal([]int{1, 3}))
		Expect([]string{got[2].Seconds, got[3].Seconds}).To(Equal([]string{"213", "211"}))
	})

	Context("--format json", func() {
		It("prints a span in this form, byte for byte", func() {
			in := input("2001-01-01T00:00Z app-started process=<process_guid> org=… name=… buildpack=java_buildpack\n" +
				"2001-01-01T01:00Z app-stopped process=<process_guid> org=… name=… buildpack=java_buildpack\n")
			in = strings.NewReplacer(`\u003cprocess_guid\u003e`, "<process guid>", `"guid":"S"`,
				`"guid":"…"`).Replace(in)
			a := daybook(in, "rate", "--spans", "--format", "json", "-")
			Expect(a.stdout).To(Equal(`{"kind":"app","resource":"<process guid>","tenant":"…","space":"…","name":"…","start":"2001-01-01T00:00:00Z","end":"2001-01-01T01:00:00Z","seconds":"3600",` +
				`"footprint":{"instances":1,"memory_mb":1024,"process_type":"web","buildpack":"java_buildpack"},"running":false,"flags":[]}` + "\n"))
			Expect(a.status).To(BeZero())
		})

		It("prints a charge and the total in this form, byte for byte", func() {
			prices := file("prices.yaml", `currency: GBP
vat_rates:
  - {code: Standard, valid_from: 2000-01-01T00:00:00Z, rate: "0.2"}
currency_rates:
  - {code: USD, valid_from: 2000-01-01T00:00:00Z, rate: "0.8"}
plans:
  - name: app-java
    match: {kind: app, buildpack: "java*"}
    valid_from: 2000-01-01T00:00:00Z
    components:
      - {name: instance, formula: "ceil(seconds / 3600) * instances * 0.01", currency: USD, vat: Standard}
`)
			in := input("2001-01-01T00:00Z app-started process=… org=… buildpack=java_buildpack\n2001-01-01T01:00Z " +
				"app-stopped process=… org=…\n")
			a := daybook(in, "rate", "--catalogue", prices, "--format", "json", "-")
			Expect(strings.NewReplacer("2001-01-01T00:00:00Z", "…", "2001-01-01T01:00:00Z",
				"…").Replace(a.stdout)).To(Equal(
				`{"kind":"app","resource":"…","tenant":"…","plan":"app-java","component":"instance","start":"…","end":"…","seconds":"3600","quantity":"1","unit":"","amount":"0.008","vat":"0.0016","currency":"GBP"}` + "\n" +
					`{"total":{"amount":"0.008","vat":"0.0016","currency":"GBP","charges":1,"unrated":0,"quarantined":0}}` + "\n"))
			Expect(a.status).To(BeZero())
		})

		It("has the fields of its kind in each footprint", func() {
			in := input("2001-01-01T00:00Z service-created\n2001-01-01T00:00Z trove-create " +
				"created=2001-01-01T00:00:00Z flavor=s volume=2\n2001-01-01T01:00Z service-deleted\n")
			a := daybook(in, "rate", "--spans", "--format", "json", "-")
			Expect(a.stdout).To(ContainSubstring(`"footprint":{"plan":"small","plan_guid":"small-guid","offering":"postgres","broker":"pg-broker"},"running":false`))
			Expect(a.stdout).To(ContainSubstring(`"footprint":{"flavor":"s","flavor_id":"s","memory_mb":512},"running":true`))
			Expect(a.stdout).To(ContainSubstring(`"footprint":{"volume_gb":2},"running":true`))
		})

		It("writes foreign text as it is, with only JSON's own escapes", func() {
			in := strings.ReplaceAll(input(hour+"2001-01-01T00:00Z service-created plan=a<b>&c\n"), `"shop"`,
				`"a\tb<é>"`)
			a := daybook(in, "rate", "--spans", "--format", "json", "-")
			Expect(a.stdout).To(And(ContainSubstring(`"name":"a\tb<é>"`), ContainSubstring(`"plan":"a<b>&c"`)))
		})

		It("says on standard error what is unrated, so that every line of standard output has one form", func() {
			a := daybook(input(hour), "rate", "--catalogue", file("p.yaml", "currency: GBP\nplans:\n  - {name: t, "+
				"match: {kind: task}, valid_from: 2001-01-01, components: [{name: c, formula: \"1\", currency: "+
				"GBP}]}\n"), "--format", "json", "-")
			Expect(a.stdout).To(Equal(`{"total":{"amount":"0","vat":"0","currency":"GBP","charges":0,"unrated":1,"quarantined":0}}` + "\n"))
			Expect(a.stderr).To(HavePrefix("daybook: unrated: app A from 2001-01-01T00:00:00Z to " +
				"2001-01-01T01:00:00Z: "))
			Expect(a.status).To(Equal(3))
		})
	})

	It("--format csv prints a header and a row a charge, then the total", func() {
		a := daybook(input(hour), "rate", "--catalogue", "testdata/rate/catalogue.yaml", "--format", "csv", "-")
		Expect(a.stdout).To(Equal("kind,resource,tenant,plan,component,start,end,seconds,quantity,unit,amount,vat,currency\n" +
			"app,A,O,app,hour,2001-01-01T00:00:00Z,2001-01-01T01:00:00Z,3600,1,,0.01,0.002,GBP\n" +
			"total,,,,,,,,,,0.01,0.002,GBP\n"))
		spans := daybook(strings.ReplaceAll(input(hour), `"shop"`, `"a,\"b\"\n"`), "rate", "--spans", "--format", "csv",
			"-").stdout
		rows, err := csv.NewReader(strings.NewReader(spans)).ReadAll()
		Expect(err).NotTo(HaveOccurred())
		Expect(rows).To(HaveLen(2))
		Expect(rows[1][4]).To(Equal(`a,"b"\n`))
	})

	It("--format table keeps foreign text from breaking the table or steering the terminal", func() {
		a := daybook(strings.ReplaceAll(input(hour), `"shop"`, `"a\tb\nc\u001b[2J"`), "rate", "--spans", "-")
		Expect(strings.Count(a.stdout, "\n")).To(Equal(2))
		Expect(a.stdout).To(ContainSubstring("a�b�c�[2J"))
	})

	DescribeTable("takes times as RFC 3339 or as dates",
		func(flags string, want ...string) {
			in := input("2001-01-01T00:00Z app-started\n2001-01-03T00:00Z app-stopped\n2001-01-04T12:00Z " +
				"app-started\n2001-01-05T00:00Z task-stopped\n")
			got := []string{}
			for _, r := range objects(daybook(in, append(strings.Fields("rate --spans --format json - "),
				strings.Fields(flags)...)...).stdout) {
				got = append(got, strings.ReplaceAll(r.Start+" "+r.End, "2001-01-", ""))
				if r.Running {
					got[len(got)-1] += " running"
				}
			}
			Expect(got).To(Equal(append([]string{}, want...)))
		},
		Entry("the horizon is the newest time of the input", "", "01T00:00:00Z 03T00:00:00Z",
			"04T12:00:00Z 05T00:00:00Z running"),
		Entry("a later horizon", "--now 2001-01-06", "01T00:00:00Z 03T00:00:00Z", "04T12:00:00Z 06T00:00:00Z running"),
		Entry("an earlier horizon", "--now 2001-01-02T12:00:00+12:00", "01T00:00:00Z 02T00:00:00Z running"),
		Entry("an epoch within", "--epoch 2001-01-02", "02T00:00:00Z 03T00:00:00Z", "04T12:00:00Z 05T00:00:00Z "+
			"running"),
		Entry("an epoch after everything", "--epoch 2002-01-01"),
		Entry("--from", "--from 2001-01-02", "02T00:00:00Z 03T00:00:00Z", "04T12:00:00Z 05T00:00:00Z running"),
		Entry("--to, half-open", "--to 2001-01-03", "01T00:00:00Z 03T00:00:00Z"),
		Entry("--to within what runs: it does not run any more there", "--from 2001-01-04 --to 2001-01-04T18:00:00Z",
			"04T12:00:00Z 04T18:00:00Z"),
	)

	It("takes several files as one input, in their order, each event once", func() {
		lines := strings.SplitAfter(input(hour), "\n")
		a := daybook(lines[0], "rate", "--spans", "--format", "json", "--now", "2001-01-02", "-", file("b", lines[1]),
			file("c", lines[0]))
		Expect(a.stderr).To(BeEmpty())
		got := objects(a.stdout)
		Expect(got).To(HaveLen(1), "the STARTED that comes again starts nothing")
		Expect(got[0].End).To(Equal("2001-01-01T01:00:00Z"))
	})

	Context("with bad input", func() {
		DescribeTable("says what, where and what to do",
			func(status int, said string, stdin string, args ...string) {
				a := daybook(stdin, append([]string{"rate"}, args...)...)
				Expect(a.stderr).To(ContainSubstring(said))
				Expect(a.status).To(Equal(status))
			},
			Entry("no file", 2, `expected "<file> ..."`, "", "--spans"),
			Entry("a file that is not there", 1, "nowhere.jsonl: no such file or directory", "", "--spans",
				"nowhere.jsonl"),
			Entry("a folder", 1, "testdata", "", "--spans", "testdata"),
			Entry("no catalogue", 1, "--catalogue FILE is missing", "", "-"),
			Entry("a catalogue that is not there", 1, "nowhere.yaml", "", "--catalogue", "nowhere.yaml", "-"),
			Entry("an empty input", 0, "- is empty: expected usage events or notifications as JSON", "",
				"--spans", "-"),
			Entry("blank lines only", 0, "- is empty", "\n \n", "--spans", "-"),
			Entry("a --now that is no time", 2, "yesterday", "", "--now", "yesterday", "--spans", "-"),
			Entry("an unknown format", 2, "--format", "", "--format", "xml", "--spans", "-"),
			Entry("--from after --to", 1, "--from 2001-01-02T00:00:00Z is not before --to 2001-01-01T00:00:00Z", "",
				"--from", "2001-01-02", "--to", "2001-01-01", "--spans", "-"),
			Entry("half a line", 3, "-:1: not one JSON object: column 10", `{"guid":"`, "--spans", "-"),
			Entry("no JSON", 3, "-:2: not one JSON object: column 1", "\nhello\n", "--spans", "-"),
			Entry("a secret in it, which is not said", 3, "***",
				`{"event_type":"trove.instance.exists","timestamp":"https://me:hunter2@example.com/","payload":{"tenant_id":"t","instance_id":"i"}}`, "--spans", "-"),
		)

		It("goes on after it, counts it, and ends with status 3, or 0 on request", func() {
			lines := input(hour)
			a := daybook("{}\n"+lines, "rate", "--catalogue", "testdata/rate/catalogue.yaml", "--format", "json", "-")
			Expect(a.status).To(Equal(3))
			Expect(daybook("{}\n"+lines, "rate", "--catalogue", "testdata/rate/catalogue.yaml", "--allow-incomplete",
				"-").status).To(BeZero())
			got := objects(a.stdout)
			Expect(got).To(HaveLen(2))
			Expect(got[1].Total.Quarantined).To(Equal(1))
			Expect(a.stderr).To(ContainSubstring("-:1: "))
		})

		It("prints nothing when a file cannot be read", func() {
			Expect(daybook(input(hour), "rate", "--spans", "-", "nowhere.jsonl").stdout).To(BeEmpty())
		})

		It("does not repeat a secret", func() {
			Expect(daybook(`{"event_type":"https://me:hunter2@example.com/"}`, "rate", "--spans",
				"-").stderr).NotTo(ContainSubstring("hunter2"))
		})

		DescribeTable("points into the catalogue by file, line and column",
			func(old, wrong, where string) {
				const good = `currency: GBP
plans:
  - name: app
    match: {kind: app}
    valid_from: 2001-01-01
    components:
      - {name: c, formula: "1", currency: GBP}
`
				Expect(good).To(ContainSubstring(old))
				prices := file("prices.yaml", strings.Replace(good, old, wrong, 1))
				a := daybook(input(hour), "rate", "--catalogue", prices, "-")
				Expect(a.stderr).To(ContainSubstring(prices + ":" + where))
				Expect(a.status).To(Equal(1))
				Expect(a.stdout).To(BeEmpty())
			},
			Entry("a wrong key", "match:", "matches:", "4:5: "),
			Entry("a wrong key in a component", "formula:", "formel:", "7:19: "),
			Entry("a formula that does not end", `"1"`, `"ceil(5"`, "7:35: "),
			Entry("a formula with a semicolon", `"1"`, `"1+1;"`, "7:32: "),
			Entry("a formula with a keyword of SQL", `"1"`, `"select"`, "7:29: "),
			Entry("a formula with an unknown variable", `"1"`, `"$unknown"`, "7:29: "),
			Entry("broken YAML", "match: {kind: app}", "match: {kind: app", ""),
		)
	})
})

// sum adds two decimal numbers.
func sum(a, b string) string {
	x, err := events.ParseDecimal(a)
	Expect(err).NotTo(HaveOccurred())
	y, err := events.ParseDecimal(b)
	Expect(err).NotTo(HaveOccurred())
	return x.Add(y).String()
}
