package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

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
