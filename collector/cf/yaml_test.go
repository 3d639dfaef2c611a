package cf_test

import (
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/cf"
)

var _ = Describe("a file of foundations", func() {
	lookup := cf.Lookup{
		Env: func(name string) (string, bool) {
			if name == "US_PASSWORD" {
				return "from env", true
			}
			return "", false
		},
		File: func(name string) ([]byte, error) {
			if name == "/run/secrets/eu" {
				return []byte("from file\n"), nil
			}
			return nil, errors.New("no such file")
		},
	}
	parse := func(text string) ([]cf.Foundation, error) {
		base := cf.Foundation{
			Name: "cf", API: "https://flags.example.org", ClientSecret: "flag's",
			Schedule: 2 * time.Minute, PageSize: 500,
		}
		return cf.ParseFoundations("f.yaml", []byte(text), base, lookup)
	}

	It("names each, with secrets from elsewhere, and the rest as in the flags", func() {
		all, err := parse(`
- name: eu
  api: https://api.eu.example.org
  client_id: daybook
  client_secret_file: /run/secrets/eu
  retention: 90d
  epoch: 2026-11-01
- {name: us, api: "https://api.us.example.org", username: u, password_env: US_PASSWORD, page_size: 5000, complete: true, min_age: 2m}
`)
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(Equal([]cf.Foundation{
			{
				Name: "eu", API: "https://api.eu.example.org", ClientID: "daybook", ClientSecret: "from file",
				Schedule: 2 * time.Minute, PageSize: 500,
				Retention: 90 * 24 * time.Hour, Epoch: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			},
			{
				Name: "us", API: "https://api.us.example.org", Username: "u", Password: "from env",
				Schedule: 2 * time.Minute, PageSize: 5000,
				Complete: true, MinAge: 2 * time.Minute,
			},
		}))
	})

	DescribeTable("is refused with line and column", func(text string, messages ...string) {
		_, err := parse(text)
		for _, message := range messages {
			Expect(err).To(MatchError(ContainSubstring(message)))
		}
	},
		Entry("nothing", ``, "f.yaml:1:1: expected a list of foundations"),
		Entry("no YAML", "- a: [", "f.yaml: not valid YAML"),
		Entry("no list", "name: eu", "f.yaml:1:1: expected a list"),
		Entry("an unknown key", "- name: eu\n  addrezz: x",
			`f.yaml:2:3: unknown key "addrezz"; the keys are api, ca_file`),
		Entry("a key twice", "- name: eu\n  name: us", "f.yaml:2:3: the key name stands twice, first in line 1"),
		Entry("two wrong things", "- name: eu\n  schedule: soon\n  page_size: many", "f.yaml:2:13: schedule: "+
			"\"soon\" is not a duration", "f.yaml:3:14: page_size"),
		Entry("a secret that is not there", "- name: eu\n  client_secret_env: NONE",
			"f.yaml:2:22: client_secret_env: the environment variable NONE is not set"),
		Entry("a secret given twice", "- name: eu\n  password: a\n  password_env: US_PASSWORD", "password is given "+
			"in several ways"),
		Entry("no credentials, not even the flags'", "- name: eu\n  api: https://a", "f.yaml:1:3: there are no "+
			"credentials"),
		Entry("a name twice", strings.Repeat("- {name: eu, api: \"https://a\", token: t}\n", 2),
			"f.yaml:2:3: the name eu stands twice"),
		Entry("an age that is too small", `- {name: eu, api: "https://a", token: t, min_age: 10s}`,
			"the minimum age is 10s: it must be at least 1m0s"),
		Entry("credentials in the address", `- {name: eu, api: "https://u:PLANTED@a", token: t}`,
			"the address of the API holds credentials"),
	)
})
