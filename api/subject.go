package api

import (
	"fmt"
	"strings"

	"github.com/daybook-billing/daybook/events"
)

// queryAll stands in the subject of a question about everybody for the tenant. queryNamedAll stands
// for a tenant with this name: events.Token makes it of no other one.
const (
	queryAll      = "all"
	queryNamedAll = "%61ll"
)

// queryFilter matches a question about any tenant.
func queryFilter(question string) string { return "daybook.query.*." + events.Token(question) }

// querySubject is where a question about a tenant is asked.
func querySubject(tenant, question string) string {
	token := events.Token(tenant)
	if token == queryAll {
		token = queryNamedAll
	}
	return "daybook.query." + token + "." + events.Token(question)
}

// queryToken is what stands in a question's subject for the tenant; empty where nothing does.
func queryToken(subject string) string {
	tokens := strings.Split(subject, ".")
	const tenantToken = 2
	if len(tokens) <= tenantToken {
		return ""
	}
	return tokens[tenantToken]
}

// queryTenant is the tenant of a question's subject; everybody: it is about all tenants.
func queryTenant(subject string) (tenant string, everybody bool, err error) {
	switch token := queryToken(subject); token {
	case "":
		return "", false, fmt.Errorf("the subject %s names no tenant", subject)
	case queryAll:
		return "", true, nil
	case queryNamedAll:
		return queryAll, false, nil
	default:
		tenant, err = events.Untoken(token)
		return tenant, false, err
	}
}
