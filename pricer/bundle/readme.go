package bundle

import (
	"fmt"

	"github.com/daybook-billing/daybook/events/statement"
)

// readme is the text for a person who opens a bundle.
func readme(x *statement.Statement) string {
	what := fmt.Sprintf("statement %d", x.Number)
	if x.CreditNote() {
		what = fmt.Sprintf("credit note %d, which takes back statement %d", x.Number, x.Credits)
	}
	return fmt.Sprintf(readmeText, what, x.Tenant, x.Month, x.Source, x.Foundation)
}

const readmeText = `This is %s
of tenant %s, month %s, foundation %s/%s,
with all that is needed to compute it again.

statement.json      The statement. "amount" and "vat" are exact; "rounded_amount" and
                    "rounded_vat" are in the currency's minor unit.
entries.jsonl       Its entries, one JSON object a line, sorted by id. Those with the
                    entry "correction" are of an earlier month, and have no span. The
                    entries of a credit note are those of the statement that it takes back.
spans.jsonl         What ran: the span of each charge, its evidence (sequences of facts),
                    and "terms", an index into the terms of terms.json.
facts.jsonl         The evidence. "body" is a message as it is stored; its "raw" is the
                    platform's own JSON.
catalogues/*.yaml   The prices. terms.json names the versions; "before" is the version
                    in force up to a time, where a run began earlier.
chains.json         Digests of all messages of two streams up to one. Who has the
                    streams can compare them (header Daybook-Chain).
manifest.json       Size and SHA-256 of each file above.
signature.json      An ed25519 signature over the bytes of manifest.json. Compare the
                    fingerprint with the one that the issuer has told you. An unsigned
                    bundle has no such file.

With Daybook, without a server:

    daybook statement verify FILE.tar.gz --key public.pem

With Python alone: docs/recompute.py of Daybook's source does the steps 1 to 5.

    python3 recompute.py FILE.tar.gz

By hand:

 1. sha256sum of each file is that of manifest.json.
 2. sha256sum entries.jsonl is the "digest" of statement.json; the number of lines is
    its "entries".
 3. Each line of the statement is the sum of the entries with its plan, component, month,
    unit, rates and currency. A credit note has the negative.
 4. Each of "rates" is the sum of the lines with its currency and VAT rate. Amount and
    VAT are rounded half-even once, to the currency's minor unit. The lines are rounded
    down, and the units that are left go to the largest remainders, so that they add up.
 5. Each of "totals" is the sum of the rounded rates of its currency.
 6. The amount of each charge is the price of its component, from the catalogue, for its
    time and the footprint of its span, rounded half-even to 12 places; VAT likewise.
`
