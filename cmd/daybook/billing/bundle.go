package billing

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/pricer/bundle"
)

type exportStatementCmd struct {
	shell.Reads
	shell.SigningKey
	tenantMonth
	Number uint64 `help:"Number of the statement or credit note; without it, the statement that stands."`
	Bundle string `required:"" placeholder:"FILE" help:"File to write, such as statement.tar.gz. An API signs with its own key."`
}

// Run writes a bundle.
func (c *exportStatementCmd) Run(e *shell.Env) error {
	if c.API != "" {
		return c.api(e)
	}
	key, err := c.Load()
	if err != nil {
		return err
	}
	b, err := c.Open(e.Ctx, "statement", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	a, err := shell.Answer(e.Ctx, b)
	if err != nil {
		return err
	}
	if c.Tenant, err = a.Tenant(e.Ctx, c.Tenant, c.Foundation); err != nil {
		return err
	}
	x, err := shell.Statement(e.Ctx, b, c.Tenant, c.Foundation, c.Month, c.Number)
	if err != nil {
		return err
	}
	contents, err := bundle.Collect(e.Ctx, a, x)
	if err == nil {
		err = contents.CollectFacts(e.Ctx, a)
	}
	if err == nil {
		err = writeFile(c.Bundle, func(file *os.File) error { return bundle.Write(file, contents, key) })
	}
	if err != nil {
		return fmt.Errorf("statement %d is not exported: %w", x.Number, err)
	}
	if key == nil {
		fmt.Fprintf(e.Stderr, "unsigned: there is no signing key %s; daybook keys generate makes one\n",
			c.SigningKey.SigningKey)
	}
	return nil
}

// api writes the bundle of an API.
func (c *exportStatementCmd) api(e *shell.Env) error {
	x, err := c.Statement(e, c.Tenant, c.Foundation, c.Month, c.Number)
	if err != nil {
		return err
	}
	signed := false
	err = writeFile(c.Bundle, func(file *os.File) error {
		_, err := c.Copy(e, "statements/{source}/{foundation}/{number}/bundle", &answer.StatementQuestion{
			Source: x.Source, Foundation: x.Foundation, Number: x.Number,
		}, file)
		if err == nil {
			signed, err = bundle.Signed(file)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("statement %d is not exported: %w", x.Number, err)
	}
	if !signed {
		fmt.Fprintln(e.Stderr, "unsigned: the API has no signing key; daybook keys generate makes one for it")
	}
	return nil
}

// writeFile writes the file as a whole or not at all.
func writeFile(name string, write func(file *os.File) error) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".daybook-bundle-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // it has its name by then
	err = write(file)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

type verifyBundleCmd struct {
	File string `arg:"" help:"File that daybook statement export has written."`
	Key  string `placeholder:"FILE" help:"Public key (PEM) of the issuer; without it any signature is taken, and its key is told."`
}

// Run checks a bundle. It ends with ErrDiffers where anything is otherwise than the bundle says.
func (c *verifyBundleCmd) Run(e *shell.Env) error {
	var public ed25519.PublicKey
	if c.Key != "" {
		text, err := os.ReadFile(c.Key)
		if err != nil {
			return fmt.Errorf("the public key: %w", err)
		}
		if public, err = bundle.ParsePublic(text); err != nil {
			return fmt.Errorf("the public key %s: %w", c.Key, err)
		}
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("the bundle: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was read
	report, err := bundle.Check(file, public)
	if err != nil {
		return fmt.Errorf("the bundle %s: %w", c.File, err)
	}
	if err := print.Bundle(e.Stdout, report); err != nil {
		return err
	}
	if !report.Right() {
		return shell.ErrDiffers
	}
	return nil
}
