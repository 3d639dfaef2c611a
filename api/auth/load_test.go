package auth_test

import (
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/api/auth"
)

var _ = Describe("A file of settings", func() {
	var folder string
	BeforeEach(func() { folder = GinkgoT().TempDir() })
	load := func(text string) (auth.Config, error) {
		GinkgoHelper()
		file := filepath.Join(folder, "auth.yaml")
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		return auth.Load(file)
	}

	It("names the issuers, and the places of the API's own secrets", func() {
		GinkgoT().Setenv("PROD_SECRET", "by-variable")
		Expect(os.WriteFile(filepath.Join(folder, "keystone"), []byte("by-file\n"), 0o600)).To(Succeed())
		c, err := load(`
uaa:
  - foundations:
      - {name: prod, api: https://api.example.org, client_id: daybook, secret_env: PROD_SECRET}
keystone:
  url: https://keystone.example.org:5000
  application_credential_id: 1f2e
  secret_file: ` + filepath.Join(folder, "keystone") + `
  foundations: [trove]
tokens_file: tokens.yaml
auditors_see_money: true
leeway: 10s
`)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.UAAs[0].Foundations[0].Secret.Value).To(Equal("by-variable"))
		Expect(c.Keystone.Secret.Value).To(Equal("by-file"))
		Expect(c.TokensFile).To(Equal("tokens.yaml"))
		Expect(c.AuditorsSeeMoney).To(BeTrue())
		Expect(c.Leeway).To(Equal(10 * time.Second))
	})

	It("may be empty", func() {
		Expect(load("")).To(Equal(auth.Config{}))
	})

	DescribeTable("is refused",
		func(text, complaint string) {
			_, err := load(text)
			Expect(err).To(MatchError(And(ContainSubstring("auth.yaml"), ContainSubstring(complaint))))
		},
		Entry("with an unknown key", "uaas: []", "line 1: field uaas not found"),
		Entry("with a secret in it", "keystone: {secret: x}", "field secret not found"),
		Entry("with a secret in two places", "keystone: {secret_env: X, secret_file: y}", "give one of"),
		Entry("with a variable that is not set", "uaa: [{foundations: [{name: prod, secret_env: NOT_SET}]}]",
			"foundation prod: the environment variable NOT_SET is not set"),
		Entry("with a file that is not there", "keystone: {secret_file: /not/there}", "no such file"),
	)
})
