package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// remoteRead is a command line that prints the same from the streams and from an API. Words in
// capitals stand for what the demo has.
type remoteRead struct {
	line    string
	formats []string // none: the command has no choice
}

// remoteReads are lines of every command that asks an API.
func remoteReads() []remoteRead {
	table, rows, all := []string{"table"}, []string{"table", "json"}, []string{"table", "json", "csv"}
	exported := []string{"csv", "jsonl"}
	return []remoteRead{
		{"bill", all},
		{"bill --exact --month 2026-10 --by resource,day", all},
		{"bill --tenant retail", all},
		{"running", rows},
		{"running --guids --tenant RETAIL", rows},
		{"running --foundation demo --tenant retail", table},
		{"holds list", rows},
		{"anomalies list", rows},
		{"unrated list", rows},
		{"statement --tenant RETAIL --month 2026-10", all},
		{"statement --tenant RETAIL --month 2026-11 --all", all},
		{"statement --tenant BUYER --month SETTLED", all},
		{"month list", rows},
		{"catalogue list", rows},
		{"catalogue show", nil},
		{"catalogue show VERSION", nil},
		{"catalogue diff VERSION FILE", nil},
		{"catalogue check FILE --against VERSION", nil},
		{"what-if --catalogue FILE", all},
		{"what-if --catalogue FILE --exact --tenant retail --month 2026-11", all},
		{"what-if --catalogue FILE --closed", all},
		{"forecast", all},
		{"forecast --tenant RETAIL --month 2026-12 --by app", all},
		{"export --what charges --month 2026-10", exported},
		{"export --what charges --month 2026-10 --tenant retail", exported},
		{"export --what corrections --month 2026-11", exported},
		{"export --what totals --month 2026-10", exported},
		{"export --what totals --month 2026-10 --by day,plan --foundation demo", exported},
		{"export --what statements --month SETTLED", exported},
		{"explain CHARGE", rows},
		{"explain RESOURCE --month 2026-10", rows},
		{"explain NAME --month 2026-10", rows},
		{"explain NAMES --month 2026-10", table}, // did you mean …?
		{"explain nothing", table},
		{"explain nothing --month 2026-10", table},
		{"explain NUMBER/1 --tenant BUYER --month SETTLED", rows},
		{"explain NUMBER/999 --tenant BUYER --month SETTLED", table},
		{"explain 999/1 --tenant BUYER --month SETTLED", table},
		{"trace FACT", rows},
		{"trace 1", rows},
		{"trace nothing", rows},
		{"status", []string{"json"}},
		{"reconcile list", rows},
		{"reconcile show --foundation demo", nil},
	}
}

// remoteEntries are the entries of a table for all of them.
func remoteEntries() (entries []TableEntry) {
	for _, r := range remoteReads() {
		entries = append(entries, Entry(r.line, r))
	}
	return entries
}

// streamsAlone are the commands that ask no API, with the reason.
func streamsAlone() map[string]string {
	const (
		service = "a service"
		act     = "an act: it stores what somebody decides"
		local   = "it asks nobody"
		proof   = "it derives from the streams themselves; what an API says proves nothing"
		nobodys = "of input and names that are nobody's usage, for those who run the system"
		run     = "it is about the whole platform, for those who run the system"
		prices  = "for those who put catalogues in force, with every tenant's effect"
	)
	return map[string]string{
		"up": service, "collect cf": service, "collect trove": service, "collect file": service, "project": service,
		"price": service, "serve": service, "ledger": service,
		"collect retire": act, "quarantine resubmit": act, "quarantine discard": act, "holds release": act,
		"holds discard": act, "month close": act, "month reopen": act, "month mode": act, "month grace": act,
		"catalogue publish": act, "catalogue rollback": act, "names erase": act,
		"keys generate": local, "keys show": local, "token new": local, "token password": local,
		"statement verify": local, "rate": local,
		"simulate cf": local, "version": local, "catalogue explain": local,
		"catalogue import paas-billing": local, "simulate file": local,
		"reconcile plan": run, "reconcile apply": act,
		"reconcile revert": act, "reconcile ignore": act, "reconcile adopt": act, "reconcile end": act,
		"verify": proof, "replay": proof,
		"quarantine list": nobodys, "quarantine show": nobodys, "names list": nobodys, "names show": nobodys,
		"catalogue history": prices,
	}
}

var _ = Describe("The commands", func() {
	It("that read ask an API, or have a reason to ask the streams alone", func() {
		var commands cli
		parser, err := kong.New(&commands, kong.Name("daybook"), defaults())
		Expect(err).NotTo(HaveOccurred())
		alone := streamsAlone()
		var unknown []string
		places := regexp.MustCompile(`<[^>]*>|\[[^]]*\]|\.\.\.`)
		for _, leaf := range parser.Model.Leaves(true) {
			name := strings.Join(strings.Fields(places.ReplaceAllString(leaf.Path(), "")), " ")
			remotely := slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "token-file" })
			if !remotely {
				if alone[name] == "" {
					unknown = append(unknown, name)
				}
				delete(alone, name)
				continue
			}
			Expect(alone).NotTo(HaveKey(name))
			if name == "statement export" {
				continue // it writes a file: remote_test.go
			}
			short := strings.TrimSuffix(name, " show")
			Expect(slices.ContainsFunc(remoteReads(), func(r remoteRead) bool {
				return r.line == short || strings.HasPrefix(r.line, name+" ") || strings.HasPrefix(r.line, short+" ") ||
					r.line == name
			})).To(BeTrue(), "no line of %s is compared", name)
		}
		Expect(unknown).To(BeEmpty())
		Expect(alone).To(BeEmpty(), "there are no such commands")
	})
	It("that do not are named on the page about the API", func() {
		page, err := os.ReadFile("../../docs/api.md")
		Expect(err).NotTo(HaveOccurred())
		for name, why := range streamsAlone() {
			if strings.HasPrefix(why, "of input") || strings.HasPrefix(why, "for those who put") {
				Expect(string(page)).To(ContainSubstring("`"+name+"`"), why)
			}
		}
	})
})
