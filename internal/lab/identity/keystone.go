package identity

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Credentials of the user that may validate tokens.
const (
	KeystoneUser     = "daybook"
	KeystonePassword = "daybook-secret"
)

// Paths of the API.
const (
	tokensPath   = "/v3/auth/tokens" //nolint:gosec // no secret
	projectsPath = "/v3/projects"
)

// projectsPage is how many projects a page has.
const projectsPage = 2

// Keystone gives and validates tokens. It is safe for concurrent use.
type Keystone struct {
	server
	now func() time.Time

	// The lock of server guards the fields below.
	own      map[string]Claims   // good tokens of KeystoneUser
	roles    map[string][]string // of KeystoneUser, by project; nil: of any project, "service"
	first    string              // the project of the application credential
	database string              // address of the database service in the catalogue
	projects [][2]string         // id and name
	granted  map[string]Claims   // by token
	tokens   int
}

// NewKeystone is a Keystone by a clock.
func NewKeystone(now func() time.Time) *Keystone {
	return &Keystone{
		now: now, granted: map[string]Claims{}, own: map[string]Claims{}, first: "0123456789abcdef0123456789abcdef",
	}
}

// Grant gives KeystoneUser roles in a project, and none in projects that were not named. The first
// one is the project of the application credential. Without roles they are taken away; tokens that
// are out keep theirs.
func (k *Keystone) Grant(project string, roles ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.roles == nil {
		k.roles, k.first = map[string][]string{}, project
	}
	k.roles[project] = roles
}

// SetDatabase enters the address of the database service into the catalogue of tokens, for region
// RegionOne.
func (k *Keystone) SetDatabase(address string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.database = address
}

// Who tells the project and the roles of a token of KeystoneUser, as the middleware of a service
// learns them.
func (k *Keystone) Who(token string) (project string, roles []string, good bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	claims, good := k.own[token]
	if !good {
		return "", nil, false
	}
	of, _ := claims["project"].(map[string]any)
	project, _ = of["id"].(string)
	all, _ := claims["roles"].([]map[string]any)
	for _, role := range all {
		name, _ := role["name"].(string)
		roles = append(roles, name)
	}
	return project, roles, true
}

// Project is the content of a project's token, good for an hour.
func (k *Keystone) Project(id string, roles ...string) Claims {
	domain := map[string]any{"id": "default", "name": "Default"}
	all := []map[string]any{}
	for _, name := range roles {
		all = append(all, map[string]any{"id": "role-" + name, "name": name})
	}
	return Claims{
		"methods": []string{"password"}, "is_domain": false, "roles": all,
		"audit_ids":  []string{"3T2dc1CGQxyJsHdDu1xkcw"},
		"user":       map[string]any{"id": "user-of-" + id, "name": "ann", "domain": domain},
		"project":    map[string]any{"id": id, "name": "shop", "domain": domain},
		"issued_at":  k.now().UTC().Format("2006-01-02T15:04:05.000000Z"),
		"expires_at": k.now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z"),
	}
}

// Token makes a token with the given content.
func (k *Keystone) Token(c Claims) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	token := k.name()
	k.granted[token] = c
	return token
}

// name is the next token, in the look of a Fernet token. The lock is held.
func (k *Keystone) name() string {
	k.tokens++
	return fmt.Sprintf("gAAAAABoMade-up-token-%06d", k.tokens)
}

// Revoke ends a token.
func (k *Keystone) Revoke(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.granted, token)
}

// RevokeOwn ends the tokens of KeystoneUser.
func (k *Keystone) RevokeOwn() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own = map[string]Claims{}
}

// SetProjects are the projects from now on, each with its id and its name.
func (k *Keystone) SetProjects(all ...[2]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.projects = all
}

// list answers GET /v3/projects, a page behind the marker.
func (k *Keystone) list(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	_, own := k.own[r.Header.Get("X-Auth-Token")]
	all := k.projects
	k.mu.Unlock()
	if !own {
		writeJSON(w, http.StatusUnauthorized, refusal(http.StatusUnauthorized))
		return
	}
	marker := r.URL.Query().Get("marker")
	from := slices.IndexFunc(all, func(p [2]string) bool { return p[0] == marker }) + 1
	to := min(from+projectsPage, len(all))
	projects, next := []map[string]any{}, any(nil)
	for _, p := range all[from:to] {
		projects = append(projects, map[string]any{"id": p[0], "name": p[1], "domain_id": "default", "enabled": true})
	}
	if to < len(all) {
		next = "http://keystone.internal" + projectsPath + "?marker=" + all[to-1][0]
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"projects": projects, "links": map[string]any{"next": next, "self": projectsPath, "previous": nil},
	})
}

// ServeHTTP answers POST and GET /v3/auth/tokens, and GET /v3/projects.
func (k *Keystone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if k.taken(w, r) {
		return
	}
	switch {
	case r.URL.Path == projectsPath && r.Method == http.MethodGet:
		k.list(w, r)
	case r.URL.Path != tokensPath:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost:
		k.logIn(w, r)
	default:
		k.validate(w, r)
	}
}

// login is the body of POST /v3/auth/tokens, as far as it is looked at.
type login struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User struct {
					Name     string `json:"name"`
					Password string `json:"password"`
				} `json:"user"`
			} `json:"password"`
			ApplicationCredential struct {
				ID     string `json:"id"`
				Secret string `json:"secret"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope struct {
			Project struct {
				ID string `json:"id"`
			} `json:"project"`
		} `json:"scope"`
	} `json:"auth"`
}

func (k *Keystone) logIn(w http.ResponseWriter, r *http.Request) {
	var in login
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	id, user := &in.Auth.Identity, &in.Auth.Identity.Password.User
	good := slices.Equal(id.Methods, []string{"password"}) && user.Name == KeystoneUser &&
		user.Password == KeystonePassword || slices.Equal(id.Methods, []string{"application_credential"}) &&
		id.ApplicationCredential.ID == KeystoneUser && id.ApplicationCredential.Secret == KeystonePassword
	if err != nil || !good {
		writeJSON(w, http.StatusUnauthorized, refusal(http.StatusUnauthorized))
		return
	}
	k.mu.Lock()
	claims := k.claims(in.Auth.Scope.Project.ID)
	token := k.name()
	if claims != nil {
		k.own[token] = claims
	}
	k.mu.Unlock()
	if claims == nil {
		writeJSON(w, http.StatusUnauthorized, refusal(http.StatusUnauthorized))
		return
	}
	w.Header().Set("X-Subject-Token", token)
	writeJSON(w, http.StatusCreated, map[string]any{"token": claims})
}

// claims are the content of a token of KeystoneUser for a project, or for the credential's where
// none is named; nil where the user has no role in it. The lock is held.
func (k *Keystone) claims(project string) Claims {
	project = cmp.Or(project, k.first)
	roles := []string{"service"}
	if k.roles != nil {
		if roles = k.roles[project]; len(roles) == 0 {
			return nil
		}
	}
	claims := k.Project(project, roles...)
	if k.database != "" {
		claims["catalog"] = []map[string]any{{"type": "database", "name": "trove", "endpoints": []map[string]any{
			{"interface": "internal", "region_id": "RegionOne", "url": "http://trove.internal:8779/v1.0/" + project},
			{"interface": "public", "region_id": "RegionOne", "url": k.database + "/v1.0/" + project},
		}}}
	}
	return claims
}

// validate answers for the token in X-Subject-Token. Source: Keystone's API reference, "Validate
// and show information for token".
func (k *Keystone) validate(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	_, own := k.own[r.Header.Get("X-Auth-Token")]
	claims, found := k.granted[r.Header.Get("X-Subject-Token")]
	claims = maps.Clone(claims)
	k.mu.Unlock()
	switch {
	case !own:
		writeJSON(w, http.StatusUnauthorized, refusal(http.StatusUnauthorized))
	case !found:
		writeJSON(w, http.StatusNotFound, refusal(http.StatusNotFound))
	default:
		writeJSON(w, http.StatusOK, map[string]any{"token": claims})
	}
}

func refusal(status int) map[string]any {
	return map[string]any{"error": map[string]any{
		"code": status, "title": http.StatusText(status), "message": "made up",
	}}
}
