// Package browser looks at pages with a real browser: Debian's chromium, without a window.
//
//	b, err := browser.Start(ctx)       // ErrMissing on a machine without chromium
//	t, err := b.Tab(folder)            // each tab has cookies of its own
//	t.Run(chromedp.Navigate(address))  // actions of chromedp, with a time limit
//	t.Complaints()                     // of the console, and requests to other hosts
//	t.View(390, true)                  // a phone's width, in dark colours
//	t.Faults()                         // what axe-core finds, and what does not fit the window
//	t.Screenshot("bin/holds.png")
//
// Reads the pages of its tabs. Writes a profile into a folder that Close removes. The
// browser resolves no name: a page that asks another host fails, and
// Complaints tells of it. chromedp ends the browser with its test.
//
// axe/ has axe-core 4.14.1, compressed, as npm pack axe-core@4.14.1 gives it, with its licences
// (MPL-2.0). It goes into pages under test, and into no program.
//
// Limits: a call of Run takes at most runTime; a tab keeps at most maxComplaints.
package browser
