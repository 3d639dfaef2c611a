package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
)

// newHandler is the handler of all requests.
func (s *Server) newHandler(deps *Deps) (http.Handler, error) {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Daybook", s.version)
	cfg.Info.Description = "What ran, what it costs, and why. docs/api.md shows how to use it."
	cfg.DocsPath, cfg.SchemasPath = "", ""
	cfg.CreateHooks = nil // no $schema in answers
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An access token of a UAA, or a static token."},
	}
	routes := humago.New(mux, cfg)
	s.routes(routes)
	s.queries = newQueried(routes.OpenAPI())
	s.answering = s.metrics.counted(overNATS, mux, s.recovered(mux))
	s.paas(deps).Register(mux)
	pages, err := s.pages()
	if err != nil {
		return nil, err
	}
	pages.Register(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "there is nothing here: /openapi.json lists what there is")
	})
	// A page of charges takes longer to compress than to find: half the size is enough.
	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	compressed := compress(mux)
	handler := s.recovered(s.authenticated(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, livePath) {
			mux.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	})))
	return s.metrics.counted(overHTTP, mux, handler), nil
}

// problem writes an error as problem details.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}

// recovered answers after a panic of a handler.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				s.log.Error("answering failed", slog.String("path", r.URL.Path), slog.Any("panic", cause),
					slog.String("stack", string(debug.Stack())))
				problem(w, http.StatusInternalServerError, errInternal)
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// versioned is the root of everything with an access.
const versioned = "/v1/"

// askerKey is the key of the answer.Asker in the context of a request.
type askerKey struct{}

// authenticated finds the sender of a request below /v1.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, versioned) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Add("Vary", "Authorization")
		w.Header().Add("Vary", "X-Auth-Token")
		access, _, err := s.access(r)
		if err != nil {
			status, detail := auth.Refuse(w.Header(), err)
			if status >= http.StatusInternalServerError {
				s.log.Warn("nobody can be asked whether a token is good", slog.Any("error", err))
			}
			problem(w, status, detail)
			return
		}
		who := asker(&access)
		if r, err = s.named(r, who); err != nil {
			status, detail, headers := s.refusal(r.Context(), "names", err)
			maps.Copy(w.Header(), headers)
			problem(w, status, detail)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askerKey{}, who)))
	})
}

// named has a guid for the name of a tenant in a request's parameters.
func (s *Server) named(r *http.Request, asker *answer.Asker) (*http.Request, error) {
	query := r.URL.Query()
	tenant := query.Get(tenantParameter)
	if tenant == "" {
		return r, nil
	}
	guid, err := s.answers.TenantOf(r.Context(), asker, tenant, query.Get("foundation"))
	if err != nil || guid == tenant {
		return r, err
	}
	query.Set(tenantParameter, guid)
	own := r.Clone(r.Context())
	own.URL.RawQuery = query.Encode()
	return own, nil
}

// askerOf is the sender of a request below /v1.
func askerOf(ctx context.Context) *answer.Asker {
	if asker, ok := ctx.Value(askerKey{}).(*answer.Asker); ok {
		return asker
	}
	return &answer.Asker{} // may see nothing
}
