package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const maxComplaints = 100

// Tab is a page in a browser, with cookies of its own. Its methods but Complaints are for one
// goroutine.
type Tab struct {
	ctx    context.Context //nolint:containedctx // chromedp keeps a tab in its context
	cancel func()

	mu         sync.Mutex // for what the browser reports
	complaints []string
}

// Tab opens a tab that shares nothing with others. Files that it is given go into the folder.
func (b *Browser) Tab(downloads string) (*Tab, error) {
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t := &Tab{ctx: ctx, cancel: cancel}
	events := true
	err := chromedp.Do(ctx)
	if err == nil {
		err = chromedp.Listen(ctx, t.hear)
	}
	if err == nil {
		err = t.Run(
			command(network.Enable, network.EnableParams{}),
			command(log.Enable, cdp.Empty{}),
			command(runtime.Enable, cdp.Empty{}),
			chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
				allowed := cdpbrowser.SetDownloadBehaviorParams{
					Behavior:         cdpbrowser.SetDownloadBehaviorBehaviorAllow, //nolint:misspell // their name
					BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
					DownloadPath:     downloads, EventsEnabled: &events,
				}
				_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetDownloadBehavior, allowed)
				return err
			}),
		)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return t, nil
}

// command is a command of the protocol without a result.
func command[P, R any](c cdp.Command[P, R], parameters P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, parameters)
		return err
	})
}

// Close closes the tab.
func (t *Tab) Close() { t.cancel() }

// hear takes a report of the browser.
func (t *Tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		t.complain("exception: " + text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var text []string
			for _, a := range e.Args {
				text = append(text, string(a.Value)+a.Description)
			}
			t.complain("console: " + strings.Join(text, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			t.complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		at, err := url.Parse(e.Request.URL)
		if err != nil || at.Scheme != "data" && at.Scheme != "blob" && at.Hostname() != "127.0.0.1" {
			t.complain("a request to another host: " + e.Request.URL)
		}
	}
}

func (t *Tab) complain(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.complaints) < maxComplaints {
		t.complaints = append(t.complaints, text)
	}
}

// Complaints are the errors and warnings of the console, and the requests to other hosts, since the
// tab was opened or Complaints was called.
func (t *Tab) Complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Clone(t.complaints)
	t.complaints = nil
	return all
}

// Run does the actions one after another.
func (t *Tab) Run(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, runTime)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// Ask does an action with a result.
func Ask[T any](t *Tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, runTime)
	defer cancel()
	return chromedp.Run(ctx, action)
}
