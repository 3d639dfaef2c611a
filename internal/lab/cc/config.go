package cc

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// Config describes a foundation. The same World and Knobs and the same sequence of calls and
// requests give the same answers, tokens and the real clock's Speed apart.
type Config struct {
	// World lives here. Its Seed also gives the faults.
	World sim.Config
	// Knobs are the knobs to begin with; nil stands for StandardKnobs.
	Knobs *Knobs
	// URL is the address in links and in the tokens' issuer: "https://api.example.org". Empty takes
	// the address of each request, and leaves the links of usage events as the world writes them.
	URL string
	// Clients may ask the UAA for tokens; nil stands for StandardClients.
	Clients []Client
	// Users may ask for tokens by password; nil stands for an operator, and for two managers of
	// each organization: see Foundation.Users.
	Users []User
	// Key signs tokens, RS256; nil makes one of 2048 bits for the first token, in some 100 ms.
	Key *rsa.PrivateKey
	// Clock is the real time, for Speed and for tokens; nil stands for time.Now.
	Clock func() time.Time
	// DropPruned forgets removed rows, to keep memory bounded: Pruned is empty.
	DropPruned bool
}

// Client is an OAuth client of the UAA.
type Client struct {
	ID, Secret string
	// Authorities are the scopes of its client_credentials tokens. Without any it may only ask on
	// behalf of users.
	Authorities []string
}

// User is a user of the UAA.
type User struct {
	GUID, Name, Password string
	Scopes               []string
	// Manages, Bills and Audits are the guids of the organizations where the user is
	// organization_manager, organization_billing_manager or organization_auditor.
	Manages, Bills, Audits []string
}

// Scopes of Cloud Controller.
const (
	ScopeAdmin         = "cloud_controller.admin"
	ScopeAdminReadOnly = "cloud_controller.admin_read_only"
	ScopeGlobalAuditor = "cloud_controller.global_auditor"
	scopeRead          = "cloud_controller.read"
	scopeWrite         = "cloud_controller.write"
)

// globalScopes read everything.
var globalScopes = []string{ScopeAdmin, ScopeAdminReadOnly, ScopeGlobalAuditor}

// StandardClients are the clients of a foundation without configuration: "daybook" (secret
// "daybook-secret") with the least rights of a collector, "admin" ("admin-secret"), "nobody"
// ("nobody-secret") without global read, and "cf" with an empty secret, on behalf of users.
func StandardClients() []Client {
	return []Client{
		{ID: "daybook", Secret: "daybook-secret", Authorities: []string{ScopeGlobalAuditor}},
		{ID: "admin", Secret: "admin-secret", Authorities: []string{ScopeAdmin, scopeRead, scopeWrite}},
		{ID: "nobody", Secret: "nobody-secret", Authorities: []string{scopeRead}},
		{ID: "cf"},
	}
}

// standardUsers are an operator, and a manager and a billing manager for each organization.
func standardUsers(orgs []*sim.Org) []User {
	users := []User{newUser("operator", ScopeAdminReadOnly)}
	for i, org := range orgs {
		manager, biller := newUser(fmt.Sprintf("manager-%d", i+1)), newUser(fmt.Sprintf("billing-%d", i+1))
		manager.Manages, biller.Bills = []string{org.GUID}, []string{org.GUID}
		users = append(users, manager, biller)
	}
	return users
}

func newUser(name string, scopes ...string) User {
	return User{GUID: uuidOf("user", name), Name: name, Password: "password", Scopes: append(scopes, scopeRead,
		scopeWrite, "openid")}
}

// uuidOf makes a guid (in the form of UUID version 8), always the same for the same name.
func uuidOf(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func (c Config) withDefaults() (Config, error) {
	if c.Knobs == nil {
		standard := StandardKnobs()
		c.Knobs = &standard
	}
	if err := c.Knobs.Validate(); err != nil {
		return c, fmt.Errorf("simulated foundation: %w", err)
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return c, fmt.Errorf("simulated foundation: URL is %q; give one such as http://127.0.0.1:8181, without a "+
				"path", c.URL)
		}
	}
	if c.Clients == nil {
		c.Clients = StandardClients()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

// global reports whether scopes read everything.
func global(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(globalScopes, s) })
}
