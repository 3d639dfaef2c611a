package billing

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

// Keys groups the commands about the key that signs bundles.
type Keys struct {
	Generate generateKeyCmd `cmd:"" help:"Make a key (ed25519, PKCS #8 in PEM, mode 0600), and print its public key."`
	Show     showKeyCmd     `cmd:"" help:"Print the public key (PEM), for those who check bundles."`
}

type generateKeyCmd struct{ shell.SigningKey }

// Run makes a key. It never overwrites one.
func (c *generateKeyCmd) Run(e *shell.Env) (err error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	text, err := bundle.PrivatePEM(key)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.SigningKey.SigningKey, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("the key is not made: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return showKey(e, key)
}

type showKeyCmd struct{ shell.SigningKey }

// Run prints the public key.
func (c *showKeyCmd) Run(e *shell.Env) error {
	key, err := c.Load()
	if err != nil {
		return err
	}
	if key == nil {
		return fmt.Errorf("there is no signing key %s: daybook keys generate makes one", c.SigningKey.SigningKey)
	}
	return showKey(e, key)
}

// showKey prints the public key, and its fingerprint beside it.
func showKey(e *shell.Env, key ed25519.PrivateKey) error {
	public := key.Public().(ed25519.PublicKey) //nolint:errcheck // by its contract
	text, err := bundle.PublicPEM(public)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Stderr, "fingerprint %s\n", bundle.Fingerprint(public))
	_, err = e.Stdout.Write(text)
	return err
}
