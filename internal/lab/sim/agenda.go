package sim

// The consequences of an action, some time later.
type followUp uint8

const (
	buildEnds followUp = iota
	deployGoesOn
	taskRuns
	taskIsCanceled
	taskEnds
	provisionFails
	failedServiceGoes
	instanceIsUp
	notificationIsSent
)

// item is one follow-up, with the fields of its kind.
type item struct {
	at       int64 // Unix microseconds
	sequence uint64
	what     followUp
	then     afterBuild
	app      *App
	task     *Task
	service  *Service
	instance *Instance
	note     *Notification
}

type afterBuild uint8

const (
	thenNothing afterBuild = iota
	thenStart              // the app's first build
	thenRestart            // a restage
)

// agenda is a heap of follow-ups by time, and by the order of planning where times are equal.
type agenda struct {
	items []item
	count uint64
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.items[i], &a.items[j]
	return x.at < y.at || x.at == y.at && x.sequence < y.sequence
}

func (a *agenda) push(it item) {
	a.count++
	it.sequence = a.count
	a.items = append(a.items, it)
	for i := len(a.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.before(i, parent) {
			break
		}
		a.items[i], a.items[parent] = a.items[parent], a.items[i]
		i = parent
	}
}

// next returns the time of the earliest item; ok is false when there is none.
func (a *agenda) next() (at int64, ok bool) {
	if len(a.items) == 0 {
		return 0, false
	}
	return a.items[0].at, true
}

func (a *agenda) pop() item {
	first := a.items[0]
	last := len(a.items) - 1
	a.items[0] = a.items[last]
	a.items[last] = item{}
	a.items = a.items[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && a.before(child+1, child) {
			child++
		}
		if !a.before(child, i) {
			return first
		}
		a.items[i], a.items[child] = a.items[child], a.items[i]
		i = child
	}
}
