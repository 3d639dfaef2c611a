package print

import (
	"fmt"
	"io"
)

// standardURL is where daybook and nats look for a server without NATS_URL.
const standardURL = "nats://127.0.0.1:4222"

// Hints says what to try next with a running Daybook, whose NATS server has this URL.
func Hints(w io.Writer, url string) {
	export := ""
	if url != standardURL {
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
