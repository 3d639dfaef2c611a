package service_test

import (
	"syscall"
	"testing"

	"github.com/daybook-billing/daybook/internal/service"
)

// TestRealSignals sends the process its own signals. It is no spec, because Ginkgo takes both
// signals for an interruption of its run.
func TestRealSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			component := newUntilStopped()
			done := start(t.Context(), service.Options{}, service.Component{Name: "collector", Run: component.run})
			<-component.begun
			if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Errorf("the process drained with %v, want no error", err)
			}
		})
	}
}
