package catalogue

import (
	"crypto/sha256"
	"fmt"

	"github.com/daybook-billing/daybook/events"
)

// TakenError reports a version with another text than an earlier one of its name.
type TakenError struct{ Version string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("catalogue version %q is published already, with another text. A version never changes: "+
		"publish this one under another name", e.Version)
}

// Texts are the digests of the texts of the versions in force so far, by name.
type Texts map[string][sha256.Size]byte

// Read reads a published version as the pricer does before it puts the version in force. It refuses
// one with mistakes (Problems) and one with another text than an earlier version of its name
// (*TakenError): then the version before stays in force.
func (t Texts) Read(c *events.Catalogue) (*Catalogue, error) {
	if text, known := t[c.Version]; known && text != sha256.Sum256([]byte(c.YAML)) {
		return nil, &TakenError{c.Version}
	}
	return Parse("catalogue."+c.Version, []byte(c.YAML))
}

// Keep keeps the text of a version in force.
func (t Texts) Keep(version, yaml string) { t[version] = sha256.Sum256([]byte(yaml)) }
