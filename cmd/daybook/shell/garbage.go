package shell

import (
	"os"
	"runtime/debug"
)

// Garbage in percent of the memory in use: more is quicker, and takes more memory.
const (
	MuchGarbage   = 200 // for a command of one pass over whole streams
	LittleGarbage = 65  // for all services in one process
)

// CollectGarbage has garbage collected at so many percent, unless GOGC is set.
func CollectGarbage(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
