// Package browser looks at pages with a real browser: Debian's chromium, without a window.
//
//	b, err := browser.Start(ctx)       // ErrMissing on a machine without chromium
//	t, err := b.Tab(folder)            // each tab has cookies of its own
//	t.Run(chromedp.Navigate(address))  // actions of chromedp, with a time limit
//	t.Complaints()                     // of the console, and requests to other hosts
//
// Reads the pages that it is sent to. Writes a profile into a folder that Close removes. The
// browser resolves no name: a page that asks another host fails, and
// Complaints tells of it. chromedp ends the browser with its test.
//
// Limits: a call of Run takes at most runTime; a tab keeps at most maxComplaints.
package browser
