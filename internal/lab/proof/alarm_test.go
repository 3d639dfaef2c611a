package proof_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
	"github.com/daybook-billing/daybook/reconcile"
)

// TestAlarm compares the sums of a foundation with METERED as of their time. They agree through
// tasks that wait and tasks that are canceled, differ by exactly what is lost, and agree again once
// that is settled, held, or left alone by a limitation.
func TestAlarm(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r := newReconciled(t, 1, key)
	r.live(24 * time.Hour)
	agree := func(when string) {
		t.Helper()
		if c := r.compare(); !c.Agrees || c.Polls != 0 {
			t.Errorf("%s: %s", when, c.Text())
		}
	}
	differ := func(when string, off reconcile.Sums) {
		t.Helper()
		for polls := 1; polls <= 2; polls++ {
			if c := r.compare(); c.Agrees || c.Off != off || c.Polls != polls {
				t.Errorf("%s, poll %d of %d: %s; want %+v", when, c.Polls, polls, c.Text(), off)
			}
		}
	}
	settle := func(act reconcile.Act, limitations ...reconcile.Limitation) {
		t.Helper()
		r.service = r.newServiceOf(name, reconcile.Rules{
			Acts: []reconcile.ActRule{{Act: act}}, Limitations: limitations,
		})
		for range 3 { // the first one of all is dry, and a stop takes two listings
			r.round()
			r.pass(reconcile.DefaultSettle + time.Minute)
		}
	}
	var running *sim.Task
	r.sim.Do(func(p *sim.Platform) {
		app := p.Apps[0]
		p.CreateTask(app, "pending", 256)
		canceling := p.CreateTask(app, "canceling", 128)
		p.RunTask(canceling)
		p.CancelTask(canceling)
		running = p.CreateTask(app, "running", 512)
		p.RunTask(running)
	})
	agree("with tasks in all states")

	stop := func() (off reconcile.Sums) {
		r.lose(1)
		r.sim.Do(func(p *sim.Platform) {
			for _, a := range p.Apps {
				if a.Started && !a.Deploying() && len(a.Tasks) == 0 && a.Builds == 0 && len(a.All()) == 1 &&
					a.All()[0].Instances > 0 {
					of := a.All()[0]
					off = reconcile.Sums{
						Instances: -int64(of.Instances), MemoryMB: -int64(of.Instances * of.MemoryMB),
					}
					p.StopApp(a)
					return
				}
			}
		})
		r.lose(0)
		if off.Instances == 0 {
			t.Fatal("no app is there to stop")
		}
		return off
	}
	differ("a lost stop", stop())
	settle(reconcile.Settle)
	agree("a stop that is settled")
	differ("another lost stop", stop())
	settle(reconcile.Hold)
	agree("a stop that is held")

	r.lose(1)
	r.sim.Do(func(p *sim.Platform) { p.EndTask(running) })
	r.lose(0)
	off := reconcile.Sums{Tasks: -1, MemoryMB: -512}
	differ("a lost end of a task", off)
	settle(reconcile.Settle, reconcile.Limitation{Kind: "task", By: "ann", Note: "a migration"})
	agree("a task that is left alone")
	settle(reconcile.Settle)
	agree("a task whose end is settled")
}
