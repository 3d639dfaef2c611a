package main

import "strings"

const (
	pageCalls = 20
	pageAim   = "< 100"
)

// pages are the web pages, but for those of single statements: for the big tenant in the middle of
// the year, or for all. explained is the question for a charge.
func pages(w *year, explained string) []question {
	middle := month(w.months / 2)
	tenant := "/ui/tenant/" + readFoundation + "/" + tenantName(0)
	charge := explained[strings.LastIndexByte(explained, '/')+1:]
	var all []question
	for _, p := range [][2]string{
		{"all tenants", "/ui/tenants?month=" + middle},
		{"the year", "/ui/year"},
		{"the big tenant by plan", tenant + "?month=" + middle},
		{"the big tenant by app", tenant + "?by=app&month=" + middle},
		{"the big tenant by space", tenant + "?by=space&month=" + middle},
		{"the big tenant by resource", tenant + "?by=resource&month=" + middle},
		{"the entries of a plan", tenant + "/entries?by=plan&of=plan-0&month=" + middle},
		{"the entries of a service", tenant + "/resource/" + serviceName(0) + "?by=resource&month=" + middle},
		{"a charge", "/ui/charge/" + charge},
		{"what runs", tenant + "/running"},
		{"statements", tenant + "/statements"},
		{"foundations", "/ui/operate"},
		{"holds", "/ui/operate/holds"},
		{"usage without a price", "/ui/operate/unrated"},
		{"anomalies", "/ui/operate/anomalies"},
		{"months", "/ui/operate/months"},
		{"prices", "/ui/operate/catalogues"},
		{"what if", "/ui/operate/what-if"},
	} {
		all = append(all, question{name: "the page of " + p[0], paths: []string{p[1]}, aim: pageAim, calls: pageCalls})
	}
	return all
}
