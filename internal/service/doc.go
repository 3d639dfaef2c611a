// Package service is the common part of all Daybook processes: it starts components and stops them
// in order on a signal, serves health and metrics, and makes the logger.
//
// A process is built like this:
//
//	p, err := service.New("projector", cfg, os.Stderr)
//	p.Health.Ready("bus", bus.Check)
//	p.Metrics.MustRegister(stage.Metrics())
//	err = p.Run(ctx, service.Component{Name: "projector", Run: projector.Run})
//
// Stopping. The first SIGTERM or SIGINT cancels the components' context, and each finishes its
// current work and returns. Health and metrics are served until the last of them has; /readyz
// answers 503 meanwhile. A component still at work at the end of the drain time is named in the
// error, and the process ends without it: every stage and collector of Daybook is exact after a
// crash at any point, so waiting longer buys nothing. A second signal ends the process at once.
//
// Starting. Await waits for the server that a service cannot do without, with health and metrics
// served already.
//
// The first component that fails stops the others in the same way, and its error is the process's.
package service
