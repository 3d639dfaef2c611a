package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("daybook token new", func() {
	It("makes a token, and an entry that lets its holder in", func() {
		made := daybook("", "token", "new", "--name", "finance", "--scope", "usage,money", "--tenant", "eu/4e7a",
			"--tenant", "us/", "--expires", "2099-12-31")
		Expect(made.status).To(Equal(0))
		file := filepath.Join(GinkgoT().TempDir(), "tokens.yaml")
		Expect(os.WriteFile(file, []byte(made.stdout), 0o600)).To(Succeed())
		a, err := auth.New(auth.Config{TokensFile: file}, auth.Deps{})
		Expect(err).NotTo(HaveOccurred())
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(made.stderr))
		access, err := a.Authenticate(context.Background(), r)
		Expect(err).NotTo(HaveOccurred())
		Expect(access.Subject).To(Equal("finance"))
		Expect(access.Scope(auth.Read)).To(Equal([]events.Owner{
			{Foundation: "eu", Tenant: "4e7a"}, {Foundation: "us"},
		}))
	})

	It("makes none that sees nothing, or everything and a part", func() {
		none := daybook("", "token", "new", "--name", "x", "--scope", "usage", "--expires", "2099-12-31")
		Expect(none.status).To(Equal(2))
		both := daybook("", "token", "new", "--name", "x", "--scope", "usage", "--all", "--tenant", "eu/", "--expires",
			"2099-12-31")
		Expect(both.status).To(Equal(2))
	})
})

var _ = Describe("daybook token password", func() {
	It("makes the digest of a password, with which its owner signs in", func() {
		made := daybook("a long password\n", "token", "password")
		Expect(made.status).To(Equal(0))
		a, err := auth.New(auth.Config{Accounts: []auth.Account{
			{Name: "ann", Password: strings.TrimSpace(made.stdout), Scopes: []string{"usage"}, All: true},
		}}, auth.Deps{})
		Expect(err).NotTo(HaveOccurred())
		c, err := a.SignIn(context.Background(), "ann", "a long password", time.Now())
		Expect(err).NotTo(HaveOccurred())
		access, err := a.Present(context.Background(), c)
		Expect(err).NotTo(HaveOccurred())
		Expect(access.All).To(Equal(auth.Usage))
	})

	It("makes none of a short one", func() {
		Expect(daybook("short\n", "token", "password").status).To(Equal(1))
	})

	It("lets nobody guess on and on", func() {
		digest, err := auth.Digest("a long password")
		Expect(err).NotTo(HaveOccurred())
		a, err := auth.New(auth.Config{Accounts: []auth.Account{
			{Name: "ann", Password: digest, Scopes: []string{"usage"}, All: true},
		}}, auth.Deps{})
		Expect(err).NotTo(HaveOccurred())
		at := time.Now()
		for range 20 {
			_, err := a.SignIn(context.Background(), "ann", "wrong", at)
			Expect(err).To(MatchError(auth.ErrInvalidToken))
		}
		_, err = a.SignIn(context.Background(), "ann", "a long password", at)
		Expect(err).To(MatchError(auth.ErrTooManySignIns))
		_, err = a.SignIn(context.Background(), "ann", "a long password", at.Add(time.Second))
		Expect(err).NotTo(HaveOccurred())
	})
})
