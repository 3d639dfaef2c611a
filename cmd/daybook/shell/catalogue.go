package shell

import (
	"fmt"
	"os"

	"github.com/daybook-billing/daybook/pricer/catalogue"
)

// LoadCatalogue reads and checks a catalogue file. It returns the text, too, for publication.
func LoadCatalogue(name string) (parsed *catalogue.Catalogue, text []byte, err error) {
	if text, err = os.ReadFile(name); err != nil { //nolint:gosec // the user names the file
		return nil, nil, fmt.Errorf("cannot read the catalogue: %w", err)
	}
	parsed, err = catalogue.Check(name, text)
	return parsed, text, err
}
