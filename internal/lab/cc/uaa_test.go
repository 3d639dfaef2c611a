package cc_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/cc"
)

// claims reads the content of a token.
func claims(token string) (c map[string]any) {
	GinkgoHelper()
	parts := strings.Split(token, ".")
	Expect(parts).To(HaveLen(3))
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(raw, &c)).To(Succeed())
	return c
}

var _ = Describe("the UAA", func() {
	var c *caller
	BeforeEach(func() { c = found(lively(1)) })
	form := func(pairs ...string) url.Values {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values
	}

	It("gives a client its token", func() {
		g := c.ask("daybook", "daybook-secret", form("grant_type", "client_credentials"))
		Expect(g.Status).To(Equal(200))
		Expect(g.ExpiresIn).To(Equal(1200))
		Expect(g.RefreshToken).To(BeEmpty())
		Expect(g.Scope).To(Equal("cloud_controller.global_auditor"))
		Expect(claims(g.AccessToken)).To(And(
			HaveKeyWithValue("client_id", "daybook"), Not(HaveKey("user_id")), HaveKeyWithValue("iss",
				c.server.URL+"/oauth/token"),
			HaveKeyWithValue("aud", ContainElement("cloud_controller")), HaveKeyWithValue("exp",
				BeEquivalentTo(c.clock.now().Unix()+1200)),
		))
	})

	It("gives a user a token, and a new one for the refresh token", func() {
		g := c.ask("cf", "", form("grant_type", "password", "username", "manager-1", "password", "password"))
		Expect(claims(g.AccessToken)).To(And(HaveKeyWithValue("user_name", "manager-1"), HaveKeyWithValue("user_id",
			c.Users()[1].GUID)))
		again := c.ask("cf", "", form("grant_type", "refresh_token", "refresh_token", g.RefreshToken))
		Expect(again.Status).To(Equal(200))
		Expect(again.AccessToken).NotTo(Equal(g.AccessToken))
		Expect(claims(again.AccessToken)).To(HaveKeyWithValue("user_name", "manager-1"))
	})

	DescribeTable("refuses",
		func(id, secret string, body url.Values, status int, problem string) {
			g := c.ask(id, secret, body)
			Expect(g.Status).To(Equal(status))
			Expect(g.Error).To(Equal(problem))
			Expect(g.AccessToken).To(BeEmpty())
		},
		Entry("a wrong secret", "daybook", "guess", form("grant_type", "client_credentials"), 401, "unauthorized"),
		Entry("an unknown client", "mallory", "", form("grant_type", "client_credentials"), 401, "unauthorized"),
		Entry("a client that may only ask for users", "cf", "", form("grant_type", "client_credentials"), 401,
			"unauthorized_client"),
		Entry("a wrong password", "cf", "", form("grant_type", "password", "username", "operator", "password", "guess"),
			401, "unauthorized"),
		Entry("a made-up refresh token", "cf", "", form("grant_type", "refresh_token", "refresh_token", "a.b.c"), 401,
			"invalid_token"),
		Entry("another grant", "daybook", "daybook-secret", form("grant_type", "implicit"), 400,
			"unsupported_grant_type"),
	)

	It("takes a client's credentials from the form, too", func() {
		r := c.do(must(http.NewRequest(http.MethodPost,
			c.server.URL+"/oauth/token?client_id=daybook&client_secret=daybook-secret&grant_type=client_credentials",
			http.NoBody)))
		Expect(r.status).To(Equal(200))
	})

	It("lets tokens expire by the real clock", func() {
		c.tell(`{"token_lifetime": "90s"}`)
		d := c.as("daybook")
		d.at(5 * day)
		d.clock.pass(89 * time.Second)
		Expect(d.get(apps).status).To(Equal(200))
		d.clock.pass(time.Second)
		r := d.get(apps)
		Expect(r.fault()).To(Equal(fault{401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"}))
	})

	It("asks for a token, and refuses what is none", func() {
		r := c.get(apps)
		Expect(r.fault()).To(Equal(fault{401, 10002, "CF-NotAuthenticated", "Authentication error"}))
		g := c.ask("cf", "", form("grant_type", "password", "username", "operator", "password", "password"))
		forged := strings.Split(g.AccessToken, ".")
		forged[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"scope":["cloud_controller.admin"],"aud":["cloud_controller"],"exp":99999999999}`))
		for _, token := range []string{"nonsense", "a.b.c", g.RefreshToken, strings.Join(forged, ".")} {
			bad := *c
			bad.token = token
			r := bad.get(apps)
			Expect(r.fault().Code).To(Equal(1000), token)
		}
	})

	It("publishes the key that tokens are signed with", func() {
		token := c.ask("daybook", "daybook-secret", form("grant_type", "client_credentials")).AccessToken
		r := c.get("/token_keys")
		var keys struct {
			Keys []struct{ Kty, Alg, Use, Kid, N, E, Value string }
		}
		Expect(json.Unmarshal(r.body, &keys)).To(Succeed())
		Expect(keys.Keys).To(HaveLen(1))
		k := keys.Keys[0]
		Expect([]string{k.Kty, k.Alg, k.Use}).To(Equal([]string{"RSA", "RS256", "sig"}))
		public := &rsa.PublicKey{
			N: new(big.Int).SetBytes(must(base64.RawURLEncoding.DecodeString(k.N))),
			E: int(new(big.Int).SetBytes(must(base64.RawURLEncoding.DecodeString(k.E))).Int64()),
		}
		block, _ := pem.Decode([]byte(k.Value))
		Expect(public.Equal(must(x509.ParsePKIXPublicKey(block.Bytes)))).To(BeTrue())
		i := strings.LastIndexByte(token, '.')
		sum := sha256.Sum256([]byte(token[:i]))
		Expect(rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:],
			must(base64.RawURLEncoding.DecodeString(token[i+1:])))).To(Succeed())
		head := must(base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0]))
		Expect(string(head)).To(ContainSubstring(`"kid":"` + k.Kid + `"`))

		request := must(http.NewRequest(http.MethodGet, c.server.URL+"/token_keys", http.NoBody))
		request.Header.Set("If-None-Match", r.header.Get("ETag"))
		Expect(c.do(request).status).To(Equal(http.StatusNotModified))
	})

	It("may change its key, with which old tokens are good no longer", func() {
		d := c.as("daybook")
		old := d.get("/token_keys")
		r := d.post("/_sim/rotate_key", "")
		Expect(r.status).To(Equal(200))
		Expect(d.get(apps).status).To(Equal(401))
		Expect(d.get("/token_keys").header.Get("ETag")).NotTo(Equal(old.header.Get("ETag")))
		Expect(d.as("daybook").get(apps).status).To(Equal(200))
	})

	It("withholds the global scopes where it is told to", func() {
		c.at(day)
		c.tell(`{"missing_global_scope": true}`)
		blind := c.as("daybook")
		Expect(blind.list(apps).Resources).To(BeEmpty())
		Expect(blind.get("/v3/info/usage_summary").status).To(Equal(404))
		c.tell(`{"missing_global_scope": false}`)
		Expect(c.as("daybook").list(apps).Resources).NotTo(BeEmpty())
	})

	It("is found from the root", func() {
		var root struct {
			Links struct{ UAA, Login struct{ Href string } }
		}
		Expect(json.Unmarshal(c.get("/").body, &root)).To(Succeed())
		Expect(root.Links.UAA.Href).To(Equal(c.server.URL))
		var discovered map[string]any
		Expect(json.Unmarshal(c.get("/.well-known/openid-configuration").body, &discovered)).To(Succeed())
		Expect(discovered).To(And(HaveKeyWithValue("issuer", c.server.URL+"/oauth/token"), HaveKeyWithValue("jwks_uri",
			c.server.URL+"/token_keys")))
	})

	It("makes a key of its own where none is given", func() {
		f, err := cc.New(cc.Config{World: lively(1)})
		Expect(err).NotTo(HaveOccurred())
		d := &direct{f: f}
		d.signIn()
		Expect(d.token).NotTo(BeEmpty())
	})
})

func must[T any](value T, err error) T {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	return value
}
