package print

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// terminal reports whether a writer is a terminal.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// redraw is the time between two states of a Line.
const redraw = 100 * time.Millisecond

// Line shows a line of text again and again on a terminal, until finish is called, once or more.
// Elsewhere it shows nothing.
func Line(w io.Writer, text func() string) (finish func()) {
	if !terminal(w) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			fmt.Fprint(w, "\r\x1b[K", text())
			select {
			case <-stop:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-ticker.C:
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
}

// Bar is a progress bar on a terminal, and nothing elsewhere.
type Bar struct {
	all *mpb.Progress
	bar *mpb.Bar
}

// NewBar starts a progress bar.
func NewBar(ctx context.Context, w io.Writer, name string) *Bar {
	if !terminal(w) {
		return &Bar{}
	}
	all := mpb.NewWithContext(ctx, mpb.WithOutput(w), mpb.WithWidth(48))
	return &Bar{all, all.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageSpeed(0, "%.0f/s"),
			decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))}
}

// Set shows the progress, in sequences.
func (b *Bar) Set(done, total uint64) {
	if b.bar != nil {
		b.bar.SetTotal(int64(total), false) //nolint:gosec // sequences
		b.bar.SetCurrent(int64(done))       //nolint:gosec // as above
	}
}

// Finish removes the bar.
func (b *Bar) Finish() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.all.Wait()
	}
}
