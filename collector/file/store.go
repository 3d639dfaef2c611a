package file

import (
	"github.com/daybook-billing/daybook/collector/horizons"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/internal/bus"
)

// Store is the file collector's access to the streams; OnBus makes one.
type Store interface {
	appender.Store
	horizons.Reader
}

// OnBus makes a Store of a bus.
func OnBus(b *bus.Bus) Store { return busStore{appender.OnBus(b), b} }

type busStore struct {
	appender.Store
	horizons.Reader
}
