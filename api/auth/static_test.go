package auth_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/events"
)

var _ = Describe("A static token", func() {
	var token, digest, file string
	// made is a new token, and the text of its entry.
	made := func(entry auth.StaticToken) (token, text string) {
		GinkgoHelper()
		token, written, err := auth.NewToken(entry)
		Expect(err).NotTo(HaveOccurred())
		return token, string(written)
	}
	everything := auth.StaticToken{
		Name: "ops", Scopes: []string{"usage", "money", "decide"}, All: true,
		Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	var r *rig
	write := func(text string) {
		GinkgoHelper()
		Expect(os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIGEST", digest)), 0o600)).To(Succeed())
	}
	const finance = `
- name: finance
  sha256: DIGEST
  scopes: [usage, money]
  tenants:
    - {foundation: prod, tenant: ` + shop + `}
    - {foundation: dev}
  expires: 2027-01-01T00:00:00Z
`
	BeforeEach(func() {
		var text string
		token, text = made(everything)
		digest = regexp.MustCompile(`[0-9a-f]{64}`).FindString(text)
		file = filepath.Join(GinkgoT().TempDir(), "tokens.yaml")
		write(finance)
		r = &rig{clock: newClock(), config: auth.Config{TokensFile: file}}
		r.start()
	})

	It("has a prefix for those who look for leaks, and 32 bytes of chance", func() {
		other, text := made(everything)
		Expect(token).To(MatchRegexp(`^dbk_[A-Za-z0-9_-]{43}$`))
		Expect(other).NotTo(Equal(token))
		Expect(text).NotTo(ContainSubstring(other))
	})

	It("shows the tenants of its entry", func() {
		a, err := r.bearer(token)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(And(HaveField("Kind", auth.KindStatic), HaveField("Subject", "finance"),
			HaveField("Expires", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))))
		Expect(a.Scope(auth.Read)).To(Equal([]events.Owner{{Foundation: "dev"}, prodShop}))
		Expect(a.Scope(auth.Decide)).To(BeEmpty())
	})

	It("may be an operator's", func() {
		other, text := made(everything)
		write(finance + text)
		r.start()
		a, err := r.bearer(other)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.All).To(Equal(auth.Operate))
	})

	It("is refused where it is another, in another header, or in the address", func() {
		other, _ := made(everything)
		Expect(r.bearer(other)).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.bearer(token + "A")).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.bearer("dbk_")).Error().To(MatchError(auth.ErrInvalidToken))
		Expect(r.ask("X-Auth-Token", token)).Error().To(MatchError(auth.ErrInvalidToken))
		q := request()
		q.URL.RawQuery = "access_token=" + token + "&token=" + token
		Expect(r.auth.Authenticate(GinkgoT().Context(), q)).Error().To(MatchError(auth.ErrNoToken))
		Expect(newRig().bearer(token)).Error().To(MatchError(auth.ErrInvalidToken), "none are configured")
	})

	It("ends at its end", func() {
		r.pass(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Sub(r.now()) - time.Second)
		Expect(r.bearer(token)).Error().NotTo(HaveOccurred())
		r.pass(time.Second)
		Expect(r.bearer(token)).Error().To(MatchError(ContainSubstring("it has expired")))
	})

	It("is taken back by removing its entry, within ten seconds", func() {
		Expect(r.bearer(token)).Error().NotTo(HaveOccurred())
		write("")
		r.pass(9 * time.Second)
		Expect(r.bearer(token)).Error().NotTo(HaveOccurred())
		r.pass(time.Second)
		Expect(r.bearer(token)).Error().To(MatchError(auth.ErrInvalidToken))
	})

	It("cannot be judged while its file cannot be read", func() {
		Expect(os.Remove(file)).To(Succeed())
		r.pass(10 * time.Second)
		Expect(r.bearer(token)).Error().To(MatchError(auth.ErrUnavailable))
	})

	It("is not made for an entry that would be refused", func() {
		_, _, err := auth.NewToken(auth.StaticToken{Name: "ops", All: true, Expires: everything.Expires})
		Expect(err).To(MatchError(ContainSubstring("it has no scope")))
	})

	DescribeTable("is refused at the start",
		func(change, by, complaint string) {
			write(strings.Replace(finance, change, by, 1))
			_, err := auth.New(r.config, auth.Deps{})
			Expect(err).To(MatchError(ContainSubstring(complaint)))
		},
		Entry("without a name", "name: finance", `name: ""`, "it has no name"),
		Entry("with the token in place of its digest", "DIGEST", "dbk_abc", "is not the 64 hex digits"),
		Entry("without an end", "  expires: 2027-01-01T00:00:00Z\n", "", "it has no end"),
		Entry("without a scope", "scopes: [usage, money]", "scopes: []", "it has no scope"),
		Entry("with an unknown scope", "money]", "root]", `the scope "root" is unknown`),
		Entry("for all tenants and some", "scopes:", "all: true\n  scopes:", "either all: true or tenants"),
		Entry("for a tenant of no foundation", "foundation: dev", `foundation: ""`, "a tenant has no foundation"),
		Entry("with an unknown key", "scopes:", "scope: x\n  scopes:", "field scope not found"),
		Entry("with the name of another", "\n",
			"\n- {name: finance, sha256: DIGEST, scopes: [usage], all: true, expires: 2027-01-01}\n",
			"another token has its name"),
		Entry("in a file of more than 1 MiB", "\n", "\n"+strings.Repeat("#", 1<<20)+"\n", "more than 1048576 bytes"),
		Entry("in a file with more than 1,000", finance, strings.Repeat("- {}\n", 1001), "has 1001 tokens"),
	)
})
