package shell

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Garbage is how much of it there may be before it is collected: more is quicker, and takes more
// memory.
type Garbage struct {
	Percent uint64 // of the memory in use
	Least   uint64 // bytes, where that is more: a little memory is collected often
}

// MuchGarbage is for a command of one pass over whole streams, LittleGarbage for all services in
// one process: its bytes count only up to 300 MiB in use.
var (
	MuchGarbage   = Garbage{Percent: 200, Least: 256 << 20}
	LittleGarbage = Garbage{Percent: 65, Least: 192 << 20}
)

// garbage is what CollectGarbage said last; nil before.
var garbage atomic.Pointer[Garbage]

// CollectGarbage has garbage collected where there is so much, unless GOGC is set. GOMEMLIMIT
// counts all the same.
func CollectGarbage(g Garbage) {
	if os.Getenv("GOGC") != "" {
		return
	}
	if garbage.Swap(&g) == nil {
		follow()
	}
	adjust()
}

// follow adjusts the percentage after each collection.
func follow() {
	type mark struct{ _ *mark } // goes with the next collection: a pointer gives it memory of its own
	runtime.AddCleanup(&mark{}, func(struct{}) {
		adjust()
		follow()
	}, struct{}{})
}

// adjust sets the percentage by what the last collection found in use.
func adjust() {
	now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(now)
	if percent := garbage.Load().percent(now[0].Value.Uint64()); percent != now[1].Value.Uint64() {
		debug.SetGCPercent(int(percent)) //nolint:gosec // at most 100 times the bytes
	}
}

// percent is how much garbage there may be beside so many bytes in use, in percent of them.
func (g *Garbage) percent(inUse uint64) uint64 {
	const least = 1 << 20
	return max(g.Percent, 100*g.Least/max(inUse, least))
}
