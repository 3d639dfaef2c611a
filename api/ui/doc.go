// Package ui serves pages: what it costs, why, and whether it is right.
//
// A page asks the API's own handlers, in the process and as its reader (ask.go), and never the
// ledger: it shows nothing that the API would not answer. Every page has a link to the JSON of the
// same thing.
//
// # Rooms
//
//   - ui.go has the table of pages, page.go a page's frame, ask.go the questions, format.go money,
//     times and sizes, chart.go the data of charts.
//   - signin.go lets people in. finance.go has the months of all tenants, tenant.go that of one,
//     resource.go charges and what runs, statement.go statements, event.go the fate of an event,
//     catalogue.go prices; operator.go has the pages of operators, publish.go puts prices in
//     force, month.go closes months, quarantine.go settles input, reconcile.go
//     has what is billed against what is there.
//   - templates/components.html has the components, one definition each; static/daybook.css their
//     looks.
//   - static/ is embedded with the licences of others' files (LICENSES.txt). No page asks another
//     host, and none has a script or a style of its own.
//
// # Answers
//
// Pages are for people: an error is a page with what happened and what to do next. A tenant out of
// the reader's sight is answered like one that does not exist, with the same bytes.
//
// Reads and writes as the API does. A crash loses nothing: sessions are in cookies.
package ui
