package shell

import (
	"errors"
	"fmt"

	"github.com/daybook-billing/daybook/api/client"
)

// Reads are the flags of a command that reads: from NATS, or where API is set from there.
type Reads struct {
	NATS
	API       string `name:"api" env:"DAYBOOK_API_URL" placeholder:"URL" help:"Ask this API, not NATS, such as https://daybook.example.org."`
	Token     string `env:"DAYBOOK_TOKEN" help:"Token for the API. Others on this machine see command lines: use the variable, or --token-file."`
	TokenFile string `env:"DAYBOOK_TOKEN_FILE" placeholder:"FILE" help:"File of the token."`
	APICA     string `name:"ca" env:"DAYBOOK_API_CA" placeholder:"FILE" help:"CA certificates of the API (PEM; default: the system's)."`
}

// Ask asks the API of the flags: see client.Ask.
func Ask[O any](e *Env, f *Reads, path string, question any) (*O, error) {
	api, err := f.client()
	if err != nil {
		return nil, err
	}
	return client.Ask[O](e.Ctx, api, path, question)
}

// client is the API of the flags.
func (f *Reads) client() (*client.Client, error) {
	token := f.Token
	if f.TokenFile != "" {
		if token != "" {
			return nil, errors.New("give one token: --token-file, or DAYBOOK_TOKEN")
		}
		text, err := readSome(f.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("the token: %w", err)
		}
		token = string(text)
	}
	return client.New(client.Config{URL: f.API, Token: token, CAFile: f.APICA})
}
