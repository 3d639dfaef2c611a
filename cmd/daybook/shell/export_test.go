package shell

import "github.com/daybook-billing/daybook/internal/bus"

// Config are the settings of a connection.
func (f *NATS) Config() (bus.Config, error) { return f.config() }

// PercentOf is the garbage in percent of so many bytes in use.
func (g *Garbage) PercentOf(inUse uint64) uint64 { return g.percent(inUse) }
