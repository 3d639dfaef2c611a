package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

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
		Reader:   s.pageReader,
		SignIns:  s.signIns(),
		Open:     s.auth.Open(),
		Sessions: s.sessions,
		URL:      s.cfg.Auth.URL,
		Refuse:   auth.Refuse, Log: s.log, Now: s.now, Version: s.version,
	})
}

// signIns are the ways to sign in; nil for an authenticator without any.
func (s *Server) signIns() ui.SignIns {
	ways, _ := s.auth.(ui.SignIns)
	return ways
}

// pageReader is the sender of a request for a page.
func (s *Server) pageReader(r *http.Request) (*ui.Reader, error) {
	access, guard, err := s.access(r)
	if err != nil {
		return nil, err
	}
	return &ui.Reader{Asker: asker(&access), Open: access.Kind == auth.KindOpen, Guard: guard}, nil
}

// guardHeader has the guard of a session in requests that are no form.
const guardHeader = "X-Daybook-Guard"

// access is the access of a request: of its session, where it has one and no token. guard is that
// of the session's forms. Without the guard a session reads alone, for a page of another site sends
// the cookies, too.
func (s *Server) access(r *http.Request) (access auth.Access, guard string, err error) {
	ways := s.signIns()
	kept, signedIn := s.sessions.Of(r)
	if ways == nil || !signedIn || len(r.Header.Values("Authorization"))+len(r.Header.Values("X-Auth-Token")) > 0 {
		access, err = s.auth.Authenticate(r.Context(), r)
		return access, "", err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !kept.Guards(r.Header.Get(guardHeader)) &&
		!strings.HasPrefix(r.URL.Path, ui.Root) {
		return access, "", fmt.Errorf("%w: a session acts by the pages alone", auth.ErrForbidden)
	}
	access, err = ways.Present(r.Context(), auth.Credential{Kind: kept.Kind, Token: kept.Token})
	return access, kept.Guard, err
}
