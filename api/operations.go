package api

import (
	"github.com/danielgtaylor/huma/v2"
)

// operations are the acts of operators, with their previews.
func (s *Server) operations(api huma.API) {
	o, v := s.operate, s.verification
	heavy(s, api, "month-closing", "/months/{month}/closing", "What the closing of a month would do; nothing is stored",
		o.Closing)
	post(s, api, "close-month", "/months/{month}/closing", "Close a month of a foundation", o.Close)
	post(s, api, "reopen-month", "/months/{month}/reopening", "Open the last closed month of a foundation again",
		o.Reopen)
	get(s, api, "month-policies", "/months/policies", "How the open months of foundations close", o.Policies)
	post(s, api, "month-mode", "/months/mode", "Say how open months close", bodied(o.Mode))
	post(s, api, "month-grace", "/months/grace", "Say when open months close by themselves", bodied(o.Grace))
	post(s, api, "check-catalogue", "/catalogues/check", "The mistakes of a catalogue, by line and column",
		oneOfFew(s, bodied(o.Check)))
	post(s, api, "preview-catalogue", "/catalogues/preview", "What the publication of a catalogue would change",
		oneOfFew(s, bodied(o.Preview)))
	post(s, api, "publish-catalogue", "/catalogues", "Put a catalogue version in force",
		oneOfFew(s, bodied(o.Publish)))
	post(s, api, "rollback-catalogue", "/catalogues/{version}/rollback", "Put an earlier version in force again",
		oneOfFew(s, o.Rollback))
	heavy(s, api, "quarantine", "/quarantine", "Input that nobody understood, in pages", o.Quarantine)
	heavy(s, api, "quarantined", "/quarantine/{sequence}", "An input with its whole text, and why it was refused",
		o.Input)
	post(s, api, "resubmit", "/quarantine/resubmit", "Put input through this version again, and store the facts",
		oneOfFew(s, bodied(o.Resubmit)))
	post(s, api, "discard", "/quarantine/discard", "Say that input needs nothing more", oneOfFew(s, bodied(o.Discard)))
	get(s, api, "verification", "/verification", "The last verification of METERED and BILLING, and its progress",
		v.State)
	post(s, api, "verify", "/verification", "Derive METERED and BILLING again, and compare", bodied(v.Begin))
	post(s, api, "stop-verification", "/verification/stop", "Stop the verification under way", v.Stop)
}
