package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"github.com/daybook-billing/daybook/internal/cfapi"
)

// Defaults of Config.
const (
	DefaultLeeway = 30 * time.Second
	DefaultMaxAge = time.Hour
	DefaultZone   = "uaa"
)

// minSessionKey is the length of the shortest session key, in bytes.
const minSessionKey = 32

// MaxLeeway is the largest difference of clocks.
const MaxLeeway = time.Minute

// Config names the issuers of accepted tokens.
type Config struct {
	// Listen is the API's address, host:port. Where it is on loopback and nothing else is
	// configured, the API is open; anywhere else New refuses that.
	Listen string `yaml:"-"`

	UAAs       []UAA     `yaml:"uaa"`
	Keystone   *Keystone `yaml:"keystone"`
	TokensFile string    `yaml:"tokens_file"` // of static tokens
	Accounts   []Account `yaml:"accounts"`
	// URL is the address of the web pages, https://billing.example.org: the UAA comes back there.
	// Default: that of each request.
	URL string `yaml:"url"`
	// SessionKey keeps people signed in over a restart, and at each of several APIs: any text of 32
	// bytes or more. Default: one by chance, good until the API ends.
	SessionKey Secret `yaml:"session_key"`
	// Guest is an account of an open API: whoever signs in with it may decide, too.
	Guest *Account `yaml:"-"`

	// AuditorsSeeMoney shows organization auditors the bill, too, and not usage alone.
	AuditorsSeeMoney bool          `yaml:"auditors_see_money"`
	Leeway           time.Duration `yaml:"leeway"` // between clocks, at most MaxLeeway; default: DefaultLeeway
	// MaxAge is how long keys are good without an answer of their UAA; default: DefaultMaxAge.
	MaxAge time.Duration `yaml:"max_age"`
}

// UAA is an issuer of access tokens, with the foundations where they count.
type UAA struct {
	// Address is such as https://uaa.example.org; default: by the root document of the first
	// foundation's API.
	Address string `yaml:"address"`
	Issuer  string `yaml:"issuer"` // of its tokens, to the letter; default: by the UAA's own word
	Zone    string `yaml:"zone"`   // the identity zone; default: DefaultZone
	// Resources are audiences beside cloud_controller and usage_service: the API's own name.
	Resources  []string `yaml:"resources"`
	Algorithms []string `yaml:"algorithms"` // of its keys; default: RS256
	// Everywhere lets global scopes hold for every foundation, those of other issuers and of files
	// included. It is so where this is the only issuer.
	Everywhere bool `yaml:"everywhere"`
	// LoginClient is the client of the web pages, with the grant authorization_code; without one
	// nobody signs in there with this UAA.
	LoginClient string       `yaml:"login_client_id"`
	LoginSecret Secret       `yaml:"login_secret"`
	Foundations []Foundation `yaml:"foundations"`
}

// Foundation is a foundation of a UAA. Its client is the API's own, and reads all organizations.
type Foundation struct {
	Name     string `yaml:"name"` // as its collector has it
	API      string `yaml:"api"`  // https://api.example.org; empty: no roles, its data is for global scopes
	ClientID string `yaml:"client_id"`
	Secret   Secret `yaml:",inline"` // the client's
	CAFile   string `yaml:"ca_file"` // PEM, instead of the system's
	SkipTLS  bool   `yaml:"skip_ssl_validation"`
}

// Keystone is an issuer of tokens for the tenants of Trove.
type Keystone struct {
	URL string `yaml:"url"` // http://keystone.example.org:5000, without /v3

	// The API's own user may validate tokens: an application credential, or a user of a project.
	CredentialID  string `yaml:"application_credential_id"`
	Username      string `yaml:"username"`
	UserDomain    string `yaml:"user_domain"` // domains by name; default: Default
	Project       string `yaml:"project"`
	ProjectDomain string `yaml:"project_domain"`
	Secret        Secret `yaml:",inline"` // of the application credential or the user

	CAFile  string `yaml:"ca_file"` // PEM, instead of the system's
	SkipTLS bool   `yaml:"skip_ssl_validation"`

	Foundations []string `yaml:"foundations"` // whose tenants are the projects of this Keystone
	Roles       []string `yaml:"roles"`       // a token needs one; default: reader, member, admin, manager
	// ServiceType is the name of this API in access rules of application credentials; default:
	// billing.
	ServiceType string `yaml:"service_type"`
	// OperatorProject (an id) and OperatorRole make an operator of who has this role in this
	// project. Without them, an operator has a system token.
	OperatorProject string `yaml:"operator_project"`
	OperatorRole    string `yaml:"operator_role"`
	Everywhere      bool   `yaml:"everywhere"` // as UAA.Everywhere, for operators
}

// Deps are the surroundings. All of them may be missing.
type Deps struct {
	Log *slog.Logger
	Now func() time.Time
}

// issuers counts the issuers of tokens other than the static ones.
func (c *Config) issuers() int {
	if c.Keystone != nil {
		return len(c.UAAs) + 1
	}
	return len(c.UAAs)
}

// open reports whether nothing is configured.
func (c *Config) open() bool { return c.issuers() == 0 && c.TokensFile == "" && len(c.Accounts) == 0 }

func (c Config) withDefaults() Config {
	if c.Leeway == 0 {
		c.Leeway = DefaultLeeway
	}
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	c.UAAs = slices.Clone(c.UAAs)
	for i := range c.UAAs {
		c.UAAs[i] = c.UAAs[i].withDefaults()
	}
	if c.Keystone != nil {
		k := c.Keystone.withDefaults()
		c.Keystone = &k
	}
	return c
}

func (u UAA) withDefaults() UAA {
	if u.Zone == "" {
		u.Zone = DefaultZone
	}
	if len(u.Algorithms) == 0 {
		u.Algorithms = []string{jwa.RS256().String()}
	}
	u.Resources = append(slices.Clone(resources), u.Resources...)
	return u
}

func (k Keystone) withDefaults() Keystone {
	if k.UserDomain == "" {
		k.UserDomain = "Default"
	}
	if k.ProjectDomain == "" {
		k.ProjectDomain = "Default"
	}
	if len(k.Roles) == 0 {
		k.Roles = []string{"reader", "member", "admin", "manager"}
	}
	if k.ServiceType == "" {
		k.ServiceType = "billing"
	}
	return k
}

// validate refuses settings open to somebody else, or to nobody.
func (c *Config) validate() error {
	if c.open() {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil || !loopback(host) {
			return fmt.Errorf("auth: %q can be reached from other machines, and nothing says who may see what: "+
				"configure a UAA, a Keystone or static tokens, or listen on 127.0.0.1", c.Listen)
		}
	}
	if c.URL != "" && cfapi.Address(c.URL) == "" {
		return fmt.Errorf("auth: the url %q is no address of the web pages: give one such as "+
			"https://billing.example.org", c.URL)
	}
	if n := len(c.SessionKey.Value); n > 0 && n < minSessionKey {
		return fmt.Errorf("auth: the session_key has %d bytes: give %d or more", n, minSessionKey)
	}
	if c.Leeway < 0 || c.Leeway > MaxLeeway {
		return fmt.Errorf("auth: the leeway is %s: give 0s to %s", c.Leeway, MaxLeeway)
	}
	if c.MaxAge < refreshAfter {
		return fmt.Errorf("auth: keys without an answer of their UAA are good for %s: give %s or more", c.MaxAge,
			refreshAfter)
	}
	served := map[string]bool{}
	for i := range c.UAAs {
		if err := c.UAAs[i].validate(served); err != nil {
			return err
		}
	}
	if c.Keystone != nil {
		return c.Keystone.validate(served)
	}
	return nil
}

// serve adds a foundation to those that have an issuer. One issuer has the last word on a
// foundation.
func serve(served map[string]bool, foundation string) error {
	switch {
	case foundation == "":
		return errors.New("auth: a foundation has no name: give the one that its collector has")
	case served[foundation]:
		return fmt.Errorf("auth: the foundation %s has two issuers: keep one", foundation)
	}
	served[foundation] = true
	return nil
}

func (u *UAA) validate(served map[string]bool) error {
	if len(u.Foundations) == 0 {
		return fmt.Errorf("auth: the UAA %s has no foundation", u.Address)
	}
	if cfapi.Address(u.Address) == "" && (u.Address != "" || u.Foundations[0].API == "") {
		return fmt.Errorf("auth: %q is no address of a UAA: give one such as https://uaa.example.org", u.Address)
	}
	if slices.Contains(u.Resources, u.LoginClient) {
		return fmt.Errorf("auth: the client %s of the web pages is no audience: ID tokens would pass", u.LoginClient)
	}
	for i := range u.Foundations {
		f := &u.Foundations[i]
		if err := serve(served, f.Name); err != nil {
			return err
		}
		if f.API != "" && (cfapi.Address(f.API) == "" || f.ClientID == "" || f.Secret.Value == "") {
			return fmt.Errorf("auth: foundation %s: give the address of its API, and a client with the authority "+
				"cloud_controller.global_auditor and its secret", f.Name)
		}
		if slices.Contains(u.Resources, f.ClientID) {
			return fmt.Errorf("auth: foundation %s: its client %s is no audience: ID tokens would pass", f.Name,
				f.ClientID)
		}
	}
	_, err := u.algorithms()
	return err
}

// algorithms are the allowed ones, all of them asymmetric.
func (u *UAA) algorithms() (all []jwa.SignatureAlgorithm, err error) {
	for _, name := range u.Algorithms {
		a, known := jwa.LookupSignatureAlgorithm(name)
		if !known || a.IsSymmetric() || a == jwa.NoSignature() {
			return nil, fmt.Errorf("auth: %q is no algorithm of public keys: give RS256, PS256 or ES256", name)
		}
		all = append(all, a)
	}
	return all, nil
}

func (k *Keystone) validate(served map[string]bool) error {
	switch {
	case cfapi.Address(k.URL) == "":
		return fmt.Errorf("auth: %q is no address of a Keystone: give one such as https://keystone.example.org:5000",
			k.URL)
	case k.CredentialID == "" && k.Username == "" || k.Secret.Value == "":
		return errors.New("auth: Keystone needs an application credential or a user that may validate tokens, and " +
			"its secret")
	case len(k.Foundations) == 0:
		return errors.New("auth: Keystone has no foundation: name those that Trove's collector has")
	case (k.OperatorProject == "") != (k.OperatorRole == ""):
		return errors.New("auth: an operator of Keystone has a role in a project: give both, or neither")
	}
	for _, f := range k.Foundations {
		if err := serve(served, f); err != nil {
			return err
		}
	}
	return nil
}
