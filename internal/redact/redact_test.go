package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/redact"
)

var _ = DescribeTable("the name of a buildpack", func(in, want string) {
	Expect(redact.URL(in)).To(Equal(want))
	Expect(redact.URL(want)).To(Equal(want), "redacting twice changes nothing")
},
	Entry("a plain name", "ruby_buildpack", "ruby_buildpack"),
	Entry("a URL without secrets", "https://github.com/org/repo.git", "https://github.com/org/repo.git"),
	Entry("user and password", "https://user:PLANTED@git.example.com/repo.git",
		"https://***:***@git.example.com/repo.git"),
	Entry("a token as user", "https://PLANTED@git.example.com/repo.git", "https://***:***@git.example.com/repo.git"),
	Entry("an @ in the password", "https://user:PLA@NTED@git.example.com/repo.git",
		"https://***:***@git.example.com/repo.git"),
	Entry("a / in the password, which no parser takes", "https://user:PLA/NTED@git.example.com/repo.git",
		"https://***:***@git.example.com/repo.git"),
	Entry("a # in the password", "https://user:PLA#NTED@git.example.com/repo.git",
		"https://***:***@git.example.com/repo.git"),
	Entry("a wrong escape in the password", "https://user:%zzPLANTED@git.example.com/repo",
		"https://***:***@git.example.com/repo"),
	Entry("what Cloud Controller redacted", "https://***:***@git.example.com/repo.git",
		"https://***:***@git.example.com/repo.git"),
	Entry("a query", "https://h/r.git?token=PLANTED&x=PLANTED;y=PLANTED", "https://h/r.git?token=***&x=***&y=***"),
	Entry("a query without a name", "https://h/r.git?PLANTED", "https://h/r.git?***"),
	Entry("a value in the fragment", "https://h/r.git#access_token=PLANTED", "https://h/r.git#access_token=***"),
	Entry("a branch in the fragment", "https://h/r.git#v1.8.0", "https://h/r.git#v1.8.0"),
	Entry("a branch in the fragment that is a path", "https://h/r.git#feature/JIRA-1234-more-memory",
		"https://h/r.git#feature/JIRA-1234-more-memory"),
	Entry("a commit in the fragment", "https://h/r#9fceb02d0ae598e95dc970b74767f19372d61af8",
		"https://h/r#9fceb02d0ae598e95dc970b74767f19372d61af8"),
	Entry("a version in the fragment of an archive", "https://h/r.zip#v1.8.0", "https://h/r.zip#v1.8.0"),
	Entry("a branch behind a host of many repositories", "https://github.com/org/r#develop",
		"https://github.com/org/r#develop"),
	Entry("a branch behind a buildpack", "https://git.example.com/org/Java-Buildpack/#fix-7",
		"https://git.example.com/org/Java-Buildpack/#fix-7"),
	Entry("a word in the fragment of an archive", "https://h/java-buildpack.zip#PLANTED2",
		"https://h/java-buildpack.zip#***"),
	Entry("a word in the fragment of a page", "https://h/r#PLANTED2", "https://h/r#***"),
	Entry("a word in the fragment of a host", "https://github.com.example.org#PLANTED2",
		"https://github.com.example.org#***"),
	Entry("a token in the fragment", "https://h/r.git#PLANTED0123456789abcdef", "https://h/r.git#***"),
	Entry("a token in the fragment that names its issuer", "https://h/r.git#ghp_PLANTEDabcd", "https://h/r.git#***"),
	Entry("a token in the fragment behind a branch", "https://h/r.git#main/PLANTED0123456789abcdef",
		"https://h/r.git#***"),
	Entry("a fragment with a query", "https://h/#/path?x=PLANTED&PLANTED", "https://h/#/path?x=***&***"),
	Entry("a query in a fragment before another fragment", "https://h/r?a=PLANTED#b=PLANTED#c=PLANTED",
		"https://h/r?a=***#b=***"),
	Entry("a fragment without a path", "https://h#x=PLANTED", "https://h#x=***"),
	Entry("an @ in the path", "https://h:8080/@scope/r@v1", "https://h:8080/@scope/r@v1"),
	Entry("the scp form", "git@github.com:org/repo.git", "git@github.com:org/repo.git"),
	Entry("the scp form with a fragment", "git@github.com:org/repo.git#access=PLANTED",
		"git@github.com:org/repo.git#access=***"),
	Entry("the scp form with a query and a branch", "git@github.com:org/repo.git?x=PLANTED#main",
		"git@github.com:org/repo.git?x=***#main"),
	Entry("ssh", "ssh://git:PLANTED@host/repo", "ssh://***:***@host/repo"),
	Entry("no scheme", "user:PLANTED@host/repo", "***:***@host/repo"),
)

var _ = Describe("text for the quarantine", func() {
	DescribeTable("has no secret left", func(in string) {
		out := redact.Text(in)
		Expect(out).NotTo(ContainSubstring("PLANTED"))
		Expect(redact.Text(out)).To(Equal(out), "redacting twice changes nothing")
	},
		Entry("in a member", `{"auth_token":"PLANTED"}`),
		Entry("in a member with white space", "{\"password\" :\n \"PLANTED\"}"),
		Entry("in Nova's member", `{"adminPass":"PLANTED"}`),
		Entry("in a member with any case", `{"X-Auth-Token":"PLANTED"}`),
		Entry("in a member with an escaped key", `{"pass\u0077ord":"PLANTED"}`),
		Entry("in an object", `{"_context_service_catalog":[{"x":{"y":"PLANTED"}},"PLANTED"],"a":1}`),
		Entry("in the context", `{"_context_user":"PLANTED"}`),
		Entry("in half a string", `{"token":"PLANTED and`),
		Entry("in half an object", `{"credentials":{"a":["PLANTED"`),
		Entry("with a quote in it", `{"token":"x\"PLANTED"}`),
		Entry("that is a number", `{"api_key":  "PLANTED", "secret": 1}`),
		Entry("in an envelope",
			envelope(`{"_context_auth_token":"PLANTED","payload":{"password":"a\"PLANTED\\","token":["PLANTED"]}}`)),
		Entry("in an envelope in an envelope",
			envelope(envelope(`{"_context_auth_token": "PLANTED", "x": {"secret": {"a": "PLANTED"}}}`))),
		Entry("in half an envelope", envelope(`{"_context_auth_token":"PLANTED-and-more-of-it"}`)[:60]),
		Entry("in a URL", `GET https://user:PLANTED@host/x?token=PLANTED#a=PLANTED failed`),
		Entry("in a URL with JSON's escapes", `{"u":"https:\/\/user:PLANTED@host\/x"}`),
		Entry("in a URL with an escaped @", `{"u":"https://user:PLANTED\u0040host/x"}`),
		Entry("in the fragment of a URL", `{"u":"https://h/r.git#PLANTED0123456789abcdef"}`),
		Entry("in the fragment of a URL between others",
			`see https://h/r#x=PLANTED, git@h:o/r.git#x=PLANTED and https://h/r.git#ghp_PLANTEDabcd`),
		Entry("in two URLs", `https://a:PLANTED@h https://b:PLANTED@h`),
		Entry("in Python's notation", `Traceback: {'auth_token': 'PLANTED', 'x': 1}`),
		Entry("in a header", `Authorization: Bearer PLANTED.abc`),
		Entry("in a header of another scheme", "Authorization: Custom PLANTED, PLANTED\nHost: h"),
		Entry("in a pair", `password=PLANTED other`),
		Entry("in Keystone's form, by whatever name",
			`{"a":["gAAAAABm-PLANTED-4711-abcdefghij=="],"b":"gAAAAABm-PLANTED-4711-abcdefghij%3D`),
		Entry("behind the word bearer", `sent bearer PLANTED-token`),
	)

	It("keeps what is no secret", func() {
		in := `{"guid":"g","state":{"current":"X"},"n":1,"_context_limit":null,"url":"https://h/p"}`
		Expect(redact.Text(in)).To(Equal(in))
		Expect(redact.Text(`{"token":"a","guid":"g"}`)).To(Equal(`{"token":"***","guid":"g"}`))
		Expect(redact.Text(envelope(`{"token":{"a":"b"},"guid":"g"}`))).To(Equal(`{"oslo.message":"{\"token\":\"***\",\"guid\":\"g\"}"}`))
	})

	It("is bounded, and says what was cut", func() {
		out := redact.Text(strings.Repeat("é", redact.MaxText))
		Expect(len(out)).To(BeNumerically("<", redact.MaxText+50))
		Expect(out).To(HaveSuffix("… [cut: 65536 more bytes]"))
		Expect(redact.Cut("a b https://user:PLANT", 10)).To(Equal("a b … [cut: 29 more bytes]"))
	})

	It("is UTF-8", func() {
		Expect(redact.Text("a\xff\x00b")).To(Equal("a\uFFFD\x00b"))
	})
})

// envelope wraps a notification as oslo.messaging does.
func envelope(inner string) string {
	b, err := json.Marshal(map[string]string{"oslo.message": inner})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// FuzzText: whatever stands around it, a secret member of JSON at any level does not survive.
func FuzzText(f *testing.F) {
	f.Add("a", "b", uint8(0))
	f.Add(`\"x`, "é😀", uint8(2))
	f.Fuzz(func(t *testing.T, before, after string, levels uint8) {
		b, err := json.Marshal(map[string]any{"a": before, "auth_token": "pl4nted" + after + "pl4nted", "z": after})
		if err != nil {
			t.Skip()
		}
		in := string(b)
		for range levels % 3 {
			in = envelope(in)
		}
		if strings.Contains(before+after, "pl4nted") {
			t.Skip()
		}
		if out := redact.Text(in); strings.Contains(out, "pl4nted") {
			t.Fatalf("%s\nbecame\n%s", in, out)
		}
	})
}
