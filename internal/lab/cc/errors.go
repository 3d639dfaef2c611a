package cc

import "net/http"

// fault is an error of Cloud Controller as the API shows it. Source of codes, titles and texts:
// errors/v2.yml.
type fault struct {
	status int
	code   int
	title  string
	detail string
}

var (
	notAuthenticated = fault{http.StatusUnauthorized, 10002, "CF-NotAuthenticated", "Authentication error"}
	invalidToken     = fault{http.StatusUnauthorized, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"}
	notAuthorized    = fault{http.StatusForbidden, 10003, "CF-NotAuthorized", "You are not authorized to perform the " +
		"requested action"}
	unknownRequest = fault{http.StatusNotFound, 10000, "CF-NotFound", "Unknown request"}
	rateLimited    = fault{http.StatusTooManyRequests, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded"}
	serverError    = fault{http.StatusInternalServerError, 10001, "UnknownError", "An unknown error occurred."}
	uaaUnavailable = fault{http.StatusBadGateway, 20004, "CF-UaaUnavailable", "The UAA service is currently " +
		"unavailable"}
	unavailable = fault{http.StatusServiceUnavailable, 10015, "CF-ServiceUnavailable", "Database connection " +
		"failure"}
)

func unprocessable(detail string) fault {
	return fault{http.StatusUnprocessableEntity, 10008, "CF-UnprocessableEntity", detail}
}

func badQuery(detail string) fault {
	return fault{http.StatusBadRequest, 10005, "CF-BadQueryParameter", "The query parameter is invalid: " + detail}
}

func notFound(what string) fault {
	return fault{http.StatusNotFound, 10010, "CF-ResourceNotFound", what + " not found"}
}

func (f fault) answer() answer {
	type one struct {
		Detail string `json:"detail"`
		Title  string `json:"title"`
		Code   int    `json:"code"`
	}
	return jsonAnswer(f.status, map[string][]one{"errors": {{f.detail, f.title, f.code}}})
}
