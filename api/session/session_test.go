package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/session"
)

func TestSession(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Sessions")
}

var _ = Describe("A session", func() {
	secret := strings.Repeat("k", 32)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	keeper := func(secret string, at time.Time) *session.Keeper {
		GinkgoHelper()
		k, err := session.New(secret, func() time.Time { return at })
		Expect(err).NotTo(HaveOccurred())
		return k
	}
	// begun is a request by a browser whose session has just begun.
	begun := func(host, token string) (*http.Request, []*http.Cookie) {
		GinkgoHelper()
		r, w := httptest.NewRequest(http.MethodGet, "http://"+host+"/", http.NoBody), httptest.NewRecorder()
		s := session.Session{Kind: "uaa", Token: token, Expires: now.Add(time.Hour)}
		Expect(keeper(secret, now).Begin(w, r, s)).To(Succeed())
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		return r, w.Result().Cookies()
	}

	It("has what it began with, at every API with its key", func() {
		r, _ := begun("localhost:8080", "a-token")
		s, ok := keeper(secret, now).Of(r)
		Expect(ok).To(BeTrue())
		Expect(s.Token).To(Equal("a-token"))
		Expect(s.Guards(s.Guard)).To(BeTrue())
		Expect(s.Guards("")).To(BeFalse())
	})

	It("ends with its token", func() {
		r, _ := begun("localhost:8080", "a-token")
		_, ok := keeper(secret, now.Add(time.Hour)).Of(r)
		Expect(ok).To(BeFalse())
	})

	It("is none under another key, or where somebody changed it", func() {
		r, cookies := begun("localhost:8080", "a-token")
		_, ok := keeper("", now).Of(r)
		Expect(ok).To(BeFalse())
		value := cookies[0].Value
		for i := range value {
			changed := httptest.NewRequest(http.MethodGet, "http://localhost/", http.NoBody)
			other := byte('A')
			if value[i] == other {
				other = 'B'
			}
			changed.AddCookie(&http.Cookie{Name: cookies[0].Name, Value: value[:i] + string(other) + value[i+1:]})
			if i < len(value)-1 { // the last character has bits that say nothing
				_, ok := keeper(secret, now).Of(changed)
				Expect(ok).To(BeFalse(), "character %d", i)
			}
		}
	})

	It("holds a long token in several cookies, and leaves none of them behind", func() {
		r, cookies := begun("localhost:8080", strings.Repeat("t", 9000))
		Expect(cookies).To(HaveLen(4))
		s, ok := keeper(secret, now).Of(r)
		Expect(ok).To(BeTrue())
		Expect(s.Token).To(HaveLen(9000))
		w := httptest.NewRecorder()
		keeper(secret, now).End(w, r)
		Expect(w.Result().Cookies()).To(HaveLen(4))
		Expect(w.Result().Cookies()).To(HaveEach(HaveField("MaxAge", -1)))

		By("beginning a shorter one in its place")
		w = httptest.NewRecorder()
		Expect(keeper(secret, now).Begin(w, r, session.Session{Token: "short"})).To(Succeed())
		again := httptest.NewRequest(http.MethodGet, "http://localhost/", http.NoBody)
		for _, c := range w.Result().Cookies() {
			if c.MaxAge >= 0 {
				again.AddCookie(c)
			}
		}
		s, ok = keeper(secret, now).Of(again)
		Expect(ok).To(BeTrue())
		Expect(s.Token).To(Equal("short"))
	})

	It("that was ended is none in any copy of its cookies, and others go on", func() {
		k, err := session.New(secret, func() time.Time { return now })
		Expect(err).NotTo(HaveOccurred())
		signedIn := func(token string, ends time.Time) *http.Request {
			r, w := httptest.NewRequest(http.MethodGet, "http://localhost/", http.NoBody), httptest.NewRecorder()
			Expect(k.Begin(w, r, session.Session{Token: token, Expires: ends})).To(Succeed())
			for _, c := range w.Result().Cookies() {
				r.AddCookie(c)
			}
			return r
		}
		mine, other := signedIn("mine", now.Add(time.Hour)), signedIn("other", now.Add(time.Hour))
		ended := mine.Clone(mine.Context())
		k.End(httptest.NewRecorder(), ended)
		_, ok := k.Of(mine)
		Expect(ok).To(BeFalse())
		_, ok = k.Of(other)
		Expect(ok).To(BeTrue())

		By("forgetting no more than it must, when very many are ended")
		for range session.MostEnded - 1 {
			k.End(httptest.NewRecorder(), signedIn("short", now.Add(time.Minute)))
		}
		k.End(httptest.NewRecorder(), other)
		for _, r := range []*http.Request{mine, other} {
			_, ok = k.Of(r)
			Expect(ok).To(BeFalse())
		}
	})

	It("does not begin where the token is longer than cookies can be", func() {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/", http.NoBody)
		s := session.Session{Token: strings.Repeat("t", session.Most)}
		Expect(keeper(secret, now).Begin(httptest.NewRecorder(), r, s)).To(MatchError(session.ErrTooLong))
	})

	It("is shown to no script, to no other site, and away from this machine over TLS alone", func() {
		_, cookies := begun("localhost:8080", "t")
		Expect(cookies[0]).To(And(HaveField("HttpOnly", true), HaveField("SameSite", http.SameSiteLaxMode),
			HaveField("Secure", false), HaveField("Path", "/")))
		_, cookies = begun("daybook.example.org", "t")
		Expect(cookies[0]).To(And(HaveField("Secure", true), HaveField("Name", "__Host-"+session.Name)))
	})
})
