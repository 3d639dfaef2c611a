package sim

// Backfill is a run of Cloud Controller's WAS_RUNNING backfill: it reads the running resources, and
// writes a baseline for each. The API stays live meanwhile, so a baseline may be written for a
// resource after its end.
//
// Source: cloudfoundry/cloud_controller_ng pull request 5210, lib/database/was_running_backfill.rb.
type Backfill struct {
	platform *Platform
	rows     []*baseline
}

// baseline is one row as it was read.
type baseline struct {
	kind    string
	track   *track
	runs    func() bool // whether the resource still runs
	app     *appUsage
	service *serviceUsage
}

// BeginBackfill reads the running resources: started processes, running and canceling tasks,
// service instances. Nothing is written before Write.
func (p *Platform) BeginBackfill() *Backfill {
	b := &Backfill{platform: p}
	for _, process := range p.started() {
		b.rows = append(b.rows, &baseline{
			kind: KindApp, track: &process.track, runs: func() bool { return process.started },
			app: &appUsage{
				app: process.App, resource: process.GUID, state: "WAS_RUNNING",
				process: process.json, buildpack: process.App.Droplet.Buildpack.json(), task: noTask,
				instances: process.Instances, instancesBefore: process.Instances,
				memoryMB: process.MemoryMB, memoryMBBefore: process.MemoryMB,
			},
		})
	}
	for _, t := range p.runningTasks() {
		b.rows = append(b.rows, &baseline{
			kind: KindTask, track: &t.track, runs: func() bool { return !t.Ended() },
			app: &appUsage{
				app: t.App, resource: t.GUID, state: "TASK_WAS_RUNNING",
				process: noProcess, buildpack: noBuildpack, task: t.json,
				instances: 1, instancesBefore: 1, memoryMB: t.MemoryMB, memoryMBBefore: t.MemoryMB,
			},
		})
	}
	for _, s := range p.services() {
		b.rows = append(b.rows, &baseline{
			kind: KindService, track: &s.track, runs: func() bool { return !s.deleted },
			service: &serviceUsage{service: s, space: s.Space.json, name: s.Name, state: "WAS_RUNNING", plan: s.Plan},
		})
	}
	return b
}

// Write emits a baseline for each resource from the reading without a beginning in the table, as
// told by needs, of the kinds KindApp, KindTask and KindService, by guid. created_at is the
// database's time, without skew; the buildpack is the droplet's. The truth does not change. It can
// be called once.
func (b *Backfill) Write(needs func(kind, resource string) bool) {
	p := b.platform
	p.database()
	for _, row := range b.rows {
		if !needs(row.kind, row.resource()) {
			continue
		}
		p.truth.seen(row.track, p.second())
		row.emit(p)
		if !row.runs() {
			p.stale = append(p.stale, row)
		}
	}
	b.rows = nil
}

// Backfill reads and writes at once: see BeginBackfill and Backfill.Write.
func (p *Platform) Backfill(needs func(kind, resource string) bool) { p.BeginBackfill().Write(needs) }

// RepairEndings emits an ending for every baseline of an ended resource: at the time of the repair,
// with the baseline's footprint and its state as the previous one. A resource in a new run gets
// none.
func (p *Platform) RepairEndings() {
	p.database()
	for _, row := range p.stale {
		if row.runs() {
			continue
		}
		p.truth.seen(row.track, p.second())
		switch row.kind {
		case KindApp:
			row.app.state, row.app.previous = "STOPPED", "WAS_RUNNING"
		case KindTask:
			row.app.state, row.app.previous = "TASK_STOPPED", "TASK_WAS_RUNNING"
		default:
			row.service.state = "DELETED"
		}
		row.emit(p)
	}
	p.stale = nil
}

func (row *baseline) resource() string {
	if row.service != nil {
		return row.service.service.GUID
	}
	return row.app.resource
}

// emit writes the row under a guid of its own.
func (row *baseline) emit(p *Platform) {
	if row.service != nil {
		row.service.id = ""
		p.emitService(row.service)
		return
	}
	row.app.id = ""
	p.appEvent(row.app)
}
