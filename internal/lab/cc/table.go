package cc

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// List is one of the two lists of usage events.
type List int

// The lists.
const (
	AppEvents     List = iota // app_usage_events
	ServiceEvents             // service_usage_events
)

// String is the list's name in the API's paths.
func (l List) String() string {
	if l == ServiceEvents {
		return "service_usage_events"
	}
	return "app_usage_events"
}

// singular is the API's word for one event in its messages.
func (l List) singular() string {
	if l == ServiceEvents {
		return "service usage event"
	}
	return "app usage event"
}

// Row is one row of a table.
type Row struct {
	// ID ascends in the order of writing. The API never shows it.
	ID int64
	// GUID is the event's. After a purge it is the guid of the process or service instance, and may
	// come back.
	GUID string
	// CreatedAt is the event's time: by the clock of the call's API server, in whole seconds.
	CreatedAt time.Time
	// Visible is when the row was committed, or will be: it is listed from then on.
	Visible time.Time
	// JSON is the event as the API shows it.
	JSON []byte
}

// Cause is why a row is gone.
type Cause string

// The causes.
const (
	Retention Cause = "retention" // the daily job removed it
	Purge     Cause = "purge"     // destructively_purge_all_and_reseed
	// Unwritten rows never were in the table: Cloud Controller writes no TASK_STOPPED when the
	// task's TASK_STARTED is gone.
	Unwritten Cause = "unwritten"
	// Lost rows left no trace, by Knobs.LostRate.
	Lost Cause = "lost"
)

// Pruned is a removed row.
type Pruned struct {
	Row
	At    time.Time
	Cause Cause
}

// part is an event's place in its resource's run.
type part uint8

const (
	neither   part = iota // staging, buildpacks, and whatever is unknown
	beginning             // STARTED, TASK_STARTED, CREATED, UPDATED and their WAS_RUNNING
	ending                // STOPPED, TASK_STOPPED, DELETED
)

// chunkSize is how many bytes of rows lie together. They are written once and never moved.
const chunkSize = 1 << 18

// row is a row without its text, and without pointers: a million of them cost the garbage collector
// nothing.
type row struct {
	id      int64
	commit  int64 // Unix microseconds
	created int64 // Unix seconds
	chunk   int32 // in table.chunks
	offset  int32
	length  int32 // a comma follows, to list neighbours in one piece
	part    part
}

// key is a guid as the key of a map without pointers; shorter ones are padded with zeros.
type key [36]byte

// keyOf reports ok as false for texts longer than a guid of the table.
func keyOf(guid string) (k key, ok bool) {
	if len(guid) == 0 || len(guid) > len(k) {
		return k, false
	}
	copy(k[:], guid)
	return k, true
}

func (k key) String() string { return strings.TrimRight(string(k[:]), "\x00") }

// table is a table of usage events. Its rows are sorted by id.
type table struct {
	list    List
	rows    []row
	byGUID  map[key]int64 // id
	next    int64         // id
	pending []int64       // ids of possibly uncommitted rows, in ascending order
	chunks  [][]byte
	living  []int            // rows, by chunk
	tasks   map[key]evidence // see mayStop
	pruned  []Pruned         // while remember is set
	counts  map[Cause]int    // of removed rows
	forget  bool             // do not fill pruned
}

func newTable(list List, forget bool) *table {
	return &table{
		list: list, byGUID: map[key]int64{}, next: 1, tasks: map[key]evidence{}, counts: map[Cause]int{},
		forget: forget,
	}
}

// evidence counts the rows of a task's beginning and end.
type evidence struct{ begun, ended int }

// fields are the parts of an event in use by the table.
type fields struct {
	guid     []byte
	state    []byte
	previous []byte // empty for null, and for service events
	resource []byte // guid of the process, task or service instance; empty for none
	task     bool
}

// read finds the fields in an event as the world writes it. Text within JSON strings has its quotes
// escaped, so a search for a quoted member finds nothing else.
func (l List) read(event []byte) fields {
	f := fields{guid: after(event, `{"guid":"`)}
	if l == ServiceEvents {
		f.state, f.resource = after(event, `"state":"`), after(event, `"service_instance":{"guid":"`)
		return f
	}
	f.state = after(event, `"state":{"current":"`)
	f.previous = after(event, `"previous":"`)
	f.task = bytes.HasPrefix(f.state, []byte("TASK_"))
	if f.task {
		f.resource = after(event, `"task":{"guid":"`)
	} else {
		f.resource = after(event, `"process":{"guid":"`)
	}
	return f
}

// after is the text between the mark and the next quote.
func after(event []byte, mark string) []byte {
	i := bytes.Index(event, []byte(mark))
	if i < 0 {
		return nil
	}
	rest := event[i+len(mark):]
	return rest[:max(0, bytes.IndexByte(rest, '"'))]
}

func (f *fields) part() part {
	switch string(f.state) {
	case "STARTED", "WAS_RUNNING", "TASK_STARTED", "TASK_WAS_RUNNING", "CREATED", "UPDATED":
		if len(f.resource) > 0 {
			return beginning
		}
	case "STOPPED", "TASK_STOPPED", "DELETED":
		return ending
	}
	return neither
}

// insert writes a row, in Unix seconds and microseconds; a late one is not committed yet.
func (t *table) insert(f fields, event []byte, created, commit int64, late bool) {
	guid, ok := keyOf(string(f.guid))
	if !ok {
		panic("sim/cc: an event without a guid: " + string(event))
	}
	length := int32(len(event)) //nolint:gosec // an event is a few hundred bytes
	r := row{id: t.next, commit: commit, created: created, length: length, part: f.part()}
	t.next++
	last := len(t.chunks) - 1
	if last < 0 || len(t.chunks[last])+len(event)+1 > cap(t.chunks[last]) {
		t.chunks = append(t.chunks, make([]byte, 0, max(chunkSize, len(event)+1)))
		t.living = append(t.living, 0)
		last++
	}
	r.chunk = int32(last)                 //nolint:gosec // 2^31 chunks are 512 TiB
	r.offset = int32(len(t.chunks[last])) //nolint:gosec // below chunkSize
	t.chunks[last] = append(append(t.chunks[last], event...), ',')
	t.living[last]++
	t.rows = append(t.rows, r)
	t.byGUID[guid] = r.id
	if late {
		t.pending = append(t.pending, r.id)
	}
	t.count(&f, r.part, 1)
}

// leaveOut notes a row that is not written. Its id says where it would stand.
func (t *table) leaveOut(f *fields, e *sim.Event, event []byte, why Cause) {
	t.counts[why]++
	if t.forget {
		return
	}
	t.pruned = append(t.pruned, Pruned{
		Row: Row{ID: t.next, GUID: string(f.guid), CreatedAt: e.Time, Visible: e.At, JSON: slices.Clone(event)},
		At:  e.At, Cause: why,
	})
}

// count counts a task's row, coming (1) or going (-1).
func (t *table) count(f *fields, p part, by int) {
	k, ok := keyOf(string(f.resource))
	if !f.task || !ok || p == neither {
		return
	}
	e := t.tasks[k]
	if p == beginning {
		e.begun += by
	} else {
		e.ended += by
	}
	if e == (evidence{}) {
		delete(t.tasks, k)
		return
	}
	t.tasks[k] = e
}

// mayStop reports whether Cloud Controller writes this event. A TASK_STOPPED after running needs a
// beginning in the table and no ending. A task without a run (previous PENDING) ends with its app,
// unchecked; pull request 5210 checks it, too. Source: app/models/runtime/task_model.rb,
// create_stop_event_if_needed and after_destroy.
func (t *table) mayStop(f *fields, checkAll bool) bool {
	if string(f.state) != "TASK_STOPPED" || string(f.previous) == "TASK_WAS_RUNNING" {
		return true
	}
	k, ok := keyOf(string(f.resource))
	if !ok || string(f.previous) == "PENDING" && !checkAll {
		return true
	}
	e := t.tasks[k]
	return e.begun > 0 && e.ended == 0
}

// json is the text of a row.
func (t *table) json(r *row) []byte {
	return t.chunks[r.chunk][r.offset : r.offset+r.length : r.offset+r.length]
}

// forgetCommitted forgets the pending rows committed by now.
func (t *table) forgetCommitted(now int64) {
	t.pending = slices.DeleteFunc(t.pending, func(id int64) bool {
		r := t.byID(id)
		return r == nil || r.commit <= now
	})
}

// from is the index of the first row with at least the given id.
func (t *table) from(id int64) int {
	i, _ := slices.BinarySearchFunc(t.rows, id, func(r row, id int64) int { return cmp.Compare(r.id, id) })
	return i
}

func (t *table) byID(id int64) *row {
	if i := t.from(id); i < len(t.rows) && t.rows[i].id == id {
		return &t.rows[i]
	}
	return nil
}

// find returns the row of a guid if it is committed, nil otherwise.
func (t *table) find(guid string, now int64) *row {
	k, ok := keyOf(guid)
	if !ok {
		return nil
	}
	id, ok := t.byGUID[k]
	if !ok {
		return nil
	}
	if r := t.byID(id); r.commit <= now {
		return r
	}
	return nil
}

// page lists committed rows with at least the given id in the order of ids: their number, and a
// page of them from skip on. The pieces are the rows' text with commas between; they stay as they
// are when the table changes.
func (t *table) page(id int64, skip, limit int, now int64) (total int, pieces [][]byte) {
	t.forgetCommitted(now)
	first := t.from(id)
	waiting := t.pending[:0:0]
	for _, p := range t.pending {
		if p >= id {
			waiting = append(waiting, p)
		}
	}
	total = len(t.rows) - first - len(waiting)
	i := first
	if len(waiting) == 0 {
		i, skip = first+min(skip, len(t.rows)-first), 0
	}
	var open *row // the first of some adjacent rows
	var end int32 // and where they end
	flush := func(comma int32) {
		if open != nil {
			pieces = append(pieces, t.chunks[open.chunk][open.offset:end-1+comma])
			open = nil
		}
	}
	for ; i < len(t.rows) && limit > 0; i++ {
		r := &t.rows[i]
		if r.commit > now {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		limit--
		if open == nil || r.chunk != open.chunk || r.offset != end {
			flush(1)
			open = r
		}
		end = r.offset + r.length + 1
	}
	flush(0)
	return total, pieces
}

// remove takes out the rows chosen by gone, and remembers them.
func (t *table) remove(at int64, cause Cause, gone func(i int) bool) (n int) {
	kept := t.rows[:0]
	for i := range t.rows {
		r := t.rows[i]
		if !gone(i) {
			kept = append(kept, r)
			continue
		}
		n++
		t.drop(&r, at, cause)
	}
	t.rows = kept
	if n > 0 {
		t.counts[cause] += n
	}
	return n
}

func (t *table) drop(r *row, at int64, cause Cause) {
	event := t.json(r)
	f := t.list.read(event)
	if guid, _ := keyOf(string(f.guid)); t.byGUID[guid] == r.id {
		delete(t.byGUID, guid)
	}
	t.count(&f, r.part, -1)
	if !t.forget {
		t.pruned = append(t.pruned, Pruned{Row: t.public(r), At: unixMicro(at), Cause: cause})
	}
	t.living[r.chunk]--
	if t.living[r.chunk] == 0 && int(r.chunk) < len(t.chunks)-1 {
		t.chunks[r.chunk] = nil
	}
}

// public is the row with its text, shared and unchanging.
func (t *table) public(r *row) Row {
	event := t.json(r)
	return Row{
		ID: r.id, GUID: string(t.list.read(event).guid), CreatedAt: time.Unix(r.created, 0).UTC(),
		Visible: unixMicro(r.commit), JSON: event,
	}
}

func unixMicro(micro int64) time.Time { return time.UnixMicro(micro).UTC() }
