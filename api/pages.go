package api

import (
	"context"
	"net/http"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/api/ui"
)

// pages are the web pages on the same answers.
func (s *Server) pages() (*ui.Pages, error) {
	return ui.New(ui.Deps{
		API: func(w http.ResponseWriter, r *http.Request, who *answer.Asker) {
			s.answering.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askerKey{}, who)))
		},
		Reader: func(r *http.Request) (*ui.Reader, error) {
			access, err := s.auth.Authenticate(r.Context(), r)
			if err != nil {
				return nil, err
			}
			return &ui.Reader{Asker: asker(&access), Open: access.Kind == auth.KindOpen}, nil
		},
		Refuse: auth.Refuse, Log: s.log, Now: s.now, Version: s.version,
	})
}
