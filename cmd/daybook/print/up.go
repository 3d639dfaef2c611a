package print

import (
	"fmt"
	"io"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Hints suggests commands for a running Daybook with a NATS server at this URL.
func Hints(w io.Writer, url string) {
	export := ""
	if url != "nats://"+bus.DefaultListen { // daybook and nats look there without NATS_URL
		export = "  export NATS_URL=" + url + "\n\n"
	}
	fmt.Fprintf(w, `
Daybook is running; Ctrl-C stops it. In another terminal (nats is the NATS CLI):

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
