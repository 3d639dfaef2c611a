package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// InstallCommand installs the browser.
const InstallCommand = "apt-get install --no-install-recommends chromium"

// ErrMissing is the error of Start on a machine without the browser.
var ErrMissing = errors.New("chromium is not installed; run: " + InstallCommand)

// runTime is a maximum, for a busy machine.
const runTime = 30 * time.Second

// Browser is a chromium without a window. Make it with Start.
type Browser struct {
	ctx    context.Context //nolint:containedctx // chromedp keeps a browser in its context
	cancel func()
}

// Start starts a browser, until Close.
func Start(ctx context.Context) (*Browser, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrMissing
	}
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("hide-scrollbars", true),
	)
	allocated, endProgram := chromedp.NewExecAllocator(context.WithoutCancel(ctx), options...)
	at, endBrowser := chromedp.NewContext(allocated)
	b := &Browser{ctx: at, cancel: func() {
		endBrowser()
		endProgram()
		_ = os.RemoveAll(profile)
	}}
	if err := chromedp.Do(at); err != nil {
		b.cancel()
		return nil, err
	}
	return b, nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() { b.cancel() }
