package api

import (
	"github.com/danielgtaylor/huma/v2"
)

// operations are what operators do, with the previews of it.
func (s *Server) operations(api huma.API) {
	o := s.operate
	heavy(s, api, "month-closing", "/months/{month}/closing", "What the closing of a month would do; nothing is stored",
		o.Closing)
	post(s, api, "close-month", "/months/{month}/closing", "Close a month of a foundation", o.Close)
	post(s, api, "reopen-month", "/months/{month}/reopening", "Open the last closed month of a foundation again",
		o.Reopen)
	get(s, api, "month-policies", "/months/policies", "How the open months of foundations close", o.Policies)
	post(s, api, "month-mode", "/months/mode", "Say how open months close", bodied(o.Mode))
	post(s, api, "month-grace", "/months/grace", "Say when open months close by themselves", bodied(o.Grace))
}
