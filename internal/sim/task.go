package sim

import (
	"slices"
	"time"
)

// Task is a one-off run of an app. It is pending until RunTask.
type Task struct {
	GUID, Name string
	App        *App
	MemoryMB   int

	state string // as Cloud Controller names it
	json  string
	track track
}

// CreateTask makes a pending task: no events.
func (p *Platform) CreateTask(a *App, name string, memoryMB int) *Task {
	t := &Task{GUID: p.newGUID().String(), Name: name, App: a, MemoryMB: memoryMB, state: "PENDING"}
	t.json = `"task":{"guid":` + quote(t.GUID) + `,"name":` + quote(name) + `},`
	a.Tasks = append(a.Tasks, t)
	return t
}

// Pending reports whether the task has not started yet.
func (t *Task) Pending() bool { return t.state == "PENDING" }

// Ended reports whether the task has come to an end, or gone with its app.
func (t *Task) Ended() bool { return t.state == "" }

// RunTask starts a pending task.
func (p *Platform) RunTask(t *Task) {
	if !t.Pending() {
		return
	}
	p.truth.begin(&t.track, p.second(), t.App.identity(KindTask, t.GUID, t.Name), Footprint{Instances: 1, MemoryMB: t.MemoryMB})
	p.taskEvent(t, "TASK_STARTED")
	t.state = "RUNNING"
}

// CancelTask asks a running task to end: no event yet, it is running until EndTask.
func (p *Platform) CancelTask(t *Task) {
	if t.state == "RUNNING" {
		t.state = "CANCELING"
	}
}

// EndTask ends a task. One that never started ends without an event.
func (p *Platform) EndTask(t *Task) { p.endTask(t, false) }

func (p *Platform) endTask(t *Task, withApp bool) {
	if t.Ended() {
		return
	}
	p.truth.end(&t.track, p.second())
	if withApp || !t.Pending() {
		p.taskEvent(t, "TASK_STOPPED")
	}
	t.state = ""
	if i := slices.Index(t.App.Tasks, t); i >= 0 {
		t.App.Tasks = slices.Delete(t.App.Tasks, i, i+1)
	}
}

// taskEvent reports the task's own state as the previous one, as Cloud Controller does.
func (p *Platform) taskEvent(t *Task, state string) {
	p.appEvent(t.App, state, t.state, noProcess, noBuildpack, t.json, 1, 1, t.MemoryMB, t.MemoryMB)
}

func unixUTC(second int64) time.Time { return time.Unix(second, 0).UTC() }
