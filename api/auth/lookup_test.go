package auth_test

import (
	"context"
	"errors"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
)

var _ = Describe("Questions about roles and to Keystone", func() {
	var l auth.Lookup
	BeforeEach(func() { l = auth.NewLookup(newClock().now) })
	asked := 0
	ask := func(context.Context) (string, error) {
		asked++
		return "answer", nil
	}

	It("are remembered up to a number: the oldest are asked again", func(ctx SpecContext) {
		asked = 0
		for i := range 2*auth.MaxAnswers + 1 {
			Expect(l.Get(ctx, strconv.Itoa(i), ask)).To(Equal("answer"))
			Expect(l.Remembered()).To(BeNumerically("<=", auth.MaxAnswers))
		}
		Expect(l.Get(ctx, strconv.Itoa(2*auth.MaxAnswers-100), ask)).To(Equal("answer"))
		Expect(asked).To(Equal(2*auth.MaxAnswers + 1))
		Expect(l.Get(ctx, "0", ask)).To(Equal("answer"))
		Expect(asked).To(Equal(2*auth.MaxAnswers + 2))
	})

	It("are under way up to a number: a further one is told to come again", func(ctx SpecContext) {
		goOn := make(chan struct{})
		var begun, all sync.WaitGroup
		for i := range auth.MaxQuestions {
			begun.Add(1)
			all.Go(func() {
				defer GinkgoRecover()
				Expect(l.Get(ctx, strconv.Itoa(i), func(context.Context) (string, error) {
					begun.Done()
					<-goOn
					return "late", nil
				})).To(Equal("late"))
			})
		}
		begun.Wait()
		_, err := l.Get(ctx, "one more", ask)
		Expect(err).To(And(MatchError(auth.ErrUnavailable), MatchError(ContainSubstring("too many questions"))))
		close(goOn)
		all.Wait()
		Expect(l.Get(ctx, "one more", ask)).To(Equal("answer"))
	})

	It("go on when the first who asked has gone, for the others", func(ctx SpecContext) {
		begun, goOn, answered := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		impatient, leave := context.WithCancel(ctx)
		slow := func(ctx context.Context) (string, error) {
			close(begun)
			<-goOn
			return "late", ctx.Err()
		}
		go func() {
			_, err := l.Get(impatient, "key", slow)
			answered <- err
		}()
		<-begun
		leave()
		Eventually(answered).Should(Receive(And(MatchError(auth.ErrUnavailable), MatchError(context.Canceled))))
		go func() {
			_, err := l.Get(ctx, "key", slow)
			answered <- err
		}()
		close(goOn)
		Eventually(answered).Should(Receive(BeNil()))
		Expect(l.Get(ctx, "key", ask)).To(Equal("late"))
	})

	It("that fail are asked again", func(ctx SpecContext) {
		_, err := l.Get(ctx, "key", func(context.Context) (string, error) { return "", errors.New("down") })
		Expect(err).To(And(MatchError(auth.ErrUnavailable), MatchError(ContainSubstring("down"))))
		Expect(l.Get(ctx, "key", ask)).To(Equal("answer"))
	})
})
