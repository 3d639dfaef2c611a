package browser

import (
	"bytes"
	"compress/gzip"
	_ "embed" // axe-core
	"io"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed axe/axe.min.js.gz
var axe []byte

const (
	tall  = 900 // pixels of a window
	phone = 600 // pixels: a window that is narrower is a phone's
)

// check runs axe-core over the page, and gives a line for each fault.
const check = `axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.flatMap((v) =>
	v.nodes.map((n) => v.id + ": " + v.help + ": " + n.target.join(" ") + " " + n.html.slice(0, 200) + " " +
		(n.failureSummary || "").replace(/\s+/g, " "))))`

// wide gives a line for each element that reaches beyond the right edge of the window, unless it
// stands in a part that scrolls.
const wide = `[...document.querySelectorAll("body *")].filter((e) => e.getClientRects().length &&
	e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
	!e.closest(".scroll, .top nav, pre, textarea, .skip, .hidden, [data-chart], select"))
	.map((e) => "beyond the window: " + e.outerHTML.slice(0, 200))`

// View sets the width of the window and its user's colours.
func (t *Tab) View(width int64, dark bool) error {
	colours := "light"
	if dark {
		colours = "dark"
	}
	return t.Run(
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: tall, DeviceScaleFactor: 1, Mobile: width < phone,
		}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}},
		}),
	)
}

// Faults are the findings of axe-core, and elements beyond the window, one a line.
func (t *Tab) Faults() ([]string, error) {
	loaded, err := Ask(t, chromedp.Evaluate[bool](`typeof axe !== "undefined"`))
	if err == nil && !loaded {
		var script string
		if script, err = unpacked(); err == nil {
			_, err = Ask(t, chromedp.Evaluate[bool](script+";true"))
		}
	}
	if err != nil {
		return nil, err
	}
	faults, err := Ask(t, chromedp.Evaluate[[]string](check, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	beyond, err := Ask(t, chromedp.Evaluate[[]string](wide))
	return append(faults, beyond...), err
}

// unpacked is axe-core.
func unpacked() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(axe))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// Screenshot writes the whole page into a file (PNG).
func (t *Tab) Screenshot(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	image, err := Ask(t, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(file, image, 0o600)
}
