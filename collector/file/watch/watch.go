// Package watch waits for changes of files: by inotify, or whatever the system has (fsnotify), and
// by the clock where that has no room or sees nothing, as on a network's file system.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pace is the least time between two returns of Wait for a change: what is written meanwhile is
// read at once, and stored together. It is no wait for the first change after a silence.
const pace = 20 * time.Millisecond

// Watcher waits for changes of some files: written to, made, renamed or removed. Wait is for one
// goroutine.
type Watcher struct {
	names    map[string]bool // clean paths
	log      *slog.Logger
	notify   *fsnotify.Watcher // nil: by the clock alone
	changed  chan struct{}     // with room for one
	done     sync.WaitGroup
	returned time.Time // of Wait, for a change
}

// New watches files, which need not exist. It never fails: without room for another watch it says
// so in the log, once, and Wait takes its whole time.
func New(files []string, log *slog.Logger) *Watcher {
	w := &Watcher{names: map[string]bool{}, log: log, changed: make(chan struct{}, 1)}
	if len(files) == 0 {
		return w
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.blind(err)
		return w
	}
	w.notify = notify
	for _, name := range files {
		name = filepath.Clean(name)
		w.names[name] = true
		// The folder tells of a file made anew under its name, the file of what a link leads to.
		if err := notify.Add(filepath.Dir(name)); err != nil {
			w.blind(err)
			break
		}
		_ = notify.Add(name) // it need not exist
	}
	w.done.Go(w.follow)
	return w
}

// blind says that changes are looked for by the clock.
func (w *Watcher) blind(err error) {
	w.log.Warn("changes of the followed files are not announced by the system; looking for them by the clock. "+
		"Where watches ran out, raise fs.inotify.max_user_watches or fs.inotify.max_user_instances (sysctl)",
		slog.Any("error", err))
}

// follow takes the events of the system until Close.
func (w *Watcher) follow() {
	said := false
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if !w.names[filepath.Clean(event.Name)] || event.Op == fsnotify.Chmod {
				continue
			}
			if event.Has(fsnotify.Create) {
				_ = w.notify.Add(event.Name) // what a new link leads to; the folder is watched
			}
		case err, ok := <-w.notify.Errors: // events may be lost: there may be a change
			if !ok {
				return
			}
			// The watch of a renamed file ends, and that of a removed one has ended before
			// (EINVAL): the folder's stays.
			if !said && !errors.Is(err, syscall.EINVAL) {
				said = true
				w.blind(err)
			}
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// Wait returns after a change since it returned last, or when the bound has passed, whether there
// was one or not. A change after a silence is told at once, the next ones 20 ms later at the
// earliest. The error is that of ctx.
func (w *Watcher) Wait(ctx context.Context, bound time.Duration) error {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	case <-w.changed:
	}
	early := pace - time.Since(w.returned)
	if early > 0 && early < bound {
		timer.Reset(early)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	w.returned = time.Now()
	return nil
}

// Close ends the watching.
func (w *Watcher) Close() {
	if w.notify != nil {
		_ = w.notify.Close() // nothing is written
	}
	w.done.Wait()
}
