package service_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/service"
)

// untilStopped works until it is told to stop, and says when it has begun and how it ended.
type untilStopped struct {
	begun chan struct{}
	cause chan error
}

func newUntilStopped() untilStopped {
	return untilStopped{make(chan struct{}), make(chan error, 1)}
}

func (u untilStopped) run(ctx context.Context) error {
	close(u.begun)
	<-ctx.Done()
	u.cause <- context.Cause(ctx)
	return ctx.Err()
}

// start runs Run beside the spec and gives its error.
func start(ctx context.Context, options service.Options, components ...service.Component) <-chan error {
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx, options, components...) }()
	return done
}

var _ = Describe("Running components", func() {
	It("returns when all of them have finished their work", func(ctx context.Context) {
		did := make(chan string, 2)
		work := func(name string) service.Component {
			return service.Component{Name: name, Run: func(context.Context) error { did <- name; return nil }}
		}
		Expect(service.Run(ctx, service.Options{}, work("a"), work("b"))).To(Succeed())
		Expect([]string{<-did, <-did}).To(ConsistOf("a", "b"))
	})

	It("returns at once when there are none", func(ctx context.Context) {
		Expect(service.Run(ctx, service.Options{})).To(Succeed())
	})

	It("stops background components after the others, and only then", func(ctx context.Context) {
		background := newUntilStopped()
		release := make(chan struct{})
		done := start(ctx, service.Options{},
			service.Component{Name: "http", Run: background.run, Background: true},
			service.Component{Name: "collector", Run: func(context.Context) error { <-release; return nil }})
		Eventually(background.begun).Should(BeClosed())
		Expect(background.cause).NotTo(Receive())
		close(release)
		Eventually(done).Should(Receive(BeNil()))
		Expect(<-background.cause).To(MatchError(service.ErrStopped))
	})

	It("stops the others when one fails, and returns the first error with the component's "+
		"name", func(ctx context.Context) {
		other := newUntilStopped()
		broken := errors.New("no more disk")
		err := service.Run(ctx, service.Options{},
			service.Component{Name: "projector", Run: other.run},
			service.Component{Name: "pricer", Run: func(context.Context) error { <-other.begun; return broken }})
		Expect(err).To(MatchError(broken))
		Expect(err).To(MatchError("pricer: no more disk"))
		Expect(<-other.cause).To(MatchError(service.ErrStopped))
	})

	It("logs an error that comes second, because only the first is returned", func(ctx context.Context) {
		var out bytes.Buffer
		log, err := service.NewLogger(&out, "json", "")
		Expect(err).NotTo(HaveOccurred())
		err = service.Run(ctx, service.Options{Log: log},
			service.Component{
				Name: "projector",
				Run:  func(ctx context.Context) error { <-ctx.Done(); return errors.New("snapshot not written") },
			},
			service.Component{Name: "pricer", Run: func(context.Context) error { return errors.New("first") }})
		Expect(err).To(MatchError("pricer: first"))
		Expect(out.String()).To(ContainSubstring(`"component":"projector","error":"snapshot not written"`))
	})

	It("takes a cancellation that nobody asked for as an error", func(ctx context.Context) {
		err := service.Run(ctx, service.Options{}, service.Component{
			Name: "pricer",
			Run:  func(context.Context) error { return context.Canceled },
		})
		Expect(err).To(MatchError(context.Canceled))
	})

	It("stops cleanly when its caller's context ends", func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		component := newUntilStopped()
		done := start(ctx, service.Options{}, service.Component{Name: "collector", Run: component.run})
		<-component.begun
		cancel()
		Eventually(done).Should(Receive(BeNil()))
	})
})

var _ = Describe("Stopping by signal", func() {
	It("says that the stop begins before any component is told", func(ctx context.Context) {
		signals := make(chan os.Signal, 1)
		order := make(chan string, 2)
		done := start(ctx, service.Options{Signals: signals, Stopping: func() { order <- "stopping" }},
			service.Component{
				Name: "collector",
				Run:  func(ctx context.Context) error { <-ctx.Done(); order <- "told"; return nil },
			})
		signals <- syscall.SIGTERM
		Eventually(done).Should(Receive(BeNil()))
		Expect([]string{<-order, <-order}).To(Equal([]string{"stopping", "told"}))
	})

	It("waits no longer than the drain time, and names what is still running", func(ctx context.Context) {
		signals := make(chan os.Signal, 1)
		release, stuck := make(chan struct{}), make(chan struct{})
		done := start(ctx, service.Options{Signals: signals, Drain: time.Millisecond},
			service.Component{Name: "pricer", Run: func(context.Context) error { <-release; close(stuck); return nil }})
		signals <- syscall.SIGTERM
		var err error
		Eventually(done).Should(Receive(&err))
		var drain *service.DrainError
		Expect(errors.As(err, &drain)).To(BeTrue())
		Expect(drain.Names).To(Equal([]string{"pricer"}))
		close(release)
		<-stuck
	})

	It("exits at once on the second signal, with 128 and its number", func(ctx context.Context) {
		signals := make(chan os.Signal, 2)
		release := make(chan struct{})
		exits := make(chan int, 1)
		done := start(ctx, service.Options{Signals: signals, Exit: func(status int) { exits <- status }},
			service.Component{Name: "pricer", Run: func(context.Context) error { <-release; return nil }})
		signals <- syscall.SIGTERM
		signals <- syscall.SIGINT
		Eventually(exits).Should(Receive(Equal(130)))
		close(release)
		Eventually(done).Should(Receive(BeNil()))
	})
})
