package shell

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/daybook-billing/daybook/pricer/bundle"
)

// DefaultSigningKey is the file of the key that signs, in the folder where a command runs.
const DefaultSigningKey = "daybook-signing-key.pem"

// SigningKey is the flag of the key that signs.
type SigningKey struct {
	SigningKey string `env:"DAYBOOK_SIGNING_KEY" default:"${signing_key}" placeholder:"FILE" help:"File of the key that signs (default: ${default})."`
}

// Load reads the key; nil where there is none at the default place.
func (f *SigningKey) Load() (ed25519.PrivateKey, error) {
	info, err := os.Stat(f.SigningKey)
	if errors.Is(err, fs.ErrNotExist) && f.SigningKey == DefaultSigningKey {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w: daybook keys generate makes one", err)
	}
	if info.Mode()&0o077 != 0 {
		return nil, fmt.Errorf("others than its owner may read the signing key %s: chmod 600 it", f.SigningKey)
	}
	text, err := os.ReadFile(f.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	key, err := bundle.ParsePrivate(text)
	if err != nil {
		return nil, fmt.Errorf("the signing key %s: %w", f.SigningKey, err)
	}
	return key, nil
}
