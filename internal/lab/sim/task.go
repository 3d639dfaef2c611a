package sim

import (
	"slices"
	"time"
)

// The states of a task before its end, as Cloud Controller names them.
const (
	taskPending   = "PENDING"
	taskRunning   = "RUNNING"
	taskCanceling = "CANCELING"
)

// Task is a one-off run of an app. It is pending until RunTask.
type Task struct {
	Record
	GUID, Name string
	App        *App
	MemoryMB   int

	state   string // empty when it has ended
	started bool   // TASK_STARTED was written
	failed  bool   // it was canceled before its end
	json    string
	track   track
}

// CreateTask makes a pending task: no events.
func (p *Platform) CreateTask(a *App, name string, memoryMB int) *Task {
	p.call()
	t := &Task{
		Record: p.record(), GUID: p.newGUID().String(), Name: name, App: a, MemoryMB: memoryMB,
		state: taskPending,
	}
	t.json = `"task":{"guid":` + quote(t.GUID) + `,"name":` + quote(name) + `},`
	a.Tasks = append(a.Tasks, t)
	p.auditTask(t, "audit.app.task.create")
	return t
}

// State is PENDING, RUNNING or CANCELING; empty when the task has come to an end, or gone with its
// app.
func (t *Task) State() string { return t.state }

// maxEnded is how many ended tasks an app shows.
const maxEnded = 20

// Shown is the state as the API shows it: that of an ended task, too.
func (t *Task) Shown() string {
	switch {
	case t.state != "":
		return t.state
	case t.failed:
		return "FAILED"
	}
	return "SUCCEEDED"
}

// Pending reports whether the task has not started yet.
func (t *Task) Pending() bool { return t.state == taskPending }

// Ended reports whether the task has come to an end, or gone with its app.
func (t *Task) Ended() bool { return t.state == "" }

// RunTask starts a pending task: Cloud Controller marks it as running when Diego has accepted it.
//
// A very fast task has ended by then. Its end is not reported, because its run has not been
// reported; then it is marked as running, and runs for Cloud Controller until its sync with Diego
// misses it (TasksSync), at EndTask. So its events and its bill are of a task as long as this.
func (p *Platform) RunTask(t *Task) {
	if !t.Pending() {
		return
	}
	p.call()
	p.truth.begin(&t.track, p.second(), t.App.identity(KindTask, t.GUID, t.Name), Footprint{
		Instances: 1,
		MemoryMB:  t.MemoryMB,
	})
	p.taskEvent(t, "TASK_STARTED", t.state)
	t.state, t.started = taskRunning, true
	p.touch(&t.Record)
}

// CancelTask asks a task to end: no event yet. A running one is running until EndTask; a pending
// one never starts.
func (p *Platform) CancelTask(t *Task) {
	if t.Ended() {
		return
	}
	p.call()
	t.state = taskCanceling
	p.touch(&t.Record)
	p.auditTask(t, "audit.app.task.cancel")
}

// EndTask ends a task, whether it succeeded or failed. A pending one ends without an event.
func (p *Platform) EndTask(t *Task) {
	p.call()
	p.endTask(t, false)
}

func (p *Platform) endTask(t *Task, withApp bool) {
	if t.Ended() {
		return
	}
	p.truth.end(&t.track, p.second())
	if withApp || t.started {
		p.taskEvent(t, "TASK_STOPPED", t.state)
	}
	t.failed = t.state == taskCanceling
	t.state, t.started = "", false
	if i := slices.Index(t.App.Tasks, t); i >= 0 {
		t.App.Tasks = slices.Delete(t.App.Tasks, i, i+1)
	}
	p.touch(&t.Record)
	t.App.Ended = append(slices.Clone(t.App.Ended[max(0, len(t.App.Ended)-maxEnded+1):]), t)
}

func unixUTC(second int64) time.Time { return time.Unix(second, 0).UTC() }
