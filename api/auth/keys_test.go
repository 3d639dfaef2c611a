package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/internal/lab/identity"
)

const tokenKeys = "/token_keys"

// published answers with an issuer and a key, whatever is asked for, as a type of content.
func published(w http.ResponseWriter, kind string) {
	w.Header().Set("Content-Type", kind)
	json.NewEncoder(w).Encode(map[string]any{"issuer": "x", "keys": []any{key().JWK()}})
}

var _ = Describe("The keys of a UAA", func() {
	var r *rig
	BeforeEach(func() { r = newRig() })
	// by asks with a token of a key.
	by := func(k identity.Key) error {
		_, err := r.bearer(k.Sign(nil, r.User(nobody)))
		return err
	}

	It("are read once for many tokens, and again after ten minutes", func() {
		for range 3 {
			Expect(by(key())).To(Succeed())
			r.pass(3 * time.Minute)
		}
		Expect(r.Asked(tokenKeys)).To(Equal(1))
		r.pass(time.Minute)
		Expect(by(key())).To(Succeed())
		Expect(r.Asked(tokenKeys)).To(Equal(2))
	})

	It("rotate: the new one is good when it is used, the old one until it is gone", func() {
		Expect(by(key())).To(Succeed())
		r.pass(time.Minute)
		r.Publish(key(), newKey())
		Expect(by(newKey())).To(Succeed())
		Expect(by(key())).To(Succeed())
		r.Publish(newKey())
		r.pass(9 * time.Minute)
		Expect(by(key())).To(Succeed(), "the removal is not known yet")
		r.pass(time.Minute)
		Expect(by(key())).To(MatchError(auth.ErrInvalidToken))
		Expect(by(newKey())).To(Succeed())
	})

	It("may come back with another content", func() {
		Expect(by(key())).To(Succeed())
		other := identity.Key{ID: key().ID, Private: newKey().Private}
		r.Publish(other)
		r.pass(10 * time.Minute)
		Expect(by(other)).To(Succeed())
		Expect(by(key())).To(MatchError(auth.ErrInvalidToken))
	})

	It("are asked for at most once in thirty seconds, however many unknown ones tokens name", func() {
		Expect(by(key())).To(Succeed())
		for i := range 50 {
			Expect(by(identity.Key{ID: fmt.Sprint("unknown-", i), Private: newKey().Private})).
				To(MatchError(auth.ErrInvalidToken))
		}
		Expect(r.Asked(tokenKeys)).To(Equal(1))
		r.pass(30 * time.Second)
		Expect(by(newKey())).To(MatchError(auth.ErrInvalidToken))
		Expect(by(newKey())).To(MatchError(auth.ErrInvalidToken))
		Expect(r.Asked(tokenKeys)).To(Equal(2))
		Expect(by(key())).To(Succeed(), "unknown keys push none out")
	})

	It("are asked for once by many requests at the same time", func() {
		begun, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.Answer(func(w http.ResponseWriter, _ *http.Request) {
			once.Do(func() { close(begun) })
			<-goOn
			identity.Maintenance(w, nil)
		})
		var all sync.WaitGroup
		ask := func() {
			defer GinkgoRecover()
			Expect(by(key())).To(MatchError(auth.ErrUnavailable))
		}
		all.Go(ask)
		<-begun
		for range 20 {
			all.Go(ask)
		}
		close(goOn)
		all.Wait()
		Expect(r.Asked("/.well-known/openid-configuration")).To(Equal(1))
	})

	DescribeTable("are not taken from",
		func(answer http.HandlerFunc) {
			r.Answer(answer)
			Expect(by(key())).To(MatchError(auth.ErrUnavailable))
			r.Answer(nil)
			r.pass(30 * time.Second)
			Expect(by(key())).To(Succeed())
		},
		Entry("a page of HTML with status 200", http.HandlerFunc(identity.Maintenance)),
		Entry("JSON that is called HTML", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			published(w, "text/html")
		})),
		Entry("an error", identity.Status(http.StatusBadGateway)),
		Entry("a redirect", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				http.Redirect(w, r, r.URL.Path+"?again", http.StatusFound)
			} else {
				published(w, "application/json")
			}
		})),
		Entry("an answer of more than 1 MiB", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			published(w, "application/json")
			fmt.Fprint(w, strings.Repeat(" ", 1<<20))
		})),
		Entry("an empty list", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"issuer":"x","keys":[]}`)
		})),
		Entry("a UAA without an issuer", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{}`)
		})),
	)

	It("are not taken from a list of more than 100", func() {
		many := make([]map[string]string, 100)
		for i := range many {
			many[i] = map[string]string{"kty": "MAC", "kid": fmt.Sprint(i)}
		}
		r.PublishBeside(many...)
		Expect(by(key())).To(MatchError(ContainSubstring("has 101 keys")))
		r.PublishBeside(many[1:]...)
		r.pass(30 * time.Second)
		Expect(by(key())).To(Succeed())
	})

	It("have different names", func() {
		r.Publish(key(), identity.Key{ID: key().ID, Private: newKey().Private})
		Expect(by(key())).To(MatchError(ContainSubstring("two keys named")))
	})

	It("are for signatures, and by an algorithm that is allowed", func() {
		for _, member := range []string{"use", "alg"} {
			odd := newKey().JWK()
			odd[member] = map[string]string{"use": "enc", "alg": "RS512"}[member]
			r.PublishBeside(odd)
			Expect(by(newKey())).To(MatchError(auth.ErrInvalidToken), member)
			r.pass(time.Minute)
		}
	})

	It("go on for an hour while the UAA is down, and not for unknown tokens", func() {
		Expect(by(key())).To(Succeed())
		r.Answer(identity.Maintenance)
		r.pass(59*time.Minute + 59*time.Second)
		Expect(by(key())).To(Succeed())
		Expect(by(newKey())).To(MatchError(auth.ErrUnavailable), "the UAA may have published it")
		r.pass(time.Second)
		Expect(by(key())).To(MatchError(auth.ErrUnavailable))
		r.Answer(nil)
		r.pass(30 * time.Second)
		Expect(by(key())).To(Succeed())
	})

	It("do not hold a request longer than its own end", func() {
		goOn := make(chan struct{})
		DeferCleanup(func() { close(goOn) })
		r.Answer(func(http.ResponseWriter, *http.Request) { <-goOn })
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := r.auth.Authenticate(ctx, request("Authorization", "Bearer "+r.Token(r.User(nobody))))
		Expect(err).To(MatchError(auth.ErrUnavailable))
	})
})
