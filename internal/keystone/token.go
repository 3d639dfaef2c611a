package keystone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Token is a token with what Keystone says of it.
type Token struct {
	ID        string
	Project   string // id; empty for a token without one
	Expires   time.Time
	Endpoints []Endpoint
}

// Endpoint is an address of a service in Keystone's catalogue.
type Endpoint struct{ Service, Interface, Region, URL string }

// Endpoint is the public address of a service in a region, or in the first where it is empty; empty
// for none.
func (t *Token) Endpoint(service, region string) string {
	for _, e := range t.Endpoints {
		if e.Service == service && e.Interface == "public" && (region == "" || e.Region == region) {
			return e.URL
		}
	}
	return ""
}

// ProjectToken asks for a token of a project, by its id. An application credential has a project of
// its own, which may be left out.
func (c *Client) ProjectToken(ctx context.Context, project string) (*Token, error) {
	body := c.login()
	if c.settings.CredentialID == "" {
		body = object{"auth": object{
			"identity": c.identity(), "scope": object{"project": object{"id": project}},
		}}
	}
	login, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	address := c.settings.URL + tokens
	answer, header, err := c.Ask(ctx, http.MethodPost, address, "", login)
	if err != nil {
		return nil, err
	}
	t, err := readToken(answer)
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", address, err)
	}
	t.ID = header.Get("X-Subject-Token")
	switch {
	case t.ID == "" || t.Project == "":
		return nil, fmt.Errorf("POST %s: the answer has no token of a project", address)
	case project != "" && t.Project != project:
		return nil, fmt.Errorf("POST %s: the token is of project %s, not of %s: an application credential belongs to "+
			"one project; give the credentials of a user for others", address, t.Project, project)
	}
	return t, nil
}

func readToken(answer []byte) (*Token, error) {
	var in struct {
		Token struct {
			Project struct {
				ID string `json:"id"`
			} `json:"project"`
			Expires time.Time `json:"expires_at"`
			Catalog []struct {
				Type      string `json:"type"`
				Endpoints []struct {
					Interface string `json:"interface"`
					Region    string `json:"region_id"`
					URL       string `json:"url"`
				} `json:"endpoints"`
			} `json:"catalog"`
		} `json:"token"`
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return nil, err
	}
	t := &Token{Project: in.Token.Project.ID, Expires: in.Token.Expires}
	for _, service := range in.Token.Catalog {
		for _, e := range service.Endpoints {
			t.Endpoints = append(t.Endpoints, Endpoint{service.Type, e.Interface, e.Region, e.URL})
		}
	}
	return t, nil
}
