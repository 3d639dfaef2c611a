package shell

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/ledger"
)

// AwaitBus opens the bus of a service, and waits for the end of an outage.
func AwaitBus(ctx context.Context, process *service.Process, name string,
	open func(context.Context) (*bus.Bus, error),
) (*bus.Bus, error) {
	b, err := service.Await(ctx, process, "nats", bus.Outage, open, (*bus.Bus).Close)
	if err == nil {
		watchBus(process, b)
		WatchStreams(process, b, CheckStreams, Watched(name)...)
	}
	return b, err
}

// CheckStreams is the time between two looks at the streams.
const CheckStreams = 30 * time.Second

// WatchStreams looks at the streams while a service runs. With a setting that loses messages, or
// where one of the named streams lacks some, the service is not ready; the log has it once.
func WatchStreams(process *service.Process, b *bus.Bus, every time.Duration, streams ...string) {
	const well = "no setting loses messages, and none is missing"
	state := service.NewSwitch("starting")
	state.On(well)
	process.Health.Ready("streams", state.Check)
	process.Beside("streams", func(ctx context.Context) error {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		failed := false
		for said := ""; ; {
			missing, err := ledger.Losing(ctx, b, streams...)
			switch wrong := strings.Join(missing, "; "); {
			case wrong != "":
				state.Off(wrong)
				if said != wrong {
					said = wrong
					process.Log.Error("messages are missing, or a setting loses them", slog.String("what", wrong))
				}
			case err == nil:
				state.On(well)
				said = ""
			}
			if err != nil && !failed && ctx.Err() == nil {
				process.Log.Warn("looking for missing messages failed; it goes on", slog.Any("error", err))
			}
			failed = err != nil
			select {
			case <-ctx.Done():
				return nil
			case <-ticks.C:
			}
		}
	})
}

// Watched are the streams that lack nothing while a service is ready. Collectors may not read what
// is derived.
func Watched(service string) []string {
	switch service {
	case "projector":
		return []string{events.StreamUsage, events.StreamMetered}
	case "pricer", "ledger", "api":
		return []string{events.StreamMetered, events.StreamBilling}
	case "up":
		return []string{events.StreamUsage, events.StreamMetered, events.StreamBilling}
	}
	return []string{events.StreamUsage}
}

// watchBus shows in readiness and metrics how the bus is.
func watchBus(process *service.Process, b *bus.Bus) {
	process.Health.Ready("nats", func(ctx context.Context) (string, error) { return "connected", b.Check(ctx) })
	process.Health.Ready("room", func(context.Context) (string, error) {
		return "every append finds room", b.Room()
	})
	process.Metrics.MustRegister(NewRoomGauge(func() float64 { return float64(len(b.Lacks())) }))
}

// NewRoomGauge is the metric of streams without room.
func NewRoomGauge(value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "daybook_appends_without_room", Help: "Streams without room for an append, which waits.",
	}, value)
}
