package print

import (
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/internal/bus"
)

// System is a running Daybook, for Hints.
type System struct {
	NATS string // URL of its NATS server
	HTTP string // URL of its health checks and metrics; empty where they are off
	API  string // host:port of the API; empty where it is off
	Demo bool
	// Password is that of the account "operator" of the pages; empty for none.
	Password string
}

// Hints names the addresses of a running Daybook, and commands to try.
func Hints(w io.Writer, s System) {
	export := ""
	if s.NATS != "nats://"+bus.DefaultListen { // daybook and nats look there without NATS_URL
		export = "  export NATS_URL=" + s.NATS + "\n\n"
	}
	fmt.Fprintf(w, "\nDaybook is running; Ctrl-C stops it. Its NATS server is at %s.\n", s.NATS)
	if s.HTTP != "" {
		fmt.Fprintf(w, "%[1]s/readyz says whether all services are at work, %[1]s/metrics how they are doing.\n",
			s.HTTP)
	} else {
		fmt.Fprintln(w, "With --http 127.0.0.1:9464 it serves /healthz, /readyz and /metrics there.")
	}
	if s.API != "" {
		fmt.Fprintf(w, "Look at http://%[1]s/ in a browser. Its API is at http://%[1]s/v1/totals?by=tenant,month, "+
			"without a token for this machine alone; docs/api.md tells more.\n", s.API)
		if s.Password != "" {
			fmt.Fprintf(w, "To decide something there, sign in as operator with the password %s, which is good "+
				"until Daybook stops.\n", s.Password)
		}
	}
	if s.Demo {
		fmt.Fprintln(w, "Odd on purpose in the demo: a build that fails, an ending without a beginning, a database "+
			"that is held, a volume of unknown size, a deletion in October that was known in November, three "+
			"inputs in "+
			"quarantine.")
	}
	fmt.Fprintf(w, `
In another terminal (nats is the NATS CLI):

%s  daybook bill                 the bill
  daybook status               how far collecting has come
  nats stream ls               the streams
  nats stream view USAGE       what the platforms reported
  nats stream view METERED     what ran
  nats stream view BILLING     what it costs
  nats sub 'billing.charge.>'  charges as they are posted
  daybook collect file FILE    collect more
`, export)
}
