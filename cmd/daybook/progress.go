package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/daybook-billing/daybook/collector"
)

// progress shows on a terminal how far the services have come while they catch up; elsewhere it
// shows nothing.
type progress struct {
	out   io.Writer // nil when not a terminal
	all   *everything
	lines atomic.Int64
}

func newProgress(stderr io.Writer, all *everything) *progress {
	p := &progress{all: all}
	if file, ok := stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = stderr
		}
	}
	return p
}

// collected takes the file collector's report.
func (p *progress) collected(r collector.Report) { p.lines.Store(int64(r.Lines)) }

// show draws until the function that it returns is called, which may be called twice.
func (p *progress) show() (finish func()) {
	if p.out == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			fmt.Fprintf(p.out, "\r\x1b[K%d lines collected, %d messages metered, %d priced, %d posted",
				p.lines.Load(), p.all.projector.Done(), p.all.pricer.Done(), p.all.poster.Positions().Billing)
			select {
			case <-stop:
				fmt.Fprint(p.out, "\r\x1b[K")
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

// bar is a progress bar on a terminal; elsewhere it is nothing.
type bar struct {
	all *mpb.Progress
	bar *mpb.Bar
}

func newBar(ctx context.Context, stderr io.Writer, name string) *bar {
	file, ok := stderr.(*os.File)
	if !ok {
		return &bar{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	all := mpb.NewWithContext(ctx, mpb.WithOutput(stderr), mpb.WithWidth(48))
	return &bar{all, all.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageSpeed(0, "%.0f/s")))}
}

// set shows that so much of all is done.
func (b *bar) set(done, total uint64) {
	if b.bar != nil {
		b.bar.SetTotal(int64(total), false) //nolint:gosec // sequences
		b.bar.SetCurrent(int64(done))       //nolint:gosec // as above
	}
}

// finish removes it.
func (b *bar) finish() {
	if b.bar != nil {
		b.bar.Abort(true)
		b.all.Wait()
	}
}
