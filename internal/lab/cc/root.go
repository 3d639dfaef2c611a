package cc

import (
	"cmp"
	"net/http"

	"github.com/daybook-billing/daybook/internal/lab/sim"
)

// versionV3 is the version of the API.
const versionV3 = "3.228.0"

type object = map[string]any

func link(href string) object { return object{"href": href} }

// root is GET /. Source: app/controllers/runtime/root_controller.rb. UAA and login server share the
// foundation's address.
func (f *Foundation) root(r *request) answer {
	return jsonAnswer(http.StatusOK, object{"links": object{
		"self":                link(cmp.Or(f.knobs.Identity, r.base)),
		"cloud_controller_v2": nil, // off by default
		"cloud_controller_v3": object{"href": r.base + "/v3", "meta": object{"version": versionV3}},
		"network_policy_v0":   link(r.base + "/networking/v0/external"),
		"network_policy_v1":   link(r.base + "/networking/v1/external"),
		"login":               link(r.base),
		"uaa":                 link(r.base),
		"credhub":             nil,
		"routing":             link(r.base + "/routing"),
		"logging":             nil,
		"log_cache":           link(r.base + "/log-cache"),
		"log_stream":          nil,
		"app_ssh": object{"href": "ssh.example.org:2222", "meta": object{
			"host_key_fingerprint": nil,
			"oauth_client":         "ssh-proxy",
		}},
	}})
}

// v3Root is GET /v3.
func (f *Foundation) v3Root(r *request) answer {
	links := object{"self": link(r.base + "/v3")}
	for _, name := range []string{
		"app_usage_events", "apps", "audit_events", "buildpacks", "droplets", "organizations", "processes", "roles",
		"service_brokers",
		"service_instances",
		"service_offerings", "service_plans", "service_usage_events", "spaces", "tasks",
	} {
		links[name] = link(r.base + "/v3/" + name)
	}
	return jsonAnswer(http.StatusOK, object{"links": links})
}

// info is GET /v3/info.
func (f *Foundation) info(r *request) answer {
	return jsonAnswer(http.StatusOK, object{
		"build": "", "name": "daybook simulate", "version": 0, "description": "A simulated foundation",
		"custom":         object{},
		"cli_version":    object{"minimum": "", "recommended": ""},
		"osbapi_version": "2.15",
		"rate_limits": object{
			"enabled": f.knobs.RateLimit > 0, "general_limit": f.knobs.RateLimit,
			"reset_interval_in_minutes": int(limitWindow.Minutes()),
		},
		"links": object{"self": link(r.base + "/v3/info"), "support": link("")},
	})
}

// usageSummary is GET /v3/info/usage_summary, for global readers only. Source:
// app/fetchers/global_usage_summary_fetcher.rb.
func (f *Foundation) usageSummary(r *request) answer {
	if !r.token.global() {
		return unknownRequest.answer()
	}
	return summarise(f.seen(), func(*sim.Space) bool { return true }).answer(r)
}
