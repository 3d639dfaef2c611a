package shell

import "github.com/daybook-billing/daybook/internal/bus"

// Config are the settings of a connection.
func (f *NATS) Config() (bus.Config, error) { return f.config() }
