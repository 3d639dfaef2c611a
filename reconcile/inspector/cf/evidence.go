package cf

import (
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// answer is what the platform says of one thing: a JSON object, nil where it was not kept.
type answer struct {
	of  string
	raw []byte
}

// evidence is an object with the answers by name, verbatim but for removed secrets. What does not
// fit is left out with a word.
func evidence(answers []answer) []byte {
	b := []byte{'{'}
	for _, a := range answers {
		if a.raw == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, a.of), ':')
		clean, err := withoutSecrets(a.raw)
		switch {
		case err != nil:
			b = append(b, `"left out: it is no JSON object"`...)
		case len(b)+len(clean)+len(answers)*reserve > maxEvidence:
			b = fmt.Appendf(b, `"left out: %d bytes"`, len(clean))
		default:
			b = append(b, clean...)
		}
	}
	if len(b) == 1 {
		return nil
	}
	return append(b, '}')
}

// reserve is room for the names of answers, and for the words about one that is left out.
const reserve = 128

// withoutSecrets is an object without the members that may hold a secret, and without the secrets
// of URLs.
func withoutSecrets(raw []byte) ([]byte, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return nil, err
	}
	return d.Root().Append(nil, jsondoc.Edit{
		Drop: func(key []byte) bool { return redact.SecretKey(string(key)) }, Text: redact.Value,
	}), nil
}
